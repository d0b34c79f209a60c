"""Random problems, solved by every solver: what they prove must not contradict each other."""

from __future__ import annotations

import math

import numpy as np
from edge_problems import SOLVERS, complaints

from mfgprox.density import Density, Gaussian, Mixture, Uniform
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.solvers import solve
from mfgprox.solvers.iterate import Unsuitable
from mfgprox.tolerance import Tolerance

TOLERANCE = Tolerance(rtol=1e-3, max_iterations=300)
DIVERGENCES = ("kl", "reverse-kl", "pearson", "neyman", "hellinger", "jensen-shannon", "alpha(1.5)")
GRIDS = {
    1: Grid((-4.0,), (4.0,), (64,), 4),
    2: Grid((-4.0, -4.0), (4.0, 4.0), (20, 20), 3),
    3: Grid((-4.0,) * 3, (4.0,) * 3, (8, 8, 8), 2),
}


def _gaussian(rng: np.random.Generator, d: int) -> Density:
    return Gaussian(rng.uniform(-1.2, 1.2, d).tolist(), std=rng.uniform(0.3, 0.7, d).tolist())


def _box(rng: np.random.Generator, d: int) -> Density:
    lower = rng.uniform(-3.5, 1.0, d)
    return Uniform(lower.tolist(), (lower + rng.uniform(0.5, 2.5, d)).tolist())


def _density(rng: np.random.Generator, grid: Grid) -> Density | np.ndarray:
    d = grid.dimension
    match rng.integers(4):
        case 0:
            return _gaussian(rng, d)
        case 1:
            many = int(rng.integers(2, 4))
            return Mixture(rng.uniform(0.2, 1.0, many), [_gaussian(rng, d) for _ in range(many)])
        case 2:
            return _box(rng, d)
        case _:  # any values per cell, a part of them zero, some tiny
            return np.maximum(rng.normal(size=grid.shape), 0.0) ** rng.integers(1, 30)


def random_problem(seed: int) -> Problem:
    """The same for the same seed. Mostly on the line, where every solver is quick."""
    rng = np.random.default_rng(seed)
    grid = GRIDS[int(rng.choice([1, 2, 3], p=[0.7, 0.25, 0.05]))]
    p = 2.0 if rng.random() < 0.5 else round(float(rng.uniform(1.2, 6.0)), 2)
    return Problem(
        _density(rng, grid),
        _density(rng, grid),
        epsilon=float(10.0 ** rng.uniform(-2.0, 2.0)),
        grid=grid,
        p=p,
        f_divergence="kl" if rng.random() < 0.4 else str(rng.choice(DIVERGENCES)),
        cost="separable" if rng.random() < 0.2 else "euclidean",
    )


def answers(problem: Problem, solvers=SOLVERS) -> dict[str, Solution]:
    """By solver, of those that take the problem. Raises AssertionError for an unsound answer."""
    found = {}
    for solver in solvers:
        try:
            found[solver] = solve(problem, solver, tolerance=TOLERANCE)
        except Unsuitable:
            continue
        for complaint in complaints(found[solver], TOLERANCE):
            raise AssertionError(f"{solver}: {complaint}")
    return found


def contradictions(found: dict[str, Solution]) -> list[str]:
    """Bounds of one solver that those of another exclude, and values that leave the common bounds
    by more than their own estimated error."""
    least = {name: s.lower_bound for name, s in found.items() if not math.isnan(s.lower_bound)}
    most = {name: s.upper_bound for name, s in found.items() if not math.isnan(s.upper_bound)}
    wrong = [
        f"{below} proves D >= {low!r}, {above} D <= {high!r}"
        for below, low in least.items()
        for above, high in most.items()
        if low > high + 1e-12 * abs(high)
    ]
    low, high = max(least.values(), default=-math.inf), min(most.values(), default=math.inf)
    for name, s in found.items():
        slack = s.divergence_error + 1e-12 * abs(s.divergence)
        if not low - slack <= s.divergence <= high + slack:
            wrong.append(
                f"{name} says {s.divergence!r} ± {s.divergence_error:.1e}, but D is proven to be "
                f"within {low!r} and {high!r}"
            )
    return wrong
