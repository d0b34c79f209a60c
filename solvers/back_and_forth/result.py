"""From the state of a solve to a static solution with its certificate."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from mfgprox.divergence.gibbs import placed
from mfgprox.solution import Certificate, Solution
from mfgprox.solvers.back_and_forth.continuous import continuous
from mfgprox.solvers.back_and_forth.ending import Ending
from mfgprox.solvers.back_and_forth.lattice import Lattice
from mfgprox.solvers.back_and_forth.plan import Plan
from mfgprox.solvers.back_and_forth.state import BackAndForthState

STATEMENT = (
    "of the lattice problem between atoms at the cell centres in which the image of every atom is "
    "blurred over about one cell, at the price of its entropy: dual_value is that of a potential, "
    "primal_value that of the plan that the potential defines, with the R which it makes of P"
)
SHARP = (
    "of the lattice problem between atoms at the cell centres: dual_value is that of a potential, "
    "primal_value that of its R, to which P is moved in order along the line"
)
SPOILED = 3e-4
"""Relative error above which the values of the splines are not believed on the line."""
ORDER, SMOOTH = 4.0, 16.0
"""Halving the cells divides the error of a value by this: atoms, blur, edges; a smooth spline."""


def solution(lattice: Lattice, plan: Plan, ending: Ending) -> Solution:
    """The solution that a potential on the problem's own grid stands for, at times 0 and 1.

    U_1 = -psi where Q has mass and the envelope of psi elsewhere, with the constant that makes
    D = E_P[U_0]; R is the Gibbs density of U_1, zero where Q is (with f'(∞) = ∞).
    """
    problem, grid, state = lattice.problem, lattice.problem.grid, ending.state
    R = plan.R
    if lattice.shared:
        R = placed(R, plan.delivered, lattice.log_Q)
    R = R.reshape(grid.shape) / grid.cell_volume
    here = continuous(lattice, plan)
    if state.direct.size:
        value, error = _direct_value(lattice, plan, state, here.value)
    elif problem.p == 2.0:
        value, error = _lattice_value(plan, state, here.value, ending.finished)
    else:
        value, error = _value(plan, state, here.value, ending.finished, lattice.held.all())
    information = problem.divergence.between(R, problem.log_Q, grid.cell_volume)
    primal, dual = plan.certificate(lattice)
    sharp = dual != plan.dual or state.direct.size > 0
    return ending.solution(
        problem,
        (here.conjugate, -here.psi.reshape(grid.shape)),
        R,
        certificate=Certificate(primal, dual, statement=SHARP if sharp else STATEMENT),
        divergence=float(max(value, 0.0)),
        divergence_error=error,
        transport_cost=max(value - problem.epsilon * information, 0.0),
        information_divergence=information,
    )


def _lattice_value(
    plan: Plan, state: BackAndForthState, between: float, finished: bool
) -> tuple[float, float]:
    """The estimate of the continuous value, and of its error, where those of the lattice values
    follow a clean law (p = 2): extrapolated; `between`, that of the spline, is a second opinion."""
    if not (finished and state.values):
        return between, math.inf
    found = _extrapolated([*state.values, plan.dual])
    before = found[-2] if len(found) > 1 else between
    apart, changed = abs(found[-1] - between), abs(found[-1] - before)
    # All of it: on three cells a bump both opinions may lie on one side of the value.
    return found[-1], max(changed, apart) + _left(state)


def _value(
    plan: Plan, state: BackAndForthState, between: float, finished: bool, everywhere: bool
) -> tuple[float, float]:
    """The same for other p, from the values of the splines; the second opinion is the lattice's.

    Where Q vanishes somewhere they converge with the second power of the cells, or faster: what the
    last three grids show; where they change more than the lattice's extrapolated ones (p > 2 and
    mass that hardly moves), these count. Elsewhere the last one is left as it is: on smooth data it
    is better by far than those before.
    """
    if not (finished and state.between):
        return between, math.inf
    before, last = state.between[-1], between
    lattice = _extrapolated([*state.values, plan.dual])
    changed = abs(lattice[-1] - lattice[-2]) if len(lattice) > 1 else math.inf
    if not everywhere and changed < abs(last - before):
        return lattice[-1], changed + _left(state)
    fall = ORDER
    if len(state.between) > 1:
        earlier = abs(state.between[-1] - state.between[-2])
        fall = min(max(earlier / max(abs(last - before), 1e-300), ORDER), SMOOTH)
    step = (last - before) / (fall - 1.0)
    found = last if everywhere else last + step
    return found, 2.0 * abs(step) + abs(found - lattice[-1]) + _left(state)


def _direct_value(
    lattice: Lattice, plan: Plan, state: BackAndForthState, between: float
) -> tuple[float, float]:
    """The same where the line was solved directly. Where the spline's values say nothing (R has
    mass without Q, P has gaps, or Q is narrow): the middle one of three, theirs among them."""
    if not state.values:
        return plan.dual, math.inf
    found, error = _value(plan, state, between, True, lattice.held.all())
    gaps = bool((np.diff(lattice.sources) > 1).any())
    if not (lattice.shared or gaps) and error <= SPOILED * abs(found):
        return found, error
    three = [plan.dual, _extrapolated([*state.values, plan.dual])[-1], between]
    low, found, high = sorted(three)
    return found, 2.0 * min(high - found, found - low) + _left(state)


def _extrapolated(values: list[float]) -> list[float]:
    """Richardson's values from those of nested grids, coarsest first."""
    return [(ORDER * b - a) / (ORDER - 1.0) for a, b in pairwise(values)]


def _left(state: BackAndForthState) -> float:
    return max(state.gap, 0.0) if math.isfinite(state.gap) else 0.0
