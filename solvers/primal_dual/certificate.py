"""Values of the discrete problem near an iterate: proven from above, estimated from below."""

from __future__ import annotations

import numpy as np

from mfgprox.solvers.primal_dual import chain, feasible
from mfgprox.solvers.primal_dual.chain import Lower
from mfgprox.solvers.primal_dual.discretisation import Discretisation
from mfgprox.solvers.primal_dual.feasible import Upper
from mfgprox.solvers.primal_dual.iteration import Iterate, Steps, pair_of
from mfgprox.solvers.primal_dual.state import State


def certificate(
    d: Discretisation, it: Iterate, steps: Steps, u: np.ndarray | None = None
) -> tuple[Upper, Lower]:
    """A feasible pair near x+ and a chain near its potential, or near u (K, N) where that is given:
    the potential of a start is smoother than what one projection makes of it."""
    phi = it.phi.copy()
    rho, flux = pair_of(d, it, steps, phi)
    if u is None:
        u = -steps.sigma * phi
    upper = feasible.upper(d, rho, flux, u)
    return upper, chain.lower(d, u, upper)


def at_rest(d: Discretisation) -> tuple[Upper, Lower]:
    """Nothing moves, R = P, the potential is 0: optimal for P = Q, values of every problem."""
    return feasible.at_rest(d), chain.at_rest(d)


def certify(
    d: Discretisation, state: State, steps: Steps, interval: int = 0
) -> tuple[float, float]:
    """Primal and dual value in the problem's units, the best on this grid so far; interval: steps
    since the last time."""
    fresh = state.start is not None and state.steps == 0
    u = state.start.potential(d) if state.start is not None and fresh else None
    upper, lower = certificate(d, state.iterate, steps, u)
    if state.upper is None or state.lower is None:
        state.upper, state.lower = at_rest(d)
    better_above = upper.value < state.upper.value
    better_below = lower.value > state.lower.value
    if better_above:
        state.upper = upper
    if better_below:
        state.lower = lower
    state.idle = 0 if better_above or better_below else state.idle + interval
    return state.upper.value * d.unit, state.lower.value * d.unit
