"""The semi-discrete solver: degenerate data, starts, checkpoints, threads, extrapolation."""

import dataclasses
import math

import numba
import numpy as np
import pytest
from semi_discrete_problems import TIGHT, case, solved

import mfgprox
from mfgprox.density import Gaussian, Ring, Uniform
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers import make_solver
from mfgprox.solvers.iterate import Interrupted, Progress, Unsuitable, iterate
from mfgprox.solvers.semi_discrete.grids import ladder, needed
from mfgprox.solvers.semi_discrete.state import extrapolated
from mfgprox.tree import put_together, take_apart

pytestmark = pytest.mark.compiled


@pytest.mark.parametrize("cells", [(2, 2), (1, 7), (9, 1), (2, 40), (33, 20)])
@pytest.mark.parametrize("epsilon", [1e-3, 1.0, 1e4])
def test_small_and_uneven_grids_with_zeros_end_with_a_status(cells, epsilon):
    rng = np.random.default_rng(3)
    grid = Grid((-3, -3), (3, 2), cells)
    P = rng.random(grid.shape) * (rng.random(grid.shape) > 0.3)
    Q = rng.random(grid.shape) * (rng.random(grid.shape) > 0.5)
    P.flat[-1] = Q.flat[0] = 1.0
    found = solved(Problem(P, Q, epsilon=epsilon, grid=grid))
    assert np.isfinite([found.divergence, found.gap, found.divergence_error]).all()
    assert found.gap >= -1e-9
    assert found.converged or found.notes


@pytest.mark.parametrize("epsilon", [1e-3, 1.0, 1e4])
def test_nothing_to_do_and_one_atom(epsilon):
    grid = Grid((-3, -3), (3, 3), (32, 32))
    P = Gaussian([0.0, 0.0], std=[0.5, 0.5])
    same = solved(Problem(P, P, epsilon=epsilon, grid=grid))
    assert same.divergence <= same.divergence_error + 1e-12
    Q = np.zeros(grid.shape)
    Q[20, 7] = 1.0
    atom = solved(Problem(P, Q, epsilon=epsilon, grid=grid))
    assert atom.gap == 0.0
    x, y = grid.coordinates()
    cost = np.square(x - x[0, 7]) + np.square(y - y[20, 0])
    h = grid.spacing[0]
    expected = grid.integrate(atom.problem.P * cost) + h * h / 6.0  # P is spread over its cells
    assert atom.dual_value == pytest.approx(expected, rel=1e-12)


def test_threads_do_not_change_a_bit():
    problem, before = case("four_bumps_2d", 2.0, 64), numba.get_num_threads()
    found = []
    for threads in (1, min(2, before)):
        numba.set_num_threads(threads)
        found.append(solved(problem))
    numba.set_num_threads(before)
    assert found[0].divergence == found[1].divergence
    np.testing.assert_array_equal(found[0].R, found[1].R)


@pytest.mark.parametrize("stop", [pytest.param(1, marks=pytest.mark.slow), 12, 17])
def test_a_resumed_solve_ends_in_the_same_bits(stop):
    problem, solver = case("ring_2d", 2.0, 128), make_solver("semi-discrete")
    whole = iterate(solver, problem, TIGHT, static=True)
    kept = []

    def keep(progress):
        document, arrays = take_apart(progress)
        kept.append((document, [a.copy() for a in arrays]))

    calls = iter(range(1000))
    with pytest.raises(Interrupted):
        iterate(
            solver, problem, TIGHT, static=True, checkpoint=keep,
            interrupted=lambda: next(calls) + 1 >= stop,
        )  # fmt: skip
    progress = put_together(*kept[-1])
    assert isinstance(progress, Progress)
    resumed = iterate(solver, problem, TIGHT, static=True, progress=progress)
    assert resumed.iterations == whole.iterations
    assert resumed.divergence == whole.divergence
    np.testing.assert_array_equal(resumed.U, whole.U)


def test_a_start_saves_steps_and_changes_nothing():
    problem = case("four_bumps_2d", 2.0, 64)
    cold = solved(problem)
    warm = solved(problem, start=cold)
    near = solved(problem, start=solved(problem.with_epsilon(3.0)))
    assert warm.iterations < near.iterations <= cold.iterations
    for other in (warm, near):
        assert other.dual_value == pytest.approx(cold.dual_value, rel=2e-6)


def test_what_is_refused_is_said():
    problem = case("ring_2d", 1.0, 16)
    for other, reason in (
        (Problem(problem.P, problem.Q, epsilon=1.0, grid=problem.grid, p=3.0), "p = 3"),
        (
            Problem(problem.P, problem.Q, epsilon=1.0, grid=problem.grid, f_divergence="hellinger"),
            "Q with zeros",
        ),
        (mfgprox.load_case("gaussian_3d"), "3 axes"),
    ):
        with pytest.raises(Unsuitable, match=reason):
            solved(other)
    with pytest.raises(ValueError, match="most_steps"):
        dataclasses.replace(make_solver("semi-discrete"), most_steps=0)


def test_extrapolation_of_what_edges_leave():
    values = [1.0 + 0.3 * 4.0**-k + 0.05 * 2.0 ** (-2.5 * k) for k in range(4)]
    found = extrapolated(values, [0.0] * 4, [2.0] * 3, edges=True)
    assert found.value == pytest.approx(1.0, abs=1e-12)
    assert found.error >= abs(extrapolated(values, [0.0] * 4, [2.0] * 3).value - 1.0) * 0.999


def test_edges_take_finer_grids_and_grids_in_between_and_end_on_their_own():
    density, grid = Gaussian([0.0, 0.0], std=[0.4, 0.4]), Grid((-3, -3), (3, 3), (128, 128))
    ring = Problem(density, Ring([0.1, 0.0], 0.8, 1.0), epsilon=1.0, grid=grid)
    cells = [g.cells[0] for g in ladder(ring)]
    assert cells == [24, 48, 96, 120, 144, 168, 192, 240, 288, 336, 384, 128]
    assert needed(ring) == 1
    wide = Problem(density, Uniform([-1.9, -1.9], [2.0, 1.8]), epsilon=1.0, grid=grid)
    atoms = [np.count_nonzero(wide.on(g).Q) for g in ladder(wide)]
    assert 0.45 * 128**2 < max(atoms) <= 0.5 * 128**2, "as many as are cheap"
    assert max(atoms) > atoms[-1]
    smooth = Problem(density, density, epsilon=1.0, grid=grid)
    assert [g.cells[0] for g in ladder(smooth)] == [32, 64, 128]


def test_a_fit_takes_off_all_three_orders_whatever_the_order_of_the_grids():
    h = 6.0 / np.array([32, 64, 80, 96, 112, 160, 192, 224, 256, 128])
    law = 1.0 + 0.3 * h**2 + 0.05 * h**2.5 - 0.2 * h**3
    found = extrapolated(list(law), [0.0] * h.size, list(h[:-1] / h[1:]), edges=True)
    assert found.value == pytest.approx(1.0, abs=1e-9)
    assert 1e-7 < found.error < 1e-3


def test_extrapolation_of_a_second_order_law():
    values = [1.0 + 0.3 * 4.0**-k + 0.05 * 16.0**-k for k in range(4)]
    found = extrapolated(values, [0.0] * 4, [2.0] * 3)
    assert abs(found.value - 1.0) <= found.error < 1e-3
    assert math.isinf(extrapolated(values[:1], [0.0], []).error)
