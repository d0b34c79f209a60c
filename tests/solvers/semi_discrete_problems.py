"""Shipped problems for the semi-discrete solver, and their static answers."""

import mfgprox
from mfgprox.solvers import solve
from mfgprox.tolerance import Tolerance

TIGHT = Tolerance(1e-6)


def case(name, epsilon, n):
    """On n cells an axis."""
    problem = mfgprox.load_case(name).with_epsilon(epsilon)
    return problem.on(problem.grid.with_cells((n,) * problem.grid.dimension))


def solved(problem, **options):
    """Without a path."""
    return solve(problem, "semi-discrete", tolerance=TIGHT, static=True, **options)
