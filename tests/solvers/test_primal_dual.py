"""The primal–dual solver against exact answers, itself on other grids, and its promises."""

import numba
import numpy as np
import pytest

from mfgprox.density import Gaussian, Mixture, Ring
from mfgprox.exact import exact_answer
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers.iterate import iterate
from mfgprox.solvers.primal_dual import PrimalDual
from mfgprox.tolerance import Status, Tolerance
from mfgprox.tree import put_together, take_apart


def gaussians(cells=128, steps=16, epsilon=2.0):
    grid = Grid((-3.0,), (3.0,), (cells,), steps)
    return Problem(Gaussian([-0.8], [0.35]), Gaussian([0.7], [0.5]), epsilon=epsilon, grid=grid)


def rotated(cells=(48, 48), steps=12, epsilon=2.0):
    P = Gaussian([-0.8, -0.4], cov=[[0.13, 0.03], [0.03, 0.2]])
    Q = Gaussian([0.7, 0.5], cov=[[0.2, -0.06], [-0.06, 0.12]])
    return Problem(P, Q, epsilon=epsilon, grid=Grid((-3.0, -3.0), (3.0, 3.0), cells, steps))


def solved(problem, **settings):
    return iterate(PrimalDual(**settings), problem, Tolerance(max_iterations=1000))


def continuity_error(solution):
    grid = solution.problem.grid
    change = np.diff(solution.rho, axis=0) * grid.time_steps
    total = change.copy()
    for axis, m in enumerate(solution.momentum):
        total += np.diff(m, axis=grid.dimension - axis) / grid.spacing[axis]
    return np.abs(total).max() / (np.abs(change).max() or 1.0)  # at rest nothing changes


@pytest.mark.parametrize("epsilon", [0.4, 2.0, 10.0])
def test_gaussians_on_the_line(epsilon):
    problem = gaussians(256, 32, epsilon)
    solution = solved(problem)
    exact = exact_answer(problem)
    assert solution.converged
    assert solution.divergence == pytest.approx(exact.divergence, rel=2e-4)
    assert problem.grid.integrate(np.abs(solution.R - exact.R(problem.grid))) < 1e-3
    error = size = 0.0
    for k, t in enumerate(problem.grid.times):
        slope = exact.gradient(t, problem.grid)[0]
        found = np.gradient(solution.U[k], problem.grid.spacing[0])
        error += (solution.rho[k] * np.abs(found - slope)).sum()
        size += (solution.rho[k] * np.abs(slope)).sum()
    assert error < 0.01 * size


def test_gaussians_that_do_not_commute():
    problem = rotated()
    solution = solved(problem)
    exact = exact_answer(problem)
    assert solution.converged
    # The h² error of a 48² grid is 6.5e-4; at 128² it is below 1e-4.
    assert solution.divergence == pytest.approx(exact.divergence, rel=1e-3)
    # Second order: 1e-3 at 128², before extrapolation, is 7e-3 here.
    assert problem.grid.integrate(np.abs(solution.R - exact.R(problem.grid))) < 1e-2
    assert continuity_error(solution) < 1e-11
    assert solution.mass_error < 1e-13 and solution.rho.min() >= 0.0


@pytest.mark.parametrize("p", [1.5, 3.0])
def test_other_costs(p):
    P = Mixture([0.6, 0.4], [Gaussian([-1.2], [0.35]), Gaussian([0.3], [0.5])])
    Q = Mixture([0.5, 0.5], [Gaussian([-0.4], [0.4]), Gaussian([1.4], [0.45])])
    problem = Problem(P, Q, epsilon=3.0, p=p, grid=Grid((-4.0,), (4.0,), (256,), 16))
    solution = solved(problem)
    assert solution.divergence == pytest.approx(exact_answer(problem).divergence, rel=1e-3)


@pytest.mark.parametrize("cells", [(37,), (1,), (31, 17), (1, 40), (9, 8, 7)])
def test_any_number_of_cells(cells):
    d = len(cells)
    P, Q = Gaussian([-0.3] * d, [0.6] * d), Gaussian([0.3] * d, [0.7] * d)
    grid = Grid((-3.0,) * d, (3.0, 4.0, 3.5)[:d], cells, 5)
    solution = iterate(
        PrimalDual(), Problem(P, Q, epsilon=1.0, grid=grid), Tolerance(max_iterations=60)
    )
    for array in (solution.rho, solution.U, solution.R):
        assert array.shape[-d:] == grid.shape and np.isfinite(array).all()
    assert solution.rho.min() >= 0.0 and solution.mass_error < 1e-13
    assert np.isfinite(solution.primal_value)
    assert solution.primal_value >= solution.dual_value - 1e-12


def test_minimiser_stays_where_Q_is():
    P, Q = Gaussian([0.0, 0.0], [0.3, 0.3]), Ring([0.0, 0.0], 1.2, 2.0)
    problem = Problem(P, Q, epsilon=0.5, grid=Grid((-3.0, -3.0), (3.0, 3.0), (40, 40), 8))
    solution = iterate(PrimalDual(), problem, Tolerance(max_iterations=260))
    outside = ~np.isfinite(problem.log_Q)
    assert not solution.rho[-1][outside].any() and not solution.R[outside].any()
    assert continuity_error(solution) < 1e-11
    assert solution.divergence == pytest.approx(exact_answer(problem).divergence, rel=3e-2)


def test_estimated_gap_is_not_below_the_true_one():
    """The dual value is an estimate: against the value of a long run it lies below."""
    for problem in (gaussians(128, 16, 0.4), gaussians(128, 16, 10.0)):
        stopped = solved(problem)
        long = iterate(PrimalDual(), problem, Tolerance(rtol=1e-9, max_iterations=900))
        assert stopped.dual_value <= long.primal_value <= stopped.primal_value


def test_second_run_threads_and_resumption_keep_the_bits():
    problem, solver, tolerance = rotated((40, 33), 6), PrimalDual(), Tolerance(max_iterations=230)
    first = iterate(solver, problem, tolerance)
    saved = []

    def checkpoint(progress):
        document, arrays = take_apart(progress)
        saved.append(put_together(document, [a.copy() for a in arrays]))

    # The limit falls on the last grid, between two certificates.
    iterate(solver, problem, Tolerance(max_iterations=195), checkpoint=checkpoint)
    resumed = iterate(solver, problem, tolerance, progress=saved[-1])
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        alone = iterate(solver, problem, tolerance)
    finally:
        numba.set_num_threads(threads)
    for other in (resumed, alone):
        assert other.rho.tobytes() == first.rho.tobytes()
        assert other.U.tobytes() == first.U.tobytes()
        assert other.divergence == first.divergence


@pytest.mark.parametrize("limit", [1, 300, 560, 680])
def test_stopped_on_any_grid_it_still_has_a_solution(limit):
    problem = gaussians(160, 16)
    solution = iterate(PrimalDual(), problem, Tolerance(max_iterations=limit))
    assert solution.status is Status.ITERATION_LIMIT
    assert solution.rho.shape == (17, 160) and solution.mass_error < 1e-13
    assert np.isfinite(solution.U).all() and np.isfinite(solution.divergence)
    assert continuity_error(solution) < 1e-10


def test_settings_are_checked():
    with pytest.raises(ValueError, match="relaxation"):
        PrimalDual(relaxation=2.0)
    with pytest.raises(ValueError, match="certify"):
        PrimalDual(certify=0)


@pytest.mark.slow
def test_order_of_value_and_minimiser():
    """Second order: slopes over four grids, and a cap at the finest."""
    cells = np.array([32, 64, 128, 256])
    values, minimisers = [], []
    for n in cells:
        problem = gaussians(int(n), int(n) // 4)
        solution = iterate(PrimalDual(), problem, Tolerance(rtol=1e-6, max_iterations=1500))
        exact = exact_answer(problem)
        values.append(abs(solution.primal_value / exact.divergence - 1.0))
        error = np.abs(solution.rho[-1] - exact.R(problem.grid))
        minimisers.append(problem.grid.integrate(error))
    for errors, cap in ((values, 2e-4), (minimisers, 1e-3)):
        assert np.polyfit(np.log(1.0 / cells), np.log(errors), 1)[0] > 1.8
        assert errors[-1] < cap


def test_nothing_moves_where_nothing_needs_to():
    grid = Grid((-3.0,), (3.0,), (48,), 8)
    still = Gaussian([0.2], [0.5])
    solution = solved(Problem(still, still, epsilon=2.0, grid=grid))
    assert solution.converged
    assert abs(solution.gap) <= 1e-12
    assert abs(solution.divergence) <= 1e-12
    assert solution.transport_cost <= 1e-12
