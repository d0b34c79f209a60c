"""P and Q within the cells of a grid, where they are known: edges of a known shape, finer data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from mfgprox.density import (
    ArrayDensity,
    Density,
    DensityError,
    Edged,
    Image,
    Mixture,
    Samples,
    has_edges,
    sample,
)
from mfgprox.density.base import normalised
from mfgprox.grid import Grid
from mfgprox.problem import Problem

PARTS = 4
"""Parts of a cell an axis in which a density with edges is looked up."""
FINE_PARTS = 8
"""The same where only the cells that edges cut are looked up: their barycentres to 1e-3 or so."""
MOST_PARTS = 2**20
"""Parts of all cells in which data that are finer than the grid are looked up, at most; more where
these are less than halves of the cells."""


def in_parts(problem: Problem) -> np.ndarray | None:
    """Q on the grid of PARTS times as many cells; None for densities without such edges."""
    density = problem.densities[1]
    return _on(density, problem.grid, PARTS) if has_edges(density, problem.grid) else None


def source_within_cells(problem: Problem) -> np.ndarray | None:
    """P on the grid of as many times more cells as it takes to resolve it; None for densities that
    are smooth within the cells."""
    density, grid = problem.densities[0], problem.grid
    if has_edges(density, problem.grid):
        return _on(density, grid, min(PARTS, _most(grid)))
    return _finer(density, problem)


@dataclass(frozen=True, eq=False)
class Parts:
    """How a density lies within some cells of a grid on the line or in the plane.

    cells (m,): flat indices; shares (m, ky, kx): of the mass of each in its parts, adding up to 1.
    """

    cells: np.ndarray
    shares: np.ndarray

    @property
    def barycentres(self) -> tuple[np.ndarray, np.ndarray]:
        """How far from the centres the mass lies, in cells along x and y, (m,)."""
        ky, kx = self.shares.shape[1:]
        x, y = ((np.arange(k) + 0.5) / k - 0.5 for k in (kx, ky))
        return self.shares.sum(axis=1) @ x, self.shares.sum(axis=2) @ y


def target_in_parts(problem: Problem) -> Parts | None:
    """Q within the cells that an edge cuts, or within all with mass where data are finer than the
    grid; None for densities that are smooth within the cells."""
    density = problem.densities[1]
    if has_edges(density, problem.grid):
        return _parts(*_cut(problem))
    fine = _finer(density, problem)
    if fine is None or fine.size == problem.Q.size:
        return None
    ny, nx = problem.grid.kernel_shape[1:]
    blocks = fine.reshape(ny, fine.shape[0] // ny if fine.ndim == 2 else 1, nx, -1)
    cells = np.flatnonzero(problem.Q > 0.0)
    i, j = np.unravel_index(cells, (ny, nx))
    return _parts(cells, blocks[i, :, j, :])


def _parts(cells: np.ndarray, values: np.ndarray) -> Parts | None:
    total = values.sum(axis=(1, 2), keepdims=True)
    held = total.ravel() > 0.0
    return Parts(cells[held], values[held] / total[held]) if held.any() else None


def _cut(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """The cells that edges of Q cut, and Q in FINE_PARTS of each an axis, (m, ky, kx)."""
    density, grid = problem.densities[1], problem.grid
    cut, edged = np.zeros(grid.shape, bool), []
    for weight, part in _components(density):
        if isinstance(part, Edged) and part.has_edges(grid):
            edged.append((weight, part))
            cut |= part.cut(grid)
    cells = np.flatnonzero(cut & (problem.Q > 0.0))
    index = np.unravel_index(cells, grid.shape)[::-1]
    values = np.zeros((cells.size, *(FINE_PARTS if n > 1 else 1 for n in grid.kernel_shape[1:])))
    for weight, other in _components(density):
        if not has_edges(other, grid):
            inside = weight * (1.0 - other.cut_off(grid))
            values += inside * np.exp(normalised(other, grid)).ravel()[cells][:, None, None]
    corner = [grid.edges(a)[k] for a, k in enumerate(index)]
    steps = [h / FINE_PARTS for h in grid.spacing]
    # Of all parts of all cells at once, x fastest.
    places = [k.ravel() for k in np.indices((FINE_PARTS,) * grid.dimension)[::-1]]
    low = [(x[:, None] + h * k).ravel() for x, h, k in zip(corner, steps, places, strict=True)]
    high = [x + h for x, h in zip(low, steps, strict=True)]
    for weight, part in edged:
        inside = weight * (1.0 - part.cut_off(grid))
        log_mass = float(logsumexp(part.log_density(grid))) + math.log(grid.cell_volume)
        log_means = part.log_means(grid, low, high)
        values += inside * np.exp(log_means - log_mass).reshape(values.shape)
    return cells, values


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


def _finer(density: Density, problem: Problem) -> np.ndarray | None:
    """Data on parts of the cells that resolve them; None for other densities."""
    if not isinstance(density, ArrayDensity | Image):
        return None
    return _on(density, problem.grid, _resolving(density.values.shape, problem.grid))


def _resolving(shape: tuple[int, ...], grid: Grid) -> int:
    """Parts of a cell an axis that are no wider than the cells of data of that shape."""
    parts = max(math.ceil(n / m) for n, m in zip(shape, grid.shape, strict=True))
    return min(parts, _most(grid))


def _most(grid: Grid) -> int:
    """Parts of a cell an axis, two at least, that are MOST_PARTS in all at most."""
    return max(2, int((MOST_PARTS / math.prod(grid.cells)) ** (1.0 / grid.dimension)))


def _on(density: Density, grid: Grid, parts: int) -> np.ndarray | None:
    try:
        return sample(density, grid.with_cells(tuple(n * parts for n in grid.cells))).values
    except DensityError:
        return None


def _components(density: Density, weight: float = 1.0) -> Iterator[tuple[float, Density]]:
    """The parts of a mixture, of mixtures of mixtures too, with their weights."""
    if not isinstance(density, Mixture):
        yield weight, density
        return
    for share, part in zip(density.weights, density.components, strict=True):
        yield from _components(part, weight * float(share))
