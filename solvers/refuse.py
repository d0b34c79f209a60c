"""What most solvers do not take, in one sentence."""

from __future__ import annotations

from mfgprox.divergence import Lipschitz
from mfgprox.problem import Problem
from mfgprox.solvers.iterate import Unsuitable


def require_plain(problem: Problem, name: str) -> None:
    """Raises Unsuitable for a Lipschitz-regularised divergence, which is no sum over cells."""
    f = problem.divergence
    if isinstance(f, Lipschitz):
        raise Unsuitable(
            f"{name} takes divergences without lipschitz (back-and-forth takes both); "
            f"got f_divergence = {f.name}"
        )
