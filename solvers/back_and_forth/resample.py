"""Potentials from one grid to another one over the same box."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

from mfgprox.grid import Grid
from mfgprox.solution import Solution
from mfgprox.solvers.warm import Useless, not_used, terminal_potential


def prolonged(
    psi: np.ndarray, shape: tuple[int, int, int], finer: tuple[int, int, int]
) -> np.ndarray:
    """psi, flat on cells of that shape, at the centres of other equal cells of the same box, flat;
    linear between the centres, constant beyond them."""
    places = [
        np.clip((np.arange(m) + 0.5) * n / m - 0.5, 0.0, n - 1.0)
        for n, m in zip(shape, finer, strict=True)
    ]
    at = np.meshgrid(*places, indexing="ij")
    return np.asarray(map_coordinates(psi.reshape(shape), at, order=1, mode="nearest")).ravel()


def carried(start: Solution, grid: Grid) -> tuple[np.ndarray | None, str]:
    """psi = -U_1 of another solution on a grid, flat, or None and the sentence that says why."""
    other = start.problem.grid
    if (other.lower, other.upper) != (grid.lower, grid.upper):
        return None, not_used(start.solver, "its box is another one")
    try:
        psi = -terminal_potential(start)
    except Useless as error:
        return None, not_used(start.solver, str(error))
    return prolonged(psi.ravel(), other.kernel_shape, grid.kernel_shape), ""
