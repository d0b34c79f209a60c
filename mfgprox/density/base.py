"""What a density is to the rest of the package: logarithms on the cells of a grid, mass one.

Smooth kinds are sampled at the cell centres (spectrally accurate for what decays inside the box),
kinds with edges are averaged over the cells. A zero is a zero: its logarithm is -inf, no floor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from scipy.special import logsumexp

from mfgprox.grid import Grid

MAX_SUBCELLS = 2**22


class DensityError(ValueError):
    """A density that cannot be used: negative, not finite, without mass, unreadable, cut off."""


@runtime_checkable
class Density(Protocol):
    """One kind of density."""

    @property
    def smooth(self) -> bool:
        """Sampled at cell centres (True) or averaged over cells (False); see `is_smooth`."""
        ...

    def log_density(self, grid: Grid) -> np.ndarray:
        """Logarithm of the density, up to a constant, on the cells: (…, z, y, x), -inf where zero.

        Raises DensityError where it cannot be evaluated there.
        """
        ...

    def cut_off(self, grid: Grid) -> float:
        """The share of its mass that lies outside the box, 0 to 1."""
        ...


@runtime_checkable
class Edged(Density, Protocol):
    """A density that may jump along edges, and knows itself within the cells that these cut."""

    def has_edges(self, grid: Grid) -> bool:
        """Whether there are any in the box of the grid, whatever its cells."""
        ...

    def cut(self, grid: Grid) -> np.ndarray:
        """The cells that edges cut, grid.shape, bool."""
        ...

    def log_means(self, grid: Grid, low: list[np.ndarray], high: list[np.ndarray]) -> np.ndarray:
        """Logarithms of the means over m boxes, on the scale of `log_density`.

        low, high: (m,) for each axis, x first.
        """
        ...


def has_edges(density: Density, grid: Grid) -> bool:
    """Whether the density, or one of the components of a mixture, jumps within the box along edges
    that are known within the cells."""
    known = getattr(density, "has_edges", None)
    return known is not None and bool(known(grid))


def is_smooth(density: Density, grid: Grid) -> bool:
    """Whether the density is sampled at the cell centres everywhere in the box of the grid."""
    return density.smooth and not has_edges(density, grid)


@dataclass(frozen=True, eq=False)
class Sampled:
    """A density on a grid: values and log_values shaped grid.shape, per unit volume, mass one."""

    values: np.ndarray
    log_values: np.ndarray
    cut_off: float
    smooth: bool


def sample(density: Density, grid: Grid) -> Sampled:
    """The density on the grid, normalised in the logarithm.

    Raises DensityError for values that are nan or +inf and for a density without mass there.
    """
    log_values, smooth = normalised(density, grid), is_smooth(density, grid)
    return Sampled(np.exp(log_values), log_values, float(density.cut_off(grid)), smooth)


def normalised(density: Density, grid: Grid) -> np.ndarray:
    """The logarithm of the density with mass one on the grid. Raises DensityError as `sample`."""
    log_values = np.asarray(density.log_density(grid), float)
    if log_values.shape != grid.shape:
        raise DensityError(
            f"the density has shape {log_values.shape}, the grid {grid.shape} (order z, y, x)"
        )
    if np.any(np.isnan(log_values)) or np.any(np.isposinf(log_values)):
        raise DensityError("the density has values that are not finite on this grid")
    if not np.any(np.isfinite(log_values)):
        raise DensityError("the density has no mass on this grid")
    return log_values - (float(logsumexp(log_values)) + math.log(grid.cell_volume))


def logarithm(values: np.ndarray) -> np.ndarray:
    """log of values >= 0, -inf where they are 0."""
    return np.log(values, out=np.full(values.shape, -np.inf), where=values > 0.0)


def require_dimension(dimension: int, grid: Grid) -> None:
    """Raises DensityError if a density has other axes than the grid."""
    if dimension != grid.dimension:
        raise DensityError(f"the density has {dimension} axes, the grid {grid.dimension}")


def resolving(
    log_at_centers: Callable[[Grid], np.ndarray], grid: Grid, lengths: tuple[float, ...]
) -> np.ndarray:
    """Samples at the cell centres, or averages over each cell along axes that are too coarse.

    lengths: the shortest scale on each axis, x first, such as a standard deviation. Below half a
    cell, centre samples miss or invent mass (by 1 % and more), so sub-cells are averaged there.
    """
    factors = [
        1 if s >= 0.5 * h else math.ceil(2.0 * h / max(s, 1e-3 * h))
        for s, h in zip(lengths, grid.spacing, strict=True)
    ]
    while math.prod(grid.cells) * math.prod(factors) > MAX_SUBCELLS and max(factors) > 1:
        widest = factors.index(max(factors))
        factors[widest] = (factors[widest] + 1) // 2
    if max(factors) == 1:
        return log_at_centers(grid)
    fine = grid.with_cells(tuple(n * k for n, k in zip(grid.cells, factors, strict=True)))
    blocks: list[int] = []
    for n, k in zip(grid.shape, factors[::-1], strict=True):
        blocks += [n, k]
    parts = tuple(range(1, len(blocks), 2))
    values = log_at_centers(fine).reshape(blocks)
    return np.asarray(logsumexp(values, axis=parts)) - math.log(math.prod(factors))
