"""Nested grids of any number of cells per axis: how fast, how many steps, what to start from."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from scipy.interpolate import make_interp_spline

from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers.fictitious_level import Response

COARSEST = 24
"""The coarsest grid has at most this many cells on any axis, about."""
WITH_MASS = 1e-8
"""Cells with less than this share of the largest density do not set the speed."""
SPEED_MARGIN = 1.3


def nested(problem: Problem, most: int | None = None) -> list[Problem]:
    """The problem on coarser and coarser grids, coarsest first; all keep the written times."""
    problems = [problem]
    while max(problems[0].grid.cells) > COARSEST and (most is None or len(problems) < most):
        grid = problems[0].grid
        problems.insert(0, problem.on(grid.with_cells(grid.coarsened().cells)))
    return problems


def coarsening(fine: Grid, coarse: Grid) -> float:
    """How many times wider the cells of a coarse grid are (geometric mean over the axes)."""
    ratios = [n / m for n, m in zip(fine.cells, coarse.cells, strict=True)]
    return math.prod(ratios) ** (1.0 / len(ratios))


def used_speed(response: Response, share: float = WITH_MASS) -> float:
    """The largest speed that U_1 drives where its Gibbs density exceeds a share of its maximum."""
    problem = response.level.problem
    grid = problem.grid
    u = response.potential.reshape(grid.shape)
    mass = response.gibbs.reshape(grid.shape)
    slopes = []
    for axis in range(grid.dimension):
        a = grid.dimension - 1 - axis
        rise = np.abs(np.diff(u, axis=a)) / grid.spacing[axis]
        none = np.zeros_like(u).take([0], a)
        slopes.append(np.maximum(np.concatenate([none, rise], a), np.concatenate([rise, none], a)))
    speed = np.sqrt(sum(np.square(v) for v in problem.cost.velocity(slopes)))
    return float(speed[mass > share * mass.max()].max())


def next_speed(response: Response) -> float:
    """The bound on speeds for the next grid: with a margin and a cell to spare, within the box."""
    grid = response.level.problem.grid
    return min(grid.diameter, SPEED_MARGIN * used_speed(response) + 2.0 * max(grid.spacing))


def whole_steps(grid: Grid, least: float) -> int:
    """A number of internal steps that is a multiple of the written ones and not below `least`."""
    return grid.time_steps * max(1, math.ceil(least / grid.time_steps))


def resample(
    values: np.ndarray, old: Grid, new: Grid, degree: int = 3, beyond: bool = True
) -> np.ndarray:
    """Splines through the cell centres, axis by axis: (…, *old.shape) to (…, *new.shape).

    beyond: whether the splines go on outside the outermost old centres, or stay constant there.
    """
    lead = values.ndim - old.dimension
    for axis in range(old.dimension):
        centers, wanted = old.centers(axis), new.centers(axis)
        if np.array_equal(centers, wanted):
            continue
        a = lead + old.dimension - 1 - axis
        if old.cells[axis] == 1:
            values = np.repeat(values, new.cells[axis], a)
            continue
        order = degree if old.cells[axis] > degree else 1
        if not beyond:
            wanted = np.clip(wanted, centers[0], centers[-1])
        values = make_interp_spline(centers, values, order, axis=a)(wanted)
    return values


def prolonged(coarse: list[np.ndarray], grids: list[Grid], fine: Grid) -> list[np.ndarray]:
    """Starts for the next grid: linear extrapolation in h of the last two potentials, the last one,
    and the last one without the overshoots of a cubic: a potential that is too low somewhere in the
    tails draws all the mass there.

    coarse, grids: the terminal potentials of the levels so far, coarsest first.
    """
    plain = resample(coarse[-1], grids[-1], fine, beyond=False)
    starts = [plain, resample(coarse[-1], grids[-1], fine, degree=1, beyond=False)]
    if len(coarse) > 1:
        between = resample(coarse[-2], grids[-2], grids[-1], beyond=False)
        before = resample(between, grids[-1], fine, beyond=False)
        h, h_coarse = coarsening(fine, grids[-1]), coarsening(fine, grids[-2])
        starts.insert(0, plain + (h - 1.0) / (h_coarse - h) * (plain - before))
    return starts


def corrected(start: list[np.ndarray], coarse: list[np.ndarray], grids: list[Grid]) -> np.ndarray:
    """The start for the next grid from a potential without discretisation error: with the errors
    of the last one or two grids, which vanish with h, extrapolated to this one.

    start: that potential on those grids and, last, on the next; coarse: the potentials found;
    grids: all of these, finest last.
    """
    fine = grids[-1]
    ratios = [coarsening(fine, grid) for grid in grids[:-1]]
    found = start[-1].copy()
    for i, (u, own) in enumerate(zip(coarse, ratios, strict=True)):
        others = [r for j, r in enumerate(ratios) if j != i]
        weight = math.prod((1.0 - r) / (own - r) for r in others) / own
        error = u - start[i]
        for grid, finer in pairwise(grids[i:]):
            error = resample(error, grid, finer, beyond=False)
        found += weight * error
    return found
