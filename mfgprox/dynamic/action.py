"""The action ∫∫ |m|^p / rho^(p-1) of densities at time levels and fluxes through faces.

Two sums over the same numbers, neither of them a bound of the transport cost:
- the plain one takes rho on a face in a step as the arithmetic mean over both cells and both time
  levels. Primal-dual minimises it. With exact ends it misses the transport cost by O(h²) + O(dt²),
  mostly from below, by the same amount for every path that is close to the optimal one;
- the corrected one removes that: rho and m are the values of smooth fields at centres and levels,
  and the sum is taken with their values at the middle of each face and step; of fourth order.
Equation: Baptista et al., Proximal optimal transport divergences, (2.23).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mfgprox.problem import Problem

LARGEST = 0.5
"""Largest correction on a face, relative; at edges of the fields it would be more."""


def plain_action(problem: Problem, rho: np.ndarray, momentum: Sequence[np.ndarray]) -> float:
    """The action with arithmetic means of rho, units of the cost.

    rho (time_steps + 1, *shape), momentum: one array per axis x, y, z on faces, as in `Solution`.
    inf where mass passes a face that has none. Where the cost does not add over the axes, |v|² in a
    cell is the sum over the axes of the mean of both its faces.
    """
    cost, grid = problem.cost, problem.grid
    total, size = 0.0, np.zeros_like(rho[1:])
    for axis, m in enumerate(momentum):
        density = _on_faces(rho, grid.dimension - axis)
        v = _ratio(m, density)
        if _additive(problem):
            total += float((np.abs(m) * np.abs(v) ** (cost.p - 1.0)).sum())
        else:
            size += _means(v * v, grid.dimension - axis)
    if not _additive(problem):
        moving = np.isfinite(size)
        total = float((_means(rho, 0)[moving] * size[moving] ** (0.5 * cost.p)).sum())
        total = total if moving.all() else math.inf
    return total * grid.cell_volume * grid.dt


def action(problem: Problem, rho: np.ndarray, momentum: Sequence[np.ndarray]) -> float:
    """The corrected action, arguments and units as `plain_action`.

    The plain one where the cost does not add over the axes (the Euclidean norm, p != 2, more than
    one axis).
    """
    grid, p = problem.grid, problem.p
    total = plain_action(problem, rho, momentum)
    if not (_additive(problem) and math.isfinite(total)):
        return total
    for axis, m in enumerate(momentum):
        normal = grid.dimension - axis
        density = _on_faces(rho, normal)
        v = _ratio(m, density)
        along = _second(m, normal, odd=True)
        too_much = (_second(density, normal) + _second(density, 0)) / 8.0
        missing = (along - _second(m, 0)) / 24.0
        power = np.sign(v) * np.abs(v) ** (p - 1.0)
        change = p * power * missing + (p - 1.0) * np.abs(v) ** p * too_much
        most = LARGEST * density * np.abs(v) ** p
        total += float(np.clip(change, -most, most).sum()) * grid.cell_volume * grid.dt
    return total


def _additive(problem: Problem) -> bool:
    return problem.p == 2.0 or problem.cost.separable or problem.grid.dimension == 1


def _means(a: np.ndarray, axis: int) -> np.ndarray:
    n = a.shape[axis]
    return 0.5 * (a.take(range(1, n), axis) + a.take(range(n - 1), axis))


def _on_faces(rho: np.ndarray, axis: int) -> np.ndarray:
    """Means over both levels and both cells of a face; a face at a wall has one cell."""
    edges = [(0, 0)] * rho.ndim
    edges[axis] = (1, 1)
    return _means(np.pad(_means(rho, 0), edges, mode="edge"), axis)


def _ratio(m: np.ndarray, density: np.ndarray) -> np.ndarray:
    empty = density <= 0.0
    v = np.where(empty & (m != 0.0), np.inf, 0.0)
    return np.divide(m, density, out=v, where=~empty)


def _second(a: np.ndarray, axis: int, odd: bool = False) -> np.ndarray:
    """Second differences along an axis; at the ends as next to them, or 0 for odd fields."""
    out = np.zeros_like(a)
    if a.shape[axis] < 3:
        return out
    inner = np.diff(a, 2, axis=axis)
    edges = [(0, 0)] * a.ndim
    edges[axis] = (1, 1)
    return np.pad(inner, edges, mode="constant" if odd else "edge")
