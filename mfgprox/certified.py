"""A solution with bounds of the continuous value, and the better of two estimates of it."""

from __future__ import annotations

import math
from dataclasses import replace

from mfgprox.certificate import Bounds, continuous_bounds
from mfgprox.divergence import Lipschitz
from mfgprox.lipschitz_bounds import lipschitz_bounds
from mfgprox.solution import Solution

PRUDENCE = 0.1
"""No estimate is believed to be off by less than this share of the distance of the bounds."""

TIGHT = 0.02
"""Relative distance of the bounds up to which the dual value is a good estimate: its error is the
square of that of the potential, which for a torn map is not small."""

JUST_OUTSIDE = 0.25
"""Of the distance of tight bounds: an estimate no further outside is moved to the nearest bound."""


def certified(solution: Solution) -> Solution:
    """The solution with bounds from its own terminal potential, whoever made it.

    The value is the solver's own estimate where that lies within the bounds; else the dual value
    behind the lower bound if that is far outside, or well outside of tight ones; or the nearer one.
    """
    problem = solution.problem
    path = (solution.rho, solution.momentum) if solution.momentum else None
    if isinstance(problem.divergence, Lipschitz):
        bounds = lipschitz_bounds(
            problem, solution.U[-1], solution.upper_bound, solution.divergence
        )
    else:
        bounds = continuous_bounds(problem, solution.U[-1], path=path)
    # What a solver says of its error holds for a problem that it has solved.
    own_error = solution.divergence_error if solution.converged else math.inf
    value, error = best_estimate(solution.divergence, own_error, bounds)
    transport = solution.transport_cost
    if solution.converged:
        # W(P, R) = D - eps D_f(R‖Q) at the minimiser, and D is what is known best.
        transport = max(value - problem.epsilon * solution.information_divergence, 0.0)
    return replace(
        solution,
        certificate=replace(
            solution.certificate,
            lower_bound=bounds.lower,
            upper_bound=bounds.upper,
            statement=f"{solution.certificate.statement}. {bounds.statement}",
        ),
        divergence=value,
        divergence_error=error + bounds.truncation,
        transport_cost=transport,
    )


def best_estimate(own: float, own_error: float, bounds: Bounds) -> tuple[float, float]:
    """The better estimate, within the bounds, and its error.

    own_error may be inf or nan: the solver cannot tell. The error is then what the bounds leave.
    """
    width = bounds.upper - bounds.lower
    inside = max(bounds.lower, own)
    if math.isnan(width):
        return inside, max(own_error, inside - own)
    inside = min(inside, bounds.upper)
    # An estimate that is further outside than the bounds are apart says nothing, one that is just
    # outside says which of the bounds is close.
    tight = width <= TIGHT * abs(bounds.dual_value)
    off = abs(inside - own) > (JUST_OUTSIDE * width if tight else width)
    if math.isnan(own) or off:
        return min(max(bounds.dual_value, bounds.lower), bounds.upper), width
    left = max(bounds.upper - inside, inside - bounds.lower)
    return inside, min(max(own_error, PRUDENCE * width, abs(inside - own)), left)
