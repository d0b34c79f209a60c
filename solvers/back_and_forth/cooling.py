"""Less blur on the last grid, where the cost is linear beyond a distance.

Minimisers fill whole rays there, over which a plan spreads; the entropy of that is dear, and it is
what makes J smooth even where the blur is much less than a cell. So the blur is taken down in a few
stages, each begun from the last; a stage that does not close its gap is taken back. R is taken from
the plan before: without blur it shows the rays between single cells.
"""

from __future__ import annotations

from mfgprox.solvers.back_and_forth.state import BackAndForthState

STAGES, FACTOR = 3, 0.25
MOST_STEPS = 30
"""Newton steps of a stage."""


def cool(state: BackAndForthState) -> None:
    """The next stage, from a potential that is done."""
    state.warmer = [state.psi, state.blur]
    state.warmest = state.warmest or state.warmer
    state.blur = FACTOR * state.blur
    state.cooled, state.steps, state.plan = state.cooled + 1, 0, None


def take_back(state: BackAndForthState) -> None:
    """The stage before, which was done."""
    state.psi, state.blur = state.warmer
    state.cooled, state.plan, state.warmer = STAGES, None, []
