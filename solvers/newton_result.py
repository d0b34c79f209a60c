"""From the state of a Newton solve to a static solution with its certificate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.solution import Certificate, Solution
from mfgprox.solvers.newton_level import Level, Potential
from mfgprox.tolerance import Status
from mfgprox.transform import c_transform

ROUNDING = 1e-13
STATEMENT = (
    "of the static problem with sums over the cell centres: dual_value is that of a potential on "
    "the whole box, primal_value that of the density that its map makes of P, moved at the cost "
    "that the potential gives it"
)


@dataclass(frozen=True)
class Outcome:
    """How a solve ended on the problem's own grid."""

    status: Status
    iterations: int
    decrement: float
    clamped: float
    duals: list[float]
    """Dual values of the coarser grids, coarsest first."""
    settled: bool
    """Whether Newton's method came to its end on the problem's own grid and epsilon."""


def solution(
    level: Level,
    at: Potential,
    primal: float,
    outcome: Outcome,
    history: dict[str, np.ndarray],
) -> Solution:
    """The solution that a potential on the problem's own grid stands for, at times 0 and 1.

    `divergence` is the dual value. Its error is estimated from the grid before (each finer grid
    was at least ten times better in every experiment) and what Newton has left; a primal value
    that is closer than that bounds it.
    """
    problem = level.problem
    shape = problem.grid.shape
    psi = level.psi(at)
    U_1 = -psi.reshape(shape)
    R, _ = problem.divergence.gibbs(U_1, problem.log_Q, problem.epsilon, problem.grid.cell_volume)
    start = c_transform(psi, problem.cost, problem.grid.kernel_spacing)[1]
    U_0 = level.conjugate(at.chi, at.constant, np.arange(psi.size), start)[0].reshape(shape)
    information = problem.divergence.between(R, problem.log_Q, problem.grid.cell_volume)
    return Solution(
        problem=problem,
        solver="newton",
        status=outcome.status,
        iterations=outcome.iterations,
        rho=np.stack([problem.P, R]),
        U=np.stack([U_0, U_1]),
        R=R,
        momentum=(),
        certificate=Certificate(primal, at.dual, statement=STATEMENT),
        divergence=at.dual,
        divergence_error=_error(at.dual, primal, outcome),
        transport_cost=at.dual - problem.epsilon * information,
        information_divergence=information,
        history=history,
        notes=_notes(at, primal, outcome),
        written_times=np.array([0.0, 1.0]),
    )


def _error(dual: float, primal: float, outcome: Outcome) -> float:
    left = outcome.decrement + ROUNDING * (1.0 + abs(dual))
    gap = abs(primal - dual) if math.isfinite(primal) else math.inf
    if not (outcome.settled and outcome.duals):
        return max(left, gap)
    return max(left, min(gap, abs(dual - outcome.duals[-1]) / 10.0))


def _notes(at: Potential, primal: float, outcome: Outcome) -> tuple[str, ...]:
    if outcome.status is Status.CONVERGED:
        return ()
    if outcome.status is not Status.STALLED:
        return (
            "Stopped before Newton's method had settled: the dual value is that of an unfinished "
            "potential, a lower estimate.",
        )
    if outcome.settled:
        excess = (primal - at.dual) / max(abs(at.dual), 1e-300)
        return (
            "Newton's method has nothing left to gain on this grid; the primal value is "
            f"{excess:.1e} above the dual one, a finer grid brings them together.",
        )
    return (
        f"Newton's method failed: {outcome.clamped:.1%} of the mass lies where the map would have "
        "to fold, as it does where the optimal map is torn or the grid too coarse. The value is a "
        "lower estimate; use primal-dual or fictitious-play.",
    )
