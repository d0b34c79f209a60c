"""The last steps of a Newton solve: the primal value, and psi corrected where the gap is large."""

from __future__ import annotations

import math

from mfgprox.solvers.iterate import Record
from mfgprox.solvers.newton_level import Level, Potential
from mfgprox.solvers.newton_linear import EFFORT
from mfgprox.solvers.newton_primal import Competitor, competitor, correction
from mfgprox.solvers.newton_state import NewtonState
from mfgprox.tolerance import Tolerance

CORRECTIONS = 8
"""Of psi by differences of eighth order, at most."""


def certified(
    level: Level, at: Potential, state: NewtonState, tolerance: Tolerance, levels: int
) -> Record:
    """The primal value; where the gap is too large, psi corrected by it for another look.

    at: with its dual value, on the last of so many levels. The state takes what was found.
    """
    # A correction that lowers the dual value by more than the gap has led away from the
    # optimum, where the relative excess means nothing.
    astray = at.dual < state.dual - state.excess
    state.dual = at.dual
    found = competitor_of(level, at, state)
    done, better = True, found.excess < state.excess and not astray
    if not state.settled:
        state.primal = found.by_map
    elif better:
        met = tolerance.met(found.excess, at.dual)
        slow = found.excess > 0.8 * state.excess
        done = met or slow or state.corrections >= CORRECTIONS
        state.excess, state.primal = found.excess, at.dual + found.excess
    elif state.before is not None:
        at = level.evaluated(level.normalised(state.before, state.epsilon))
        state.chi, state.dual, state.constant = at.chi, at.dual, at.constant
        state.primal = at.dual + state.excess
    record = Record(
        levels - 1,
        levels,
        state.primal,
        state.dual,
        state.residual,
        stalled=done,
        settled=state.settled and done,
    )
    if not done:
        state.before = state.chi
        state.chi = state.chi + correction(level, found, EFFORT)
        state.corrections += 1
        state.constant = state.primal = math.nan
    return record


def competitor_of(level: Level, at: Potential, state: NewtonState) -> Competitor:
    """The competitor that the potential defines."""
    level.linearise(at, state.epsilon, state.floor)
    return competitor(level, at, state.epsilon)
