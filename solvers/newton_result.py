"""From the state of a Newton solve to a solution with its dynamic pair and certificate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.certificate import continuous_bounds
from mfgprox.dynamic import dynamic_pair
from mfgprox.problem import Problem
from mfgprox.solution import Certificate, Solution
from mfgprox.solvers.newton_level import Level, Potential
from mfgprox.tolerance import Status

TORN = 1e-4
"""Share of the mass on cells where DS was cut off above which the map counts as torn."""
ROUNDING = 1e-13


@dataclass(frozen=True)
class Outcome:
    """How a solve ended on the problem's own grid."""

    status: Status
    iterations: int
    decrement: float
    clamped: float
    duals: list[float]
    """Dual values of the coarser grids, coarsest first."""
    full: bool
    """Whether the problem's own epsilon and grid were reached."""


def solution(
    level: Level,
    at: Potential,
    primal: float,
    outcome: Outcome,
    history: dict[str, np.ndarray],
) -> Solution:
    """The solution that a potential on the problem's own grid stands for.

    `divergence` is the dual value. Its error is estimated from the grid before (each finer grid
    was at least ten times better in every experiment) and what Newton has left; a primal value
    that is closer than that bounds it.
    """
    problem = level.problem
    shape = problem.grid.shape
    U_1 = -level.psi(at).reshape(shape)
    R, _ = problem.divergence.gibbs(U_1, problem.log_Q, problem.epsilon, problem.grid.cell_volume)
    pair = dynamic_pair(problem, U_1, R)
    bounds = continuous_bounds(problem, U_1)
    information = problem.grid.integrate(R * U_1) / problem.epsilon
    return Solution(
        problem=problem,
        solver="newton",
        status=outcome.status,
        iterations=outcome.iterations,
        rho=pair.rho,
        U=pair.U,
        R=R,
        momentum=pair.momentum,
        certificate=Certificate(primal, at.dual, bounds.lower, bounds.upper, bounds.statement),
        divergence=at.dual,
        divergence_error=_error(at.dual, primal, outcome),
        transport_cost=at.dual - problem.epsilon * information,
        information_divergence=information,
        history=history,
        notes=_notes(problem, at, primal, outcome),
    )


def _error(dual: float, primal: float, outcome: Outcome) -> float:
    left = outcome.decrement + ROUNDING * (1.0 + abs(dual))
    gap = abs(primal - dual) if math.isfinite(primal) else math.inf
    if not outcome.full:
        return max(left, gap if math.isfinite(gap) else abs(dual))
    before = abs(dual - outcome.duals[-1]) / 10.0 if outcome.duals else math.inf
    return min(max(left, before), max(left, gap))


def _notes(problem: Problem, at: Potential, primal: float, outcome: Outcome) -> tuple[str, ...]:
    notes = []
    if outcome.clamped > TORN:
        notes.append(
            f"The optimal map looks torn or hardly resolved: {outcome.clamped:.1%} of the mass lies "
            "where newton had to cut off its derivative. Use another method or a finer grid."
        )
    if outcome.status is Status.STALLED:
        if outcome.clamped <= TORN:
            notes.append(
                f"Newton's method has nothing left to gain on this grid (decrement "
                f"{outcome.decrement:.1e}); a finer one brings the primal value, now "
                f"{(primal - at.dual) / max(abs(at.dual), 1e-300):.1e} above, closer to the dual one."
            )
    elif not outcome.full:
        notes.append(
            "Stopped before the problem's own grid and epsilon were reached: the potential is that "
            "of an easier problem, its dual value is a lower estimate."
        )
    return tuple(notes)
