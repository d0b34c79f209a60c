"""How newton ends and goes on: torn maps, sharp densities, starts, checkpoints, threads."""

import numpy as np
import pytest
from newton_problems import bent, gaussians, static

from mfgprox.density import Gaussian, Mixture, Uniform
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers import solve
from mfgprox.solvers.iterate import iterate
from mfgprox.solvers.newton import Newton, require
from mfgprox.tolerance import Status, Tolerance
from mfgprox.tree import put_together, take_apart

pytestmark = pytest.mark.compiled


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
    with pytest.raises(ValueError, match=r"newton needs p = 2.*got p = 1.4"):
        require(Problem(smooth, smooth, epsilon=1.0, grid=grid, p=1.4))
    with pytest.raises(ValueError, match=r"positive on the box; got a density with edges or zeros"):
        Newton().init(Problem(smooth, edges, epsilon=1.0, grid=grid), None, Tolerance())


def test_a_solution_at_another_epsilon_is_a_start():
    first = solve(bent([72, 80], 0.5, time_steps=2), Newton())
    problem = bent([72, 80], 0.6)
    warm, _, _, steps, _ = static(problem, first)
    cold, *_ = static(problem)
    assert warm == pytest.approx(cold, rel=1e-8)
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
