"""Where particles of P go, for lines in a picture.

A prox moves each particle on a straight line with the velocity v = -H'(∇U_0) that it starts with
(Baptista et al., Proximal optimal transport divergences, (2.25)); a gradient flow moves it along
-∇U_t, level by level; a JKO flow by the optimal map of each of its steps.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

from mfgprox.grid import Grid
from mfgprox.slopes import velocities
from mfgprox.solution import Solution

COUNT = {1: 24, 2: 140, 3: 110}
NO_MASS = 1e-8
"""Share of the largest density below which a cell is no target."""


def trajectories(solution: Solution, levels: list[int]) -> np.ndarray:
    """Places at these time levels, (levels, particles, axes), axes in the order x, y, z.

    Each particle carries the same share of the mass of P. Those that would leave the box, as
    where U_0 is not known well, are left out.
    """
    grid = solution.problem.grid
    if grid.dimension == 1:
        return _quantiles(solution, levels)
    starts = _starts(solution.problem.P, COUNT[grid.dimension])
    places = _along_flow(solution, starts) if solution.flow else _straight(solution, starts)
    low, high = np.array(grid.lower), np.array(grid.upper)
    inside = np.isfinite(places) & (places >= low) & (places <= high)
    return places[levels][:, inside.all(axis=(0, 2))]


def _quantiles(solution: Solution, levels: list[int]) -> np.ndarray:
    """On a line the optimal map keeps the order, so that particles stay at their quantiles."""
    edges, shares = solution.problem.grid.edges(0), (np.arange(COUNT[1]) + 0.5) / COUNT[1]
    paths = []
    for k in levels:
        cumulative = np.concatenate([[0.0], np.cumsum(solution.rho[k])])
        paths.append(np.interp(shares, cumulative / cumulative[-1], edges))
    return np.array(paths)[:, :, None]


def _starts(P: np.ndarray, count: int) -> np.ndarray:
    """Indices of the cells of particles of equal mass, (count, axes) in the order of the array.

    Spread evenly over the mass, taken in an order in which neighbours stay together.
    """
    cells = np.flatnonzero(P.ravel() > 0.0)
    index = np.array(np.unravel_index(cells, P.shape))
    order = np.argsort(_interleaved(index), kind="stable")
    cumulative = np.cumsum(P.ravel()[cells[order]])
    shares = (np.arange(count) + 0.5) / count * cumulative[-1]
    return index[:, order[np.searchsorted(cumulative, shares)]].T


def _interleaved(index: np.ndarray) -> np.ndarray:
    """The bits of the coordinates in turn: the order of Morton."""
    code = np.zeros(index.shape[1], np.int64)
    for bit in range(20):
        for axis, coordinate in enumerate(index):
            code |= ((coordinate >> bit) & 1).astype(np.int64) << (bit * len(index) + axis)
    return code


def _straight(solution: Solution, starts: np.ndarray) -> np.ndarray:
    grid = solution.problem.grid
    cells = tuple(starts.T)
    velocity = np.array([v[cells] for v in velocities(solution)]).T
    origin = np.array([grid.centers(a)[starts[:, -1 - a]] for a in range(grid.dimension)]).T
    return origin + solution.times[:, None, None] * velocity


def _along_flow(solution: Solution, starts: np.ndarray) -> np.ndarray:
    grid = solution.problem.grid
    place = np.array([grid.centers(a)[starts[:, -1 - a]] for a in range(grid.dimension)]).T
    step = _implicit if solution.flow == "jko" else _explicit
    places = [place]
    for k in range(len(solution.times) - 1):
        places.append(step(solution, k, places[-1]))
    return np.array(places)


def _explicit(solution: Solution, k: int, place: np.ndarray) -> np.ndarray:
    """A step of Heun's method along -∇U_t."""
    grid, dt = solution.problem.grid, solution.times[k + 1] - solution.times[k]
    first = _at(velocities(solution, k), place, grid)
    second = _at(velocities(solution, k + 1), place + dt * first, grid)
    return place + 0.5 * dt * (first + second)


def _implicit(solution: Solution, k: int, place: np.ndarray) -> np.ndarray:
    """The map of a JKO step: y that minimises |x - y|^2 / (2 dt) + U(y), U after the step.

    Over the cells that have mass then, and between them by a parabola along each axis.
    """
    grid, dt = solution.problem.grid, solution.times[k + 1] - solution.times[k]
    U, rho = solution.U[k + 1], solution.rho[k + 1]
    U = np.where(np.isfinite(U) & (rho > NO_MASS * rho.max()), U, np.inf)
    cells = np.array(np.nonzero(np.isfinite(U)))
    centres = np.array([grid.centers(a)[cells[-1 - a]] for a in range(grid.dimension)])
    at_cells = U[tuple(cells)]
    padded = np.pad(U, 1, constant_values=np.inf)
    moved = []
    for x in place:
        found = int(np.argmin(((centres - x[:, None]) ** 2).sum(axis=0) / (2 * dt) + at_cells))
        y = centres[:, found].copy()
        for axis, width in enumerate(grid.spacing):
            y[axis] += _vertex(padded, cells[:, found] + 1, axis, width, (x - y)[axis], dt)
        moved.append(y)
    return np.array(moved)


def _vertex(
    padded: np.ndarray, cell: np.ndarray, axis: int, width: float, ahead: float, dt: float
) -> float:
    """How far from the centre of the cell the parabola through three values has its minimum."""
    beside = np.zeros(len(cell), int)
    beside[-1 - axis] = 1
    low, here, high = (padded[tuple(cell + i * beside)] for i in (-1, 0, 1))
    if not np.isfinite([low, high]).all():
        return 0.0
    slope = (high - low) / (2 * width) - ahead / dt
    bend = (high - 2 * here + low) / width**2 + 1 / dt
    return float(np.clip(-slope / bend, -0.5 * width, 0.5 * width)) if bend > 0.0 else 0.0


def _at(fields: list[np.ndarray], place: np.ndarray, grid: Grid) -> np.ndarray:
    index = (place - np.array(grid.lower)) / np.array(grid.spacing) - 0.5
    values = [
        map_coordinates(np.nan_to_num(f), index.T[::-1], order=1, mode="nearest") for f in fields
    ]
    return np.array(values).T
