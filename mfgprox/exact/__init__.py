"""Exact answers that solvers are validated against; none shares code with a solver.

They belong to the continuous problem on the box: P and Q as their kinds define them there, brought
to mass one by their integrals over the box. Answers of the whole space carry in `error` what the
box may change.
"""

from __future__ import annotations

from mfgprox.exact import conditional, product, radial, rotated, whole_gaussian, whole_line
from mfgprox.exact.answer import ExactAnswer
from mfgprox.problem import Problem

__all__ = ["ExactAnswer", "exact_answer"]

METHODS = (
    whole_gaussian.answer,
    product.answer,
    whole_line.answer,
    radial.answer,
    rotated.answer,
)
"""Tried in this order, cheap ones first, until one is good enough."""
GOOD_ENOUGH = 1e-11
"""Error relative to D (or to 1 if that is larger) beyond which no other method is asked."""


def exact_answer(problem: Problem) -> ExactAnswer | None:
    """The answer with the smallest error, or None where none is known."""
    if problem.split is not None:
        return conditional.answer(problem, exact_answer)
    best: ExactAnswer | None = None
    for method in METHODS:
        answer = method(problem)
        if answer is not None and (best is None or answer.error < best.error):
            best = answer
        if best is not None and best.error <= GOOD_ENOUGH * max(1.0, abs(best.divergence)):
            break
    return best
