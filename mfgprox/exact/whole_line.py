"""The one-dimensional reference as the answer to a problem with one axis."""

from __future__ import annotations

import math

import numpy as np

from mfgprox.density import sample
from mfgprox.divergence import Lipschitz
from mfgprox.exact import interior_line
from mfgprox.exact.answer import ExactAnswer
from mfgprox.exact.line import distribution
from mfgprox.exact.one_dimensional import OneDimensionalSolution, solve
from mfgprox.grid import Grid
from mfgprox.problem import Problem

INTERIOR_ACCURACY = 1e-6
"""Relative error of an answer on meshes beyond which there is none."""


def solve_problem(problem: Problem) -> OneDimensionalSolution:
    """The reference for a problem on a 1-D grid, on its box.

    Raises ValueError for more axes, FloatingPointError where Newton's method breaks down.
    """
    if problem.grid.dimension != 1:
        raise ValueError(f"a problem with one axis is wanted; got {problem.grid.dimension}")
    P, Q = (distribution(density, problem.grid) for density in problem.densities)
    return solve(P, Q, epsilon=problem.epsilon, p=problem.p, divergence=problem.divergence)


def answer(problem: Problem) -> ExactAnswer | None:
    """The reference for a problem with one axis; None for others.

    By an interior point on meshes where R may vanish or leave the support of Q at a finite price.
    None where its own check fails (it may with many gaps in both P and Q).
    """
    if problem.grid.dimension != 1:
        return None
    if isinstance(problem.divergence, Lipschitz):
        return _by_interior_point(problem)
    if not stays_inside(problem) or not np.isneginf(problem.divergence.derivative(np.zeros(1))[0]):
        return _by_interior_point(problem)
    try:
        solution = solve_problem(problem)
    except FloatingPointError:
        return _by_interior_point(problem)
    if not solution.trusted:
        return _by_interior_point(problem) if problem.divergence.name != "kl" else None

    def density(t: float, grid: Grid) -> np.ndarray:
        if problem.smooth:
            return solution.path.density(t, grid.centers(0))
        if t == 0.0:
            return sample(problem.densities[0], grid).values
        averages = solution.path.averages(t, grid.edges(0))
        if t == 1.0:  # no sliver of rounding where an edge of Q meets an edge of the grid
            return np.where(sample(problem.densities[1], grid).values > 0.0, averages, 0.0)
        return averages

    return ExactAnswer(
        name="1-D reference",
        divergence=solution.divergence,
        transport_cost=solution.transport_cost,
        information_divergence=solution.information_divergence,
        error=solution.error,
        minimiser=lambda grid: density(1.0, grid),
        path=density,
        slope=lambda t, grid: [solution.path.gradient(t, grid.centers(0))],
    )


def _by_interior_point(problem: Problem) -> ExactAnswer | None:
    P, Q = (distribution(density, problem.grid) for density in problem.densities)
    whole = problem.divergence
    f, constant = (
        (whole.base, whole.constant) if isinstance(whole, Lipschitz) else (whole, math.inf)
    )
    try:
        found = interior_line.solve(
            P, Q, epsilon=problem.epsilon, p=problem.p, divergence=f, lipschitz=constant
        )
    except FloatingPointError:
        return None
    if found.error > INTERIOR_ACCURACY * max(1.0, abs(found.divergence)):
        return None
    return ExactAnswer(
        name="1-D reference, interior point",
        divergence=found.divergence,
        transport_cost=found.transport_cost,
        information_divergence=found.information_divergence,
        error=found.error,
        minimiser=lambda grid: found.averages(grid.edges(0)),
    )


def stays_inside(problem: Problem) -> bool:
    """Whether R has no mass where Q has none."""
    positive = bool(np.isfinite(problem.log_Q).all())
    return positive or bool(np.isinf(problem.divergence.recession))
