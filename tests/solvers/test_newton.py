"""The Newton–multigrid solver against closed forms, the 1-D reference and its own promises."""

import numpy as np
import pytest

from mfgprox.density import Gaussian, Mixture, Uniform
from mfgprox.exact import exact_answer
from mfgprox.exact import gaussian as closed_form
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers import solve
from mfgprox.solvers.iterate import iterate
from mfgprox.solvers.newton import Newton, require
from mfgprox.solvers.newton_primal import competitor
from mfgprox.tolerance import Status, Tolerance
from mfgprox.tree import put_together, take_apart

pytestmark = pytest.mark.compiled


def static(problem, **settings):
    """The dual and the primal value, R and the number of steps, without the dynamic pair."""
    solver, tolerance = Newton(**settings), Tolerance()
    state = solver.init(problem, None, tolerance)
    steps, stalled = 0, False
    while not stalled:
        record = solver.step(problem, state, tolerance)
        steps, stalled = steps + 1, record.stalled
    level = solver.level(problem, state)
    at = level.normalised(state.chi, problem.epsilon)
    R = np.exp(level.log_Q - level.psi(at) / problem.epsilon).reshape(problem.grid.shape)
    return record.dual, record.primal, R, steps, state


def gaussians(m1, S1, m2, S2, epsilon, half, cells, time_steps=8):
    d = len(m1)
    grid = Grid([-half] * d, [half] * d, cells, time_steps)
    problem = Problem(Gaussian(m1, cov=S1), Gaussian(m2, cov=S2), epsilon=epsilon, grid=grid)
    return problem, closed_form.solve(m1, S1, m2, S2, epsilon)


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


def product_of_mixtures(cells, epsilon):
    """Neither Gaussian nor log-concave; the sum of two 1-D references knows the answer."""

    def lattice(xs, wx, sx, ys, wy, sy):
        pairs = [(i, j) for i in range(len(xs)) for j in range(len(ys))]
        return Mixture(
            [wx[i] * wy[j] for i, j in pairs],
            [Gaussian([xs[i], ys[j]], std=[sx[i], sy[j]]) for i, j in pairs],
        )

    P = lattice([-0.9, 0.2], [0.6, 0.4], [0.5, 0.45], [-0.3, 0.6], [0.7, 0.3], [0.5, 0.55])
    Q = lattice([-0.2, 0.8], [0.3, 0.7], [0.55, 0.5], [-0.6, 0.4], [0.5, 0.5], [0.5, 0.5])
    return Problem(P, Q, epsilon=epsilon, grid=Grid([-5.0] * 2, [5.0] * 2, cells))


@pytest.mark.parametrize("epsilon", [0.05, 0.5, 10.0])
def test_products_of_mixtures(epsilon):
    exact = exact_answer(product_of_mixtures([128, 128], epsilon))
    for n, value, minimiser in ((64, 1e-7, 1e-4), (128, 2e-9, 1e-5)):
        problem = product_of_mixtures([n, n], epsilon)
        dual, primal, R, _, _ = static(problem)
        assert dual == pytest.approx(exact.divergence, rel=value)
        assert primal == pytest.approx(dual, rel=1e-5)
        assert problem.grid.integrate(np.abs(R - exact.R(problem.grid))) < minimiser


def bent(cells, epsilon, half=4.0, time_steps=8):
    """Rotated mixtures: not a product, not log-concave."""

    def turned(angle, a, b):
        q = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return (q @ np.diag([a * a, b * b]) @ q.T).round(15).tolist()

    def mixture(weights, means, shapes):
        parts = [Gaussian(m, cov=turned(*s)) for m, s in zip(means, shapes, strict=True)]
        return Mixture(weights, parts)

    P = mixture(
        [0.5, 0.3, 0.2],
        [[-0.8, -0.4], [-0.2, 0.8], [0.3, -0.6]],
        [(0.5, 0.5, 0.35), (1.2, 0.45, 0.3), (-0.4, 0.5, 0.4)],
    )
    Q = mixture(
        [0.4, 0.4, 0.2],
        [[0.7, 0.5], [0.2, -0.7], [-0.6, 0.6]],
        [(-0.6, 0.6, 0.35), (0.3, 0.4, 0.5), (1.0, 0.5, 0.4)],
    )
    grid = Grid([-half] * 2, [half] * 2, cells, time_steps)
    return Problem(P, Q, epsilon=epsilon, grid=grid)


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


def test_a_torn_map_is_reported():
    P = Gaussian([0.0, 0.0], std=[0.4, 0.4])
    Q = Mixture(
        [1.0, 1.0, 1.0],
        [Gaussian([1.3 * np.cos(a), 1.3 * np.sin(a)], std=[0.2, 0.2]) for a in (0.3, 2.4, 4.5)],
    )
    grid = Grid([-3.0] * 2, [3.0] * 2, [64, 64], 4)
    solution = solve(Problem(P, Q, epsilon=5.0, grid=grid), Newton())
    assert solution.status is Status.STALLED
    assert "failed" in solution.notes[0]
    assert np.isfinite(solution.divergence)
    assert solution.divergence_error > 0.01 * solution.divergence


@pytest.mark.parametrize("epsilon", [1.0, 4.0, 20.0])
def test_a_torn_map_is_known_after_few_steps(epsilon):
    corners = [(a, b) for a in (-1.2, 1.2) for b in (-1.2, 1.2)]
    Q = Mixture([1.0] * 4, [Gaussian(list(c), std=[0.25, 0.25]) for c in corners])
    grid = Grid([-3.0] * 2, [3.0] * 2, [128, 128])
    problem = Problem(Gaussian([0.0, 0.0], std=[0.4, 0.4]), Q, epsilon=epsilon, grid=grid)
    solver, tolerance = Newton(), Tolerance()
    state = solver.init(problem, None, tolerance)
    for _ in range(40):
        record = solver.step(problem, state, tolerance)
        if record.stalled:
            break
    assert record.stalled
    assert not record.settled


@pytest.mark.parametrize("width", [0.06, 0.2])
@pytest.mark.parametrize("epsilon", [0.05, 1.0, 1e4])
def test_a_sharp_density_is_not_a_torn_map(width, epsilon):
    shape = np.diag([width**2] * 2).tolist()
    problem, exact = gaussians(
        [-0.8, -0.4], shape, [0.7, 0.5], [[0.25, 0.0], [0.0, 0.09]], epsilon, 4.0, [128, 128]
    )
    dual, _, _, steps, state = static(problem)
    assert state.settled
    assert steps <= 10
    assert dual == pytest.approx(exact.divergence, rel=1e-6)


def test_what_newton_does_not_accept_is_named():
    grid = Grid([-3.0], [3.0], [32])
    smooth, edges = Gaussian([0.0], std=[0.5]), Uniform([-1.0], [1.0])
    with pytest.raises(ValueError, match=r"newton needs p = 2.*got p = 1.5"):
        require(Problem(smooth, smooth, epsilon=1.0, grid=grid, p=1.5))
    with pytest.raises(ValueError, match=r"positive on the box; got a density with edges or zeros"):
        Newton().init(Problem(smooth, edges, epsilon=1.0, grid=grid), None, Tolerance())


def test_a_solution_at_another_epsilon_is_a_start():
    tolerance = Tolerance()
    first = solve(bent([72, 80], 0.5, time_steps=2), Newton())
    problem = bent([72, 80], 0.6)
    solver = Newton()
    state = solver.init(problem, first, tolerance)
    steps, stalled = 0, False
    while not stalled:
        record = solver.step(problem, state, tolerance)
        steps, stalled = steps + 1, record.stalled
    cold, _, _, _, _ = static(problem)
    assert record.dual == pytest.approx(cold, rel=1e-8)
    assert steps <= 12


def test_a_checkpoint_goes_on_to_the_same_bits():
    problem = bent([72, 80], 2.0, time_steps=2)
    whole = iterate(Newton(), problem, Tolerance())
    kept = []

    def keep(progress):
        kept.append(take_apart(progress))

    iterate(Newton(), problem, Tolerance(max_iterations=4), checkpoint=keep)
    again = iterate(Newton(), problem, Tolerance(), progress=put_together(*kept[-1]))
    assert again.iterations == whole.iterations
    for name in ("U", "R", "rho"):
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))


def test_the_number_of_threads_does_not_show(monkeypatch):
    problem = bent([150, 130], 1.0)
    one = static(problem)

    def in_parts(kernel, count, work, *arguments):
        for first in range(0, count, 37):
            kernel(first, min(first + 37, count), *arguments)

    for module in ("solvers.newton_level", "solvers.newton_linear", "solvers.newton_primal"):
        monkeypatch.setattr(f"mfgprox.{module}.over", in_parts)
    monkeypatch.setattr("mfgprox.transform.over", in_parts)
    other = static(problem)
    assert one[0] == other[0]
    np.testing.assert_array_equal(one[2], other[2])


def test_the_competitor_has_mass_one():
    problem = product_of_mixtures([96, 96], 0.7)
    *_, state = static(problem)
    level = Newton().level(problem, state)
    at = level.normalised(state.chi, problem.epsilon)
    level.linearise(at, problem.epsilon, 0.05)
    assert competitor(level, at, problem.epsilon).mass == pytest.approx(1.0, abs=1e-5)
