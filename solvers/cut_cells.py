"""P and Q within the cells of a grid, where they are known: edges of a known shape, finer data."""

from __future__ import annotations

import math
from types import UnionType

import numpy as np

from mfgprox.density import ArrayDensity, DensityError, Image, Ring, Samples, Uniform, sample
from mfgprox.density.base import Density
from mfgprox.grid import Grid
from mfgprox.problem import Problem

PARTS = 4
"""Parts of a cell an axis in which a density with edges is looked up."""
MOST_PARTS = 2**20
"""Parts of all cells in which data that are finer than the grid are looked up, at most; more where
these are less than halves of the cells."""


def in_parts(problem: Problem) -> np.ndarray | None:
    """Q on the grid of PARTS times as many cells; None for densities without such edges."""
    density = problem.densities[1]
    return _on(density, problem.grid, PARTS) if has_edges(density) else None


def within_cells(problem: Problem, which: int) -> np.ndarray | None:
    """P (0) or Q (1) on the grid of as many times more cells as it takes to resolve it; None for
    densities that are smooth within the cells."""
    density = problem.densities[which]
    if has_edges(density):
        return _on(density, problem.grid, PARTS)
    if isinstance(density, ArrayDensity | Image):
        return _on(density, problem.grid, _finer(density.values.shape, problem.grid))
    return None


def as_data(problem: Problem) -> Problem:
    """The same problem with points that are counted in its cells as data on its grid: on other
    grids they are those averages, not counted again."""
    if not any(isinstance(d, Samples) and not d.smooth for d in problem.densities):
        return problem
    P, Q = (
        ArrayDensity(values, problem.grid) if isinstance(d, Samples) and not d.smooth else d
        for d, values in zip(problem.densities, (problem.P, problem.Q), strict=True)
    )
    return Problem(
        P,
        Q,
        epsilon=problem.epsilon,
        grid=problem.grid,
        f_divergence=problem.divergence,
        cost=problem.cost,
        transport_axes=None if problem.split is None else problem.transport_axes,
    )


def _finer(shape: tuple[int, ...], grid: Grid) -> int:
    """Parts of a cell an axis that are no wider than the cells of data of that shape."""
    parts = max(math.ceil(n / m) for n, m in zip(shape, grid.shape, strict=True))
    most = int((MOST_PARTS / math.prod(grid.cells)) ** (1.0 / grid.dimension))
    return min(parts, max(2, most))


def _on(density: Density, grid: Grid, parts: int) -> np.ndarray | None:
    try:
        return sample(density, grid.with_cells(tuple(n * parts for n in grid.cells))).values
    except DensityError:
        return None


def has_edges(density: Density) -> bool:
    """Whether the density jumps along edges of a known shape."""
    return _any(density, Ring | Uniform)


def has_curved_edges(density: Density) -> bool:
    """Whether it does so along edges that cut each cell in another way."""
    return _any(density, Ring)


def _any(density: Density, kinds: type | UnionType) -> bool:
    return any(isinstance(c, kinds) for c in getattr(density, "components", (density,)))
