"""Densities that come as data."""

from __future__ import annotations

import numpy as np

from mfgprox.density.base import DensityError
from mfgprox.grid import Grid


class ArrayDensity:
    """Densities (not masses) given on the cells of `grid`; averaged conservatively onto others.

    Raises DensityError for a shape that does not fit, negative or non-finite values, no mass.
    """

    smooth = False

    def __init__(self, values: np.ndarray, grid: Grid) -> None:
        values = np.asarray(values, float)
        if values.shape != grid.shape:
            raise DensityError(
                f"the array has shape {values.shape}, the grid {grid.shape} (order z, y, x)"
            )
        if not np.all(np.isfinite(values)) or np.any(values < 0.0):
            raise DensityError("the array has negative values or values that are not finite")
        if not values.any():
            raise DensityError("the array has no mass")
        self.values, self.grid = values, grid

    def log_density(self, grid: Grid) -> np.ndarray:
        values = self.values
        for axis in range(grid.dimension):
            a = grid.dimension - 1 - axis
            values = _average(values, a, self.grid.edges(axis), grid.edges(axis))
        return np.log(values, out=np.full(values.shape, -np.inf), where=values > 0.0)

    def cut_off(self, grid: Grid) -> float:
        return 0.0


def _average(values: np.ndarray, axis: int, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Averages over the new cells of a function constant on the old ones."""
    if old.size == new.size and np.allclose(old, new):
        return values
    overlap = np.minimum(old[1:], new[1:, None]) - np.maximum(old[:-1], new[:-1, None])
    weights = np.maximum(overlap, 0.0) / np.diff(new)[:, None]
    return np.moveaxis(np.tensordot(weights, values, axes=(1, axis)), 0, axis)
