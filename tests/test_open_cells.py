"""Bounds where Q has zeros and f'(∞) is finite, so that R may have mass without Q."""

import math

import numpy as np
import pytest

from mfgprox.audit.recompute import recompute_certificate
from mfgprox.certificate import continuous_bounds
from mfgprox.density import Gaussian, Mixture, Uniform
from mfgprox.exact import exact_answer
from mfgprox.grid import Grid
from mfgprox.open_cells import OpenCells, cost_of_reaching, entering
from mfgprox.problem import Problem
from mfgprox.quadrature import Divided
from mfgprox.solvers import solve
from mfgprox.transform import c_transform

pytestmark = pytest.mark.compiled
BOX = Uniform([0.5], [1.9])


def line(f, epsilon=0.5, cells=60, p=2.0, Q=BOX):
    grid = Grid([-2.0], [2.5], [cells], 4)
    P = Gaussian([-0.6], std=[0.5])
    return Problem(P, Q, epsilon=epsilon, grid=grid, p=p, f_divergence=f)


def dual(problem, psi):
    phi, _ = c_transform(psi, problem.cost, problem.grid.kernel_spacing)
    gibbs = problem.divergence.gibbs(
        -psi.reshape(problem.grid.shape),
        problem.log_Q,
        problem.epsilon,
        problem.grid.cell_volume,
    )[1]
    return problem.grid.integrate(problem.P * phi.reshape(problem.grid.shape)) - gibbs


@pytest.mark.parametrize("f", ["jensen-shannon", "hellinger", "reverse-kl", "neyman", "alpha(0.3)"])
@pytest.mark.parametrize("epsilon", [0.1, 1.0, 30.0])
def test_no_other_level_has_a_larger_dual_value(f, epsilon):
    problem = line(f, epsilon)
    x = problem.grid.coordinates()[0].reshape(problem.grid.kernel_shape)
    open_cells = OpenCells.of(problem)
    for psi in (0.3 * np.sin(2.0 * x), 0.2 * x - 0.1 * x**2):
        held = np.where(open_cells.mask, -np.inf, psi)
        phi, _ = c_transform(held, problem.cost, problem.grid.kernel_spacing)
        level = open_cells.level(psi, phi)

        def value(s, psi=psi):
            return dual(problem, np.where(open_cells.mask, s, psi))

        best = value(level)
        for step in 10.0 ** np.linspace(-8.0, 1.0, 19):
            assert max(value(level - step), value(level + step)) <= best + 1e-12 * max(1.0, best)
        # What is at stake: far below the level, in units of epsilon too, nu is pushed up.
        assert value(level - 10.0 * max(1.0, epsilon)) < best - 1.0


def test_only_where_R_may_lack_Q():
    assert OpenCells.of(line("kl")) is None
    assert OpenCells.of(line("pearson")) is None
    assert OpenCells.of(line("hellinger", Q=Gaussian([0.3], std=[0.5]))) is None
    assert OpenCells.of(line("hellinger")).mask.sum() > 30


@pytest.mark.parametrize("norm", ["euclidean", "separable"])
@pytest.mark.parametrize("p", [1.5, 2.0, 3.0])
def test_cost_of_reaching_the_nearest(norm, p):
    rng = np.random.default_rng(3)
    grid = Grid([0.0, 0.0], [1.0, 2.0], [7, 9], 4)
    P = Gaussian([0.5, 1.0], std=[0.1, 0.1])
    cost = Problem(P, P, epsilon=1.0, grid=grid, p=p, cost=norm).cost
    mask = rng.random(grid.kernel_shape) < 0.1
    at = np.indices(mask.shape).reshape(3, -1) * np.array(grid.kernel_spacing)[:, None]
    every = cost(at[:, :, None] - at[:, None, mask.ravel()])
    to_centres = cost_of_reaching(mask, cost, grid.kernel_spacing)
    np.testing.assert_allclose(to_centres.ravel(), every.min(axis=1), atol=1e-12)
    # Points of a cell are half a spacing from its centre at most, on each axis.
    half = np.where(np.array(mask.shape) > 1, 0.5, 0.0) * grid.kernel_spacing
    inside = np.maximum(np.abs(at[:, :, None] - at[:, None, mask.ravel()]) - half[:, None, None], 0)
    to_walls = cost_of_reaching(mask, cost, grid.kernel_spacing, walls=True)
    assert (to_walls.ravel() <= cost(inside).min(axis=1) + 1e-12).all()
    assert (to_walls <= to_centres).all()
    assert to_walls.max() > 0.0


def test_what_enters_cells_without_Q():
    problem = line("hellinger")
    divided = Divided.of(problem, 2)
    off = np.isneginf(divided.log_Q)
    psi = np.zeros(off.shape)
    sent = entering(problem, divided, psi, 0.25)
    assert sent.sum() == pytest.approx(0.25, rel=1e-12)
    assert (sent[~off] == 0.0).all()
    # The furthest from Q gain most by staying, and stay where they are.
    left = np.cumsum(divided.mass.ravel()) <= 0.2
    far_left = left & (np.arange(left.size) < 30)
    np.testing.assert_allclose(sent.ravel()[far_left], divided.mass.ravel()[far_left], rtol=1e-12)


@pytest.mark.parametrize(("f", "epsilon"), [("jensen-shannon", 1.67), ("reverse-kl", 0.3)])
@pytest.mark.parametrize("p", [2.0, 3.0])
def test_bounds_are_close_on_the_line(f, epsilon, p):
    problem = line(f, epsilon, 512, p)
    exact = exact_answer(problem)
    solution = solve(problem, static=True)
    assert solution.R[np.isneginf(problem.log_Q)].sum() * problem.grid.cell_volume > 0.01
    bounds = continuous_bounds(problem, solution.U[-1])
    if exact is not None:
        assert bounds.lower - exact.error <= exact.divergence <= bounds.upper + exact.error
    assert bounds.upper - bounds.lower <= 2e-3 * bounds.lower
    # U says nothing where Q = 0, whatever it is there.
    other = np.where(np.isneginf(problem.log_Q), math.nan, solution.U[-1])
    assert continuous_bounds(problem, other).lower == pytest.approx(bounds.lower, rel=1e-4)


@pytest.mark.parametrize("f", ["jensen-shannon", "hellinger"])
def test_bounds_are_close_in_the_plane(f):
    grid = Grid([-3.0, -3.0], [3.0, 3.0], [32, 32], 4)
    P = Gaussian([-1.5, 0.0], std=[0.4, 0.4])
    Q = Mixture([1.0, 1.0], [Uniform([0.5, -1.0], [2.5, 0.0]), Uniform([0.5, 0.3], [1.5, 2.0])])
    problem = Problem(P, Q, epsilon=1.0, grid=grid, f_divergence=f)
    solution = solve(problem, static=True)
    assert solution.R[np.isneginf(problem.log_Q)].sum() * grid.cell_volume > 0.1
    bounds = continuous_bounds(problem, solution.U[-1])
    assert 0.0 < bounds.lower <= bounds.upper <= 1.02 * bounds.lower


@pytest.mark.parametrize("f", ["jensen-shannon", "reverse-kl"])
@pytest.mark.parametrize("epsilon", [0.3, 3.0])
def test_the_audit_finds_the_same_lower_bound(f, epsilon):
    # Edges between cells: the audit takes Q as its averages over them.
    problem = line(f, epsilon, 200, Q=Uniform([0.475], [1.825]))
    solution = solve(problem, static=True)
    found = recompute_certificate(
        problem.grid, problem.P, problem.Q, -solution.U[-1], epsilon=epsilon, f_divergence=f
    )
    assert found.lower_bound == pytest.approx(solution.lower_bound, rel=1e-3)
    assert found.lower_bound - found.sums <= solution.upper_bound
