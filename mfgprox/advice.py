"""What a user could do about a solution that is not as good as it could be: one sentence each."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from mfgprox.slopes import widest_tear
from mfgprox.solution import Solution
from mfgprox.tolerance import Status

CUT_OFF = 1e-6
COARSE = 1.5
"""Change of log R from cell to cell, where R has mass, above which a grid is called coarse."""
WITH_MASS = 1e-2
TORN_CELLS = 8.0
TORN_SHARE = 0.15
"""Of the spread of R: a jump of the map that is both, this and some cells wide, is a tear."""
WIDE_BOUNDS = 0.01
FOR_TORN_MAPS = ("semi-discrete", "back-and-forth")


def advice(solution: Solution) -> tuple[str, ...]:
    """Sentences about the box, the grid, the map, the bounds and the status; often none."""
    if solution.flow:
        return tuple(_box(solution))
    parts = (_status, _box, _grid, _map, _bounds)
    return tuple(sentence for part in parts for sentence in part(solution))


def _status(solution: Solution) -> list[str]:
    match solution.status:
        case Status.ITERATION_LIMIT:
            return ["raise solver.max_iterations and continue with --resume, or relax solver.rtol"]
        case Status.TIME_LIMIT:
            return ["continue with --resume and a longer --max-time"]
        case Status.STALLED:
            return [
                'no progress is left on this grid: try solver.method = "auto" or another method, '
                "other grid.cells, or a larger solver.rtol"
            ]
        case Status.NOT_FINITE:
            return ["try another solver.method, or a larger epsilon"]
    return []


def _box(solution: Solution) -> list[str]:
    sentences = []
    grid = solution.problem.grid
    for name, share in zip("PQ", solution.problem.cut_off, strict=True):
        if share > CUT_OFF:
            margin = [0.1 * (b - a) for a, b in zip(grid.lower, grid.upper, strict=True)]
            lower = _listed(a - m for a, m in zip(grid.lower, margin, strict=True))
            upper = _listed(b + m for b, m in zip(grid.upper, margin, strict=True))
            sentences.append(
                f"the box cuts off {share:.1e} of the mass of {name}; a larger box, such as "
                f"grid.lower = {lower}, grid.upper = {upper}, cuts off less"
            )
    return sentences


def _grid(solution: Solution) -> list[str]:
    """R is made by exp(U_1 / epsilon): a small epsilon makes it steep."""
    problem = solution.problem
    if not problem.smooth:
        return []
    change = _steepest(solution.R)
    if change <= COARSE:
        return []
    factor = _width(change) / _width(0.5 * COARSE)
    finer = _listed(math.ceil(n * factor) for n in problem.grid.cells)
    return [
        f"the grid is coarse for epsilon = {problem.epsilon:g}: R changes by a factor of "
        f"{math.exp(min(change, 50.0)):.2g} between neighbouring cells where it has mass; "
        f"try grid.cells = {finer}"
    ]


def _steepest(R: np.ndarray) -> float:
    """Largest change of log R from a cell that has mass to its neighbour."""
    log_R = np.log(np.maximum(R, 1e-300 * R.max()) / R.max())
    mass = WITH_MASS * R.max() <= R
    steepest = 0.0
    for axis in range(R.ndim):
        n = R.shape[axis]
        first, second = (np.take(mass, range(i, n - 1 + i), axis) for i in (0, 1))
        change = np.abs(np.diff(log_R, axis=axis))
        steepest = max(steepest, float(change[first | second].max(initial=0.0)))
    return steepest


def _width(change: float) -> float:
    """Width of a cell, in standard deviations, over which a Gaussian changes by that from 3 on."""
    return math.sqrt(9.0 + 2.0 * change) - 3.0


def _map(solution: Solution) -> list[str]:
    grid = solution.problem.grid
    torn = widest_tear(solution)
    if torn <= max(TORN_CELLS * max(grid.spacing), TORN_SHARE * _spread(solution)):
        return []
    fit = any(name in solution.solver for name in FOR_TORN_MAPS)
    better = "" if fit else "; semi-discrete (p = 2) and back-and-forth are made for such maps"
    return [
        f"the optimal map tears: mass that starts in neighbouring cells ends up to {torn:.2g} "
        f"apart, and U has a kink there{better}"
    ]


def _spread(solution: Solution) -> float:
    """Square root of the variance of R, summed over the axes."""
    grid = solution.problem.grid
    share = solution.R * grid.cell_volume
    total = 0.0
    for axis in range(grid.dimension):
        others = tuple(i for i in range(share.ndim) if i != share.ndim - 1 - axis)
        marginal, at = share.sum(axis=others), grid.centers(axis)
        mean = float(marginal @ at)
        total += float(marginal @ (at - mean) ** 2)
    return math.sqrt(total)


def _bounds(solution: Solution) -> list[str]:
    width = solution.upper_bound - solution.lower_bound
    if not math.isfinite(width) or width <= WIDE_BOUNDS * abs(solution.divergence):
        return []
    return [
        f"the bounds of D are {width / abs(solution.divergence or 1.0):.1%} apart; "
        "more grid.cells bring them together"
    ]


def _listed(values: Iterable[float]) -> str:
    return "[" + ", ".join(f"{v:g}" for v in values) + "]"
