"""A solution with bounds of the continuous value, and the better of two estimates of it."""

from __future__ import annotations

import math
from dataclasses import replace

from mfgprox.certificate import Bounds, continuous_bounds
from mfgprox.solution import Solution


def certified(solution: Solution) -> Solution:
    """The solution with bounds from its own terminal potential, whoever made it.

    The value is estimated by the solver, with the error that it estimates, and by the dual value
    behind the lower bound, with the distance of the bounds as its error; the estimate with the
    smaller error is kept, and never outside the bounds.
    """
    bounds = continuous_bounds(solution.problem, solution.U[-1])
    value, error = best_estimate(solution.divergence, solution.divergence_error, bounds)
    problem = solution.problem
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
        transport_cost=value - problem.epsilon * solution.information_divergence,
    )


def best_estimate(own: float, own_error: float, bounds: Bounds) -> tuple[float, float]:
    """The estimate with the smaller error, moved into the bounds, and its error."""
    width = bounds.upper - bounds.lower
    value, error = own, own_error
    if math.isfinite(width) and not own_error < width:
        value, error = bounds.dual_value, width
    inside = max(bounds.lower, value)
    if math.isfinite(bounds.upper):
        inside = min(inside, bounds.upper)
    return inside, max(error, abs(inside - value))
