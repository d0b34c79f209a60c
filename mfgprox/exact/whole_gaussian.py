"""The closed forms of `gaussian` as the answer to a problem on a box."""

from __future__ import annotations

import itertools

import numpy as np

from mfgprox.density import Gaussian
from mfgprox.exact import gaussian
from mfgprox.exact.answer import ExactAnswer
from mfgprox.grid import Grid
from mfgprox.problem import Problem

ROUND_OFF = 1e-13
"""Relative accuracy of the closed forms in double precision."""


def answer(problem: Problem) -> ExactAnswer | None:
    """The closed form where P and Q are Gaussians, p = 2 and f = KL; None elsewhere."""
    P, Q = problem.densities
    if not (isinstance(P, Gaussian) and isinstance(Q, Gaussian)):
        return None
    if problem.p != 2.0 or problem.divergence.name != "kl":
        return None
    solution = gaussian.solve(P.mean, P.cov, Q.mean, Q.cov, problem.epsilon)

    def density(t: float, grid: Grid) -> np.ndarray:
        return np.exp(solution.log_density(t, grid.coordinates()))

    return ExactAnswer(
        name="Gaussian closed form",
        divergence=solution.divergence,
        transport_cost=solution.transport_cost,
        information_divergence=solution.information_divergence,
        error=ROUND_OFF * max(1.0, solution.divergence) + _truncation(solution, problem),
        minimiser=lambda grid: density(1.0, grid),
        path=density,
        slope=lambda t, grid: [
            np.broadcast_to(g, grid.shape) for g in solution.gradient(t, grid.coordinates())
        ],
    )


def _truncation(solution: gaussian.GaussianSolution, problem: Problem) -> float:
    """What the box may change in D, to first order in the mass that it cuts off.

    P weighs with the first variation U_0, Q and R with epsilon, since D takes log Q only.
    """
    grid, cut_P, cut_Q = problem.grid, *problem.cut_off
    cut_R = Gaussian(list(solution.mean_R), cov=solution.covariance_R.tolist()).cut_off(grid)
    corners = np.array(list(itertools.product(*zip(grid.lower, grid.upper, strict=True)))).T
    spread = np.ptp(np.append(solution.potential(0.0, list(corners)), solution.divergence))
    return float(cut_P * spread + problem.epsilon * (cut_Q + cut_R))
