"""Which estimate of the value a solution reports, and that it lies within the bounds."""

import math

import pytest

from mfgprox.certificate import Bounds
from mfgprox.certified import best_estimate
from mfgprox.density import Uniform
from mfgprox.exact import exact_answer
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers import solve
from mfgprox.tolerance import Tolerance


def bounds(lower, upper, dual):
    return Bounds(lower, upper, dual, 0.0, 0.0, "")


@pytest.mark.parametrize(
    ("own", "own_error", "given", "expected"),
    [
        (1.05, 0.2, bounds(0.995, 1.005, 1.0), (1.0, 0.01)),
        (1.005, 0.003, bounds(0.99, 1.01, 1.0), (1.005, 0.003)),
        (1.005, 0.0, bounds(0.99, 1.01, 1.0), (1.005, 0.002)),
        (1.005, 0.5, bounds(0.99, 1.01, 1.0), (1.005, 0.015)),
        (0.9, 0.001, bounds(0.995, 1.005, 1.0), (1.0, 0.01)),
        (1.0101, 0.001, bounds(0.995, 1.01, 0.996), (1.01, 0.0015)),
        (0.9, 0.05, bounds(0.95, math.nan, 0.96), (0.95, 0.05)),
        (1.02, math.inf, bounds(0.95, 1.05, 0.96), (1.02, 0.07)),
        (1.1, math.inf, bounds(0.95, 1.05, 0.96), (1.05, 0.1)),
        (math.nan, math.inf, bounds(0.95, 1.05, 0.96), (0.96, 0.1)),
        (825.0, math.inf, bounds(3.3, 37.0, 3.4), (3.4, 33.7)),
        (-0.02, 0.001, bounds(0.0, 0.0, -0.01), (0.0, 0.0)),
    ],
)
def test_the_better_estimate_within_the_bounds(own, own_error, given, expected):
    assert best_estimate(own, own_error, given) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("P", "Q", "cells"), [((-1.03, 0.71), (0.0, 2.11), 47), ((-1.5, -0.7), (0.513, 1.21), 150)]
)
def test_edges_that_cut_cells_do_not_break_the_bounds(P, Q, cells):
    grid = Grid((-2.0,), (3.0,), (cells,), 8)
    problem = Problem(Uniform([P[0]], [P[1]]), Uniform([Q[0]], [Q[1]]), epsilon=1.5, grid=grid)
    solution = solve(problem, "primal-dual", tolerance=Tolerance(max_iterations=300))
    exact = exact_answer(problem)
    assert solution.lower_bound <= exact.divergence <= solution.upper_bound
