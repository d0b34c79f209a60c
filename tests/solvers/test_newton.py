"""The Newton–multigrid solver against closed forms and the 1-D reference."""

import numpy as np
import pytest
from newton_problems import bent, gaussians, product_of_mixtures, static

from mfgprox.density import Gaussian
from mfgprox.exact import exact_answer
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers import solve
from mfgprox.solvers.newton import Newton
from mfgprox.solvers.newton_primal import competitor
from mfgprox.tolerance import Status

pytestmark = pytest.mark.compiled
ONE = ([-0.8], [[0.12]], [0.7], [[0.25]])
ROTATED = ([-0.5, 0.2], [[0.3, 0.12], [0.12, 0.2]], [0.4, -0.3], [[0.2, -0.1], [-0.1, 0.35]])
SOLID = (
    [-0.4, 0.1, 0.2],
    [[0.4, 0.1, 0.0], [0.1, 0.35, 0.05], [0.0, 0.05, 0.45]],
    [0.3, -0.2, -0.1],
    [[0.35, 0.0, -0.1], [0.0, 0.5, 0.0], [-0.1, 0.0, 0.4]],
)


@pytest.mark.parametrize("epsilon", [1e-3, 0.05, 0.5, 2.0, 10.0, 1e4])
@pytest.mark.parametrize(
    ("case", "half", "cells"),
    [(ONE, 6.0, [200]), (ROTATED, 5.0, [96, 81]), (SOLID, 5.0, [40, 37, 43])],
    ids=["1-D", "2-D", "3-D"],
)
def test_gaussians(case, half, cells, epsilon):
    problem, exact = gaussians(*case, epsilon, half, cells)
    dual, primal, R, steps, _ = static(problem)
    assert dual == pytest.approx(exact.divergence, rel=1e-7)
    assert primal == pytest.approx(dual, rel=1e-5)
    wanted = np.exp(exact.log_density(1.0, problem.grid.coordinates()))
    assert problem.grid.integrate(np.abs(R - wanted)) < 1e-5
    assert steps <= 8


@pytest.mark.parametrize("epsilon", [0.05, 0.5, 10.0])
def test_products_of_mixtures(epsilon):
    exact = exact_answer(product_of_mixtures([128, 128], epsilon))
    for n, value, minimiser in ((64, 1e-7, 1e-4), (128, 2e-9, 1e-5)):
        problem = product_of_mixtures([n, n], epsilon)
        dual, primal, R, _, _ = static(problem)
        assert dual == pytest.approx(exact.divergence, rel=value)
        assert primal == pytest.approx(dual, rel=1e-5)
        assert problem.grid.integrate(np.abs(R - exact.R(problem.grid))) < minimiser


@pytest.mark.parametrize("epsilon", [1e-3, 0.5, 10.0, 1e4])
def test_bent_mixtures_agree_between_grids_and_with_their_primal_value(epsilon):
    fine, *_ = static(bent([200, 192], epsilon))
    dual, primal, _, steps, _ = static(bent([128, 120], epsilon))
    assert dual == pytest.approx(fine, rel=2e-6)
    assert -1e-9 * dual < primal - dual < 1e-4 * dual
    assert steps <= 25


def test_the_dual_value_converges_by_more_than_the_fourth_order():
    exact = exact_answer(product_of_mixtures([128, 128], 1.0)).divergence
    errors = [abs(static(product_of_mixtures([n, n], 1.0))[0] / exact - 1) for n in (32, 64, 128)]
    assert errors[0] < 3e-3
    assert errors[1] < errors[0] / 16.0
    assert errors[2] < max(errors[1] / 16.0, 1e-9)


def test_the_same_density_twice_costs_nothing():
    grid = Grid([-4.0, -3.0], [4.0, 3.0], [40, 33], 4)
    P = Gaussian([0.1, 0.2], std=[0.7, 0.5])
    solution = solve(Problem(P, P, epsilon=1.0, grid=grid), Newton())
    assert solution.converged
    assert abs(solution.divergence) < 1e-10
    np.testing.assert_allclose(solution.R, solution.problem.P, atol=1e-8)


def test_densities_that_reach_the_walls():
    """Positive on the whole box: nothing flows through its walls."""

    class Wave:
        smooth = True

        def __init__(self, a, b):
            self.a, self.b = a, b

        def log_density(self, grid):
            x, y = grid.coordinates()
            return np.log(1.0 + self.a * np.cos(np.pi * x) + self.b * np.cos(2 * np.pi * y) + 0 * x)

        def cut_off(self, grid):
            return 0.0

    def problem(n):
        grid = Grid([0.0, 0.0], [1.0, 1.0], [n, n], 4)
        return Problem(Wave(0.4, 0.2), Wave(-0.3, 0.3), epsilon=0.3, grid=grid)

    coarse, fine = (static(problem(n)) for n in (48, 96))
    assert coarse[0] == pytest.approx(fine[0], rel=1e-6)
    assert fine[1] == pytest.approx(fine[0], rel=1e-6)


def test_a_solution_and_its_certificate():
    problem, exact = gaussians(*ROTATED, 2.0, 4.5, [64, 64], 8)
    solution = solve(problem, Newton())
    assert solution.status is Status.CONVERGED
    assert abs(solution.divergence - exact.divergence) <= 2.0 * solution.divergence_error + 1e-9
    assert solution.lower_bound <= exact.divergence * (1 + 1e-8)
    assert solution.upper_bound >= exact.divergence * (1 - 1e-8)
    assert solution.transport_cost == pytest.approx(exact.transport_cost, rel=1e-5)
    assert solution.information_divergence == pytest.approx(exact.information_divergence, rel=1e-5)
    assert solution.mass_error < 1e-13
    assert solution.rho.min() >= 0.0
    assert problem.grid.integrate(problem.P * solution.first_variation) == pytest.approx(
        exact.divergence, rel=1e-7
    )


def test_the_competitor_has_mass_one():
    problem = product_of_mixtures([96, 96], 0.7)
    *_, state = static(problem)
    level = Newton().level(problem, state)
    at = level.normalised(state.chi, problem.epsilon)
    level.linearise(at, problem.epsilon, 0.05)
    assert competitor(level, at, problem.epsilon).mass == pytest.approx(1.0, abs=1e-5)
