"""The same problem told differently: answers to one are bounds of the other.

mirrored                  D' = D                                   Theorem 3.5
stretched by 2, eps 2^p   D' = 2^p D                               the cost is homogeneous
epsilon doubled           D <= D' <= 2 D                           Theorem 2.8
P = Q                     D' = 0                                   Theorem 2.3
the other norm            D' = D at p = 2 and on the line; Σ|x_i|^p <= |x|^p for p > 2, >= below
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mfgprox.density import ArrayDensity, Density, Gaussian, Mixture, Uniform
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solution import Solution


@dataclass(frozen=True)
class Relative:
    """low(answer) <= D of the problem <= high(answer), of an answer to the other one."""

    what: str
    problem: Problem
    low: Callable[[Solution], float]
    high: Callable[[Solution], float]


def _stretched(density: Density | np.ndarray, by: float) -> Density | np.ndarray:
    """The density of by · x; by = -1 mirrors every axis."""
    if isinstance(density, np.ndarray):
        return np.flip(density).copy() if by < 0.0 else density
    if isinstance(density, Gaussian):
        return Gaussian((by * density.mean).tolist(), cov=(by**2 * density.cov).tolist())
    if isinstance(density, Mixture):
        return Mixture(density.weights, [_stretched(part, by) for part in density.components])
    assert isinstance(density, Uniform)
    ends = by * np.array([density.lower, density.upper])
    return Uniform(ends.min(axis=0).tolist(), ends.max(axis=0).tolist())


def _like(problem: Problem, given: tuple, **changes) -> Problem:
    P, Q = given
    settings = {
        "epsilon": problem.epsilon, "grid": problem.grid, "p": problem.p,
        "f_divergence": problem.divergence.name, "cost": problem.cost.norm, **changes,
    }  # fmt: skip
    return Problem(P, Q, **settings)


def relatives(problem: Problem) -> list[Relative]:
    """Of a problem with Gaussians, mixtures of them, boxes and arrays on a box around 0."""
    P, Q = given = tuple(
        values if isinstance(density, ArrayDensity) else density
        for density, values in zip(problem.densities, (problem.P, problem.Q), strict=True)
    )
    grid, p, epsilon = problem.grid, problem.p, problem.epsilon
    wide = Grid(
        tuple(2.0 * a for a in grid.lower), tuple(2.0 * b for b in grid.upper), grid.cells,
        grid.time_steps,
    )  # fmt: skip
    mirrored = _like(problem, (_stretched(P, -1.0), _stretched(Q, -1.0)))
    pair = (_stretched(P, 2.0), _stretched(Q, 2.0))
    stretched = _like(problem, pair, grid=wide, epsilon=2.0**p * epsilon)
    other = "euclidean" if problem.cost.norm == "separable" else "separable"
    equal = p == 2.0 or grid.dimension == 1
    ours_is_less = (problem.cost.norm == "separable") == (p > 2.0)
    return [
        Relative("mirrored", mirrored, _lower, _upper),
        Relative(
            "stretched", stretched,
            lambda s: s.lower_bound / 2.0**p, lambda s: s.upper_bound / 2.0**p,
        ),
        Relative(
            "epsilon doubled", _like(problem, given, epsilon=2.0 * epsilon),
            lambda s: 0.5 * s.lower_bound, _upper,
        ),
        Relative(
            f"{other} cost", _like(problem, given, cost=other),
            _lower if equal or not ours_is_less else lambda s: 0.0,
            _upper if equal or ours_is_less else lambda s: np.inf,
        ),
    ]  # fmt: skip


def _lower(solution: Solution) -> float:
    return solution.lower_bound


def _upper(solution: Solution) -> float:
    return solution.upper_bound


def unlike(found: dict[str, Solution], relative: Relative, answer: Solution) -> list[str]:
    """Bounds of the problem's answers that the relative's answer excludes."""
    low, high = relative.low(answer), relative.high(answer)
    wrong = []
    for name, s in found.items():
        slack = 1e-12 * max(abs(low), abs(s.upper_bound))
        if s.upper_bound < low - slack:
            wrong.append(f"{relative.what}: D >= {low!r}, but {name} proves <= {s.upper_bound!r}")
        if s.lower_bound > high + slack:
            wrong.append(f"{relative.what}: D <= {high!r}, but {name} proves >= {s.lower_bound!r}")
    return wrong
