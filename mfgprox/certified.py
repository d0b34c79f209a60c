"""A solution with bounds of the continuous value, and the better of two estimates of it."""

from __future__ import annotations

import math
from dataclasses import replace

from mfgprox.certificate import Bounds, continuous_bounds
from mfgprox.solution import Solution

PRUDENCE = 0.1
"""No estimate is believed to be off by less than this share of the distance of the bounds."""

TIGHT = 0.02
"""Relative distance of the bounds up to which the dual value is a good estimate: its error is the
square of that of the potential, which for a torn map is not small."""


def certified(solution: Solution) -> Solution:
    """The solution with bounds from its own terminal potential, whoever made it.

    The value is estimated by the solver, with the error that it estimates, and by the dual value
    behind the lower bound, with the distance of the bounds as its error if they are tight; the
    estimate with the smaller error is kept, and never outside the bounds.
    """
    problem = solution.problem
    bounds = continuous_bounds(problem, solution.U[-1])
    value, error = best_estimate(solution.divergence, solution.divergence_error, bounds)
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
        divergence_error=error,
        transport_cost=transport,
    )


def best_estimate(own: float, own_error: float, bounds: Bounds) -> tuple[float, float]:
    """The estimate with the smaller error, moved into the bounds, and its error.

    own_error may be inf or nan: the solver cannot tell. The error is then what the bounds leave.
    """
    width = bounds.upper - bounds.lower
    inside = max(bounds.lower, own)
    if math.isnan(width):
        return inside, max(own_error, inside - own)
    inside = min(inside, bounds.upper)
    left = max(bounds.upper - inside, inside - bounds.lower)
    error = max(own_error, PRUDENCE * width, abs(inside - own))
    tight = width <= TIGHT * abs(bounds.dual_value)
    if math.isnan(own) or (tight and not error < width):
        return bounds.dual_value, width
    return inside, min(error, left)
