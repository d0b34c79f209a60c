"""The `Solution` of fictitious play, from the best responses on the finest grids."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mfgprox.kernels import continuity
from mfgprox.problem import Problem
from mfgprox.solution import Certificate, Solution
from mfgprox.solvers import fictitious_averaging as averaging
from mfgprox.solvers.fictitious_averaging import Average
from mfgprox.solvers.fictitious_extrapolation import candidates
from mfgprox.solvers.fictitious_level import Level, Response
from mfgprox.tolerance import Status

STATEMENT = (
    "primal_value and dual_value belong to the monotone discrete problem on the finest grid: a "
    "forward sweep that meets its continuity equation to round-off, and the dual value of its "
    "terminal potential"
)


RELAXED = (
    "; where Q = 0, mass that arrives is charged what it costs to move it into the support of Q at "
    "the steepest slope of the potential, so that rho at time 1 may lie outside, R does not"
)
AGREEMENT = 0.5
"""A third grid is used where it changes R by less than this share of what the second changed."""
ERROR_SHARE = {2: 1.0, 3: 4.0}
"""The last extrapolation step over the error that is left: at least this in experiments."""


@dataclass(frozen=True)
class Outcome:
    """How the solve ended."""

    solver: str
    status: Status
    iterations: int
    history: dict[str, np.ndarray]


@dataclass(frozen=True)
class Estimate:
    """The best estimates of the continuous problem: U at the written times, R, value and error."""

    U: np.ndarray
    R: np.ndarray
    value: float
    error: float
    notes: tuple[str, ...] = ()


def assemble(
    problem: Problem,
    outcome: Outcome,
    responses: list[Response],
    average: Average | None,
    best_dual: float,
) -> Solution:
    """responses: those of the extrapolated grids, finest first."""
    finest = responses[0]
    level = finest.level
    primal, dual = finest.primal, finest.dual
    rho, momentum = written_rho(finest.rho, level), written_momentum(finest)
    if average is not None:
        primal, dual = averaging.primal(level, average), max(best_dual, finest.dual)
        rho = written_rho(average.rho, level)
        momentum = tuple(
            mean_of_steps(average.momentum[2 - axis], level).reshape(
                problem.grid.time_steps, *_faces(problem, axis)
            )
            for axis in range(problem.grid.dimension)
        )
    best = estimate(responses)
    information = problem.divergence.between(best.R, problem.log_Q, problem.grid.cell_volume)
    return Solution(
        problem=problem,
        solver=outcome.solver,
        status=outcome.status,
        iterations=outcome.iterations,
        rho=rho,
        U=best.U,
        R=best.R,
        momentum=momentum,
        certificate=Certificate(
            primal, dual, statement=STATEMENT + ("" if level.positive else RELAXED)
        ),
        divergence=best.value,
        divergence_error=best.error,
        transport_cost=best.value - problem.epsilon * information,
        information_divergence=information,
        history=outcome.history,
        notes=best.notes,
    )


def estimate(responses: list[Response]) -> Estimate:
    """Extrapolated over as many grids as agree that this helps."""
    finest = responses[0]
    found = candidates(responses)
    moved = [finest.level.problem.grid.integrate(np.abs(b.R - a.R)) for a, b in pairwise(found)]
    grids = 1
    if finest.level.positive and len(found) > 1:
        grids = 2 if len(found) == 2 or moved[1] < moved[0] else 1
        grids = 3 if len(found) > 2 and moved[1] < AGREEMENT * moved[0] else grids
    best = found[grids - 1]
    if grids == 1:
        # The gap says nothing about the error of the scheme.
        error, note = math.inf, "not extrapolated: only one grid was solved to the end"
        if len(found) > 1:
            error = abs(best.value - found[1].value)
            note = "not extrapolated: the nested grids do not converge regularly"
        if not finest.level.positive:
            note = "not extrapolated: the grids see the edge of Q differently"
        return Estimate(best.U, best.R, best.value, error, (note,))
    value, error = best.value, abs(best.value - found[grids - 2].value) / ERROR_SHARE[grids]
    if len(found) == 2:
        # Two grids do not show the order, and grids so coarse are closer to the second; nor do they
        # show whether what changes from one to the other has begun to fall.
        raw = found[0].value
        value, error = raw + (best.value - raw) / 3.0, math.inf
    if not finest.level.problem.smooth:
        error = math.inf  # the order of what edges and rough data cost shows in no two grids
    note = f"value, R and U are extrapolated over {grids} nested grids; rho is that of the finest"
    return Estimate(best.U, best.R, value, error, (note,))


def written_rho(rho: np.ndarray, level: Level) -> np.ndarray:
    """rho at the written times, (time_steps + 1, *grid.shape)."""
    grid = level.problem.grid
    return rho[:: level.steps // grid.time_steps].reshape(-1, *grid.shape).copy()


def mean_of_steps(momentum: np.ndarray, level: Level) -> np.ndarray:
    """The momentum averaged over the internal steps of every written one."""
    count = level.steps // level.problem.grid.time_steps
    out = np.zeros((level.steps // count, *momentum.shape[1:]))
    for k in range(level.steps):
        out[k // count] += momentum[k] / count
    return out


def written_momentum(response: Response) -> tuple[np.ndarray, ...]:
    """The momentum over faces, one array per axis in the order x, y, z, mean over written steps."""
    level = response.level
    problem, count = level.problem, level.steps // level.problem.grid.time_steps
    found = []
    for axis in range(problem.grid.dimension):
        kernel_axis = 2 - axis
        faces = list(level.shape)
        faces[kernel_axis] += 1
        m = np.zeros((problem.grid.time_steps, *faces))
        for k in range(level.steps):
            continuity.face_momentum(
                response.U, response.mobility, response.rho, k, kernel_axis,
                level.inverse[kernel_axis], 1.0 / count, m[k // count],
            )  # fmt: skip
        found.append(m.reshape(problem.grid.time_steps, *_faces(problem, axis)))
    return tuple(found)


def _faces(problem: Problem, axis: int) -> tuple[int, ...]:
    """Shape of the faces along an axis, 0 for x."""
    shape = list(problem.grid.shape)
    shape[problem.grid.dimension - 1 - axis] += 1
    return tuple(shape)
