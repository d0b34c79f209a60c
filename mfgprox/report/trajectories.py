"""Where particles of P go, for lines in a picture.

A prox moves each particle on a straight line with the velocity v = -H'(∇U_0) that it starts with
(Baptista et al., Proximal optimal transport divergences, (2.25)); a flow moves it along -∇U_t,
level by level.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

from mfgprox.grid import Grid
from mfgprox.slopes import velocities
from mfgprox.solution import Solution

COUNT = {1: 24, 2: 140, 3: 110}


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
    """Steps of Heun's method along the velocities of the levels."""
    grid, times = solution.problem.grid, solution.times
    place = np.array([grid.centers(a)[starts[:, -1 - a]] for a in range(grid.dimension)]).T
    places, here = [place], velocities(solution, 0)
    for k, dt in enumerate(np.diff(times)):
        there = velocities(solution, k + 1)
        first = _at(here, place, grid)
        second = _at(there, place + dt * first, grid)
        place = place + 0.5 * dt * (first + second)
        places.append(place)
        here = there
    return np.array(places)


def _at(fields: list[np.ndarray], place: np.ndarray, grid: Grid) -> np.ndarray:
    index = (place - np.array(grid.lower)) / np.array(grid.spacing) - 0.5
    values = [
        map_coordinates(np.nan_to_num(f), index.T[::-1], order=1, mode="nearest") for f in fields
    ]
    return np.array(values).T
