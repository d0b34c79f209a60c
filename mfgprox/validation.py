"""A solution against an exact answer: errors of the value, of R, of rho_t and of the gradient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mfgprox.grid import AXES, Grid
from mfgprox.solution import Solution

if TYPE_CHECKING:
    from mfgprox.exact import ExactAnswer

COMPARED_LEVELS = 9
"""Time levels at which paths are compared, spread evenly, both ends included."""


@dataclass(frozen=True)
class Comparison:
    """Errors of one solution.

    value: relative error of `divergence`; minimiser: ∫|R - R_exact|; path: the largest over time of
    ∫|rho_t - exact|; gradient: ∫∫ rho_t |∇U_t - exact| / ∫∫ rho_t |∇U_t exact|; nan where the exact
    answer does not tell. bounds_hold: whether lower_bound <= D <= upper_bound up to `slack`, the
    accuracy of the exact answer itself (where bounds exist).
    """

    answer: str
    exact: float
    computed: float
    value: float
    minimiser: float
    path: float
    gradient: float
    gap: float
    bounds_hold: bool
    slack: float


def compare(solution: Solution, answer: ExactAnswer) -> Comparison:
    """Compare a solution with the exact answer to its problem."""
    exact = answer.divergence
    scale = max(abs(exact), 1e-12)
    slack = answer.error + 1e-9 * scale
    lower, upper = solution.lower_bound, solution.upper_bound
    path, gradient = _along_the_path(solution, answer)
    return Comparison(
        answer=answer.name,
        exact=exact,
        computed=solution.divergence,
        value=abs(solution.divergence - exact) / scale,
        minimiser=_minimiser_error(solution, answer),
        path=path,
        gradient=gradient,
        gap=solution.gap / max(abs(solution.dual_value), 1e-12),
        bounds_hold=not (lower > exact + slack) and not (upper < exact - slack),
        slack=slack,
    )


def _minimiser_error(solution: Solution, answer: ExactAnswer) -> float:
    grid = solution.problem.grid
    exact = answer.R(grid)
    return math.nan if exact is None else grid.integrate(np.abs(solution.R - exact))


def _along_the_path(solution: Solution, answer: ExactAnswer) -> tuple[float, float]:
    """Largest L1 error of rho_t, and the weighted relative error of the gradient of U_t."""
    grid, count = solution.problem.grid, len(solution.rho)
    levels = np.unique(np.linspace(0, count - 1, min(COMPARED_LEVELS, count)).round().astype(int))
    path, error, size = 0.0, 0.0, 0.0
    for k in levels:
        t = float(solution.times[k])
        rho, slope = answer.rho(t, grid), answer.gradient(t, grid)
        if rho is None:
            return math.nan, math.nan
        path = max(path, grid.integrate(np.abs(solution.rho[k] - rho)))
        if slope is not None:
            moving = [AXES.index(name) for name in solution.problem.transport_axes]
            own, slope = gradient(solution.U[k], grid), [slope[i] for i in moving]
            difference = [own[i] - exact for i, exact in zip(moving, slope, strict=True)]
            error += grid.integrate(rho * _length(difference, rho))
            size += grid.integrate(rho * _length(slope, rho))
    return path, error / size if size > 0.0 else math.nan


def gradient(field: np.ndarray, grid: Grid) -> list[np.ndarray]:
    """Central differences, components in the order x, y, z."""
    d = grid.dimension
    return [
        np.gradient(field, grid.spacing[i], axis=d - 1 - i)
        if grid.cells[i] > 1
        else np.zeros(grid.shape)
        for i in range(d)
    ]


def _length(vector: Sequence[np.ndarray], rho: np.ndarray) -> np.ndarray:
    """Euclidean length where there is mass; what a field does elsewhere does not count."""
    return np.where(rho > 0.0, np.sqrt(sum(np.square(v) for v in vector)), 0.0)


def observed_order(sizes: Sequence[float], errors: Sequence[float]) -> float:
    """Slope of log(error) against log(cell width), by least squares, for counts of cells."""
    x, y = -np.log(np.asarray(sizes, float)), np.log(np.maximum(errors, 1e-300))
    x = x - x.mean()
    return float((x * (y - y.mean())).sum() / (x * x).sum())
