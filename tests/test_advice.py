"""Advice: given where there is reason, and not where there is none."""

import dataclasses

import numpy as np
import pytest
from gaussian_solutions import gaussian_solution

import mfgprox
from mfgprox.advice import advice
from mfgprox.density import Gaussian
from mfgprox.grid import Grid
from mfgprox.slopes import one_sided_slope, velocities, widest_tear
from mfgprox.solution import Certificate
from mfgprox.summary import summary
from mfgprox.tolerance import Status


@pytest.mark.parametrize("cells", [(128,), (64, 60), (56, 60, 54)], ids=str)
def test_a_good_solution_needs_no_advice(cells):
    solution = gaussian_solution(cells, half_width=3.5)
    box = [sentence for sentence in advice(solution) if "box" not in sentence]
    assert box == []
    assert widest_tear(solution) <= 4 * max(solution.problem.grid.spacing)


def test_a_box_that_cuts_off():
    solution = gaussian_solution((64,), half_width=2.0)
    for sentence in advice(solution):
        assert "the box cuts off" in sentence
        assert "grid.lower = [-2.4], grid.upper = [2.4]" in sentence
    assert "advice" in summary(solution, None, 1.0)


def test_a_grid_that_is_coarse_for_epsilon():
    grid = Grid((-3.0,), (3.0,), (24,), 4)
    problem = mfgprox.Problem(
        Gaussian([-0.5], std=[0.1]), Gaussian([0.5], std=[0.1]), epsilon=0.01, grid=grid
    )
    solution = mfgprox.solve(problem, "primal-dual", static=True)
    (sentence,) = [s for s in advice(solution) if "coarse" in s]
    assert "epsilon = 0.01" in sentence
    assert "try grid.cells = [" in sentence
    finer = int(sentence.split("grid.cells = [")[1].split("]")[0])
    problem = problem.on(grid.with_cells((finer,)))
    solution = mfgprox.solve(problem, static=True)
    assert not any("coarse" in s for s in advice(solution))


def test_a_map_that_tears():
    solution = mfgprox.solve(mfgprox.load_case("mixture_1d", ["grid.cells=[128]"]), static=True)
    (sentence,) = [s for s in advice(solution) if "tears" in s]
    assert "semi-discrete" in sentence or "semi-discrete" in solution.solver
    # Both bumps of Q lie 1.5 from the middle, and mass goes there from both sides of it.
    assert 0.5 < widest_tear(solution) < 3.0


def test_a_smooth_map_that_stretches_does_not_tear():
    problem = mfgprox.Problem(
        Gaussian([0.0], std=[0.1]),
        Gaussian([0.0], std=[0.7]),
        epsilon=100.0,
        grid=Grid((-4.0,), (4.0,), (400,), 2),
    )
    solution = mfgprox.solve(problem, static=True)
    assert not any("tears" in s for s in advice(solution))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.ITERATION_LIMIT, "--resume"),
        (Status.TIME_LIMIT, "--max-time"),
        (Status.STALLED, "another method"),
        (Status.NOT_FINITE, "another solver.method"),
    ],
)
def test_what_to_do_when_it_stopped(status, words):
    solution = dataclasses.replace(gaussian_solution((64,), half_width=4.0), status=status)
    assert any(words in sentence for sentence in advice(solution))


def test_bounds_far_apart():
    solution = gaussian_solution((64,), half_width=4.0)
    value = solution.divergence
    wide = dataclasses.replace(solution, certificate=Certificate(value, value, 0.0, 2 * value))
    (sentence,) = advice(wide)
    assert "200.0% apart" in sentence


def test_slopes_do_not_reach_across_a_kink():
    x = np.linspace(-1.0, 1.0, 21)
    U = np.where(x < 0.04, 3.0 * x, -2.0 * x + 0.2) + x**2
    slope = one_sided_slope(U, 0, x[1] - x[0])
    exact = np.where(x < 0.04, 3.0, -2.0) + 2.0 * x
    assert np.allclose(slope[2:-2], exact[2:-2], atol=1e-12)
    centred = np.gradient(U, x)
    assert np.abs(centred - exact).max() > 1.0


def test_velocities_are_those_of_the_closed_form():
    solution = gaussian_solution((60, 60))
    moved = velocities(solution)
    weight = solution.problem.P * solution.problem.grid.cell_volume
    cost = (weight * sum(v**2 for v in moved)).sum()
    assert cost == pytest.approx(solution.transport_cost, rel=1e-3)
