"""Values of the discrete problem near an iterate: proven from above, estimated from below."""

from __future__ import annotations

import numpy as np

from mfgprox.solvers.primal_dual import chain, feasible
from mfgprox.solvers.primal_dual.chain import Lower
from mfgprox.solvers.primal_dual.discretisation import Discretisation
from mfgprox.solvers.primal_dual.feasible import Upper
from mfgprox.solvers.primal_dual.iteration import Iterate, Steps, pair_of


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
