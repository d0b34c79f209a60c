"""Whether a start is good enough to begin from, and on which grids."""

from __future__ import annotations

import math

from mfgprox.problem import Problem
from mfgprox.solvers.iterate import Record
from mfgprox.solvers.primal_dual.certificate import certificate, certify
from mfgprox.solvers.primal_dual.discretisation import Discretisation
from mfgprox.solvers.primal_dual.iteration import Steps
from mfgprox.solvers.primal_dual.state import State, begin_again, present
from mfgprox.tolerance import Tolerance

HOPELESS = 0.1
"""A start whose discrete gap is a larger share of the value is not used."""
NEAR = 1e-3
"""A start serves on the last grid while its relative gap is no larger. On a coarser one it may be
larger, by this factor for each halving of the cells:"""
COARSER = 4.0


def first_certificate(
    problem: Problem, state: State, steps: Steps, tolerance: Tolerance
) -> Record | None:
    """The certificate of the start on the present grid, where it ends the solve or the use of the
    start; None to go on from it."""
    try:
        primal, dual = certify(present(problem, state), state, steps)
    except FloatingPointError:
        primal, dual = math.inf, 0.0
    record = Record(state.level, state.levels, primal, dual)
    share = record.gap / primal if primal > 0.0 else 0.0
    if state.level == 0 and not share <= HOPELESS and not _near(problem, state, steps, tolerance):
        _forget(problem, state, steps, share)
        return Record(0, state.levels)
    return record if state.last and tolerance.met(record.gap, record.dual) else None


def goes_on(problem: Problem, state: State, steps: Steps, tolerance: Tolerance) -> bool:
    """Whether the next grid may begin: from the start if that is near the optimum here or on the
    last grid, else once this grid is solved."""
    if state.start is None or state.trusted:
        return True
    assert state.upper is not None and state.lower is not None
    share = (state.upper.value - state.lower.value) / abs(state.upper.value or 1.0)
    if share <= _limit(tolerance) * COARSER ** (state.levels - 1 - state.level):
        return True
    # A grid that does not resolve P or Q says little of a start.
    if _near(problem, state, steps, tolerance):
        return True
    if share > HOPELESS:
        _forget(problem, state, steps, share)
        return False
    cells = " × ".join(map(str, state.cells[state.level]))
    state.notes.append(
        f"the start, {state.start.origin}, served on grids up to {cells} cells only: there its "
        f"discrete gap was {share:.1e}"
    )
    state.start = None
    return False


def _limit(tolerance: Tolerance) -> float:
    return max(NEAR, 5.0 * tolerance.rtol)


def _near(problem: Problem, state: State, steps: Steps, tolerance: Tolerance) -> bool:
    """Whether the start is near the optimum on the last grid; remembered if it is."""
    assert state.start is not None
    d = Discretisation(problem, state.unit)
    try:
        upper, lower = certificate(d, state.start.on(d, steps), steps, state.start.potential(d))
    except FloatingPointError:
        return False
    gap = (upper.value - lower.value) * d.unit
    state.trusted = gap <= tolerance.atol + _limit(tolerance) * abs(upper.value) * d.unit
    return state.trusted


def _forget(problem: Problem, state: State, steps: Steps, share: float) -> None:
    begin_again(problem, state, steps, f"its discrete gap is {share:.0%} of the value")
