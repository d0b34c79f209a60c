"""Residual, linearisation, spline and conjugate of the Monge–Ampère form against plain oracles."""

import numpy as np
import pytest
from scipy.interpolate import make_interp_spline
from scipy.optimize import minimize

from mfgprox.density import Gaussian, Mixture
from mfgprox.grid import Grid
from mfgprox.kernels.conjugate import conjugate
from mfgprox.kernels.determinant import log_determinant
from mfgprox.kernels.quintic import jet
from mfgprox.kernels.quintic_blocks import block_curvatures, block_jet, block_sum, block_weights
from mfgprox.kernels.spline_fit import spline_coefficients
from mfgprox.problem import Problem
from mfgprox.solvers.newton_level import Level, Potential
from mfgprox.solvers.newton_start import Quadratic, quadratic_start

SHAPES = [(1, 1, 9), (1, 7, 12), (6, 9, 8)]


SPLINE_DEGREE = {2: 1, 3: 2, 4: 3, 6: 5}


def spline_at(c, shape, x, y, z):
    return jet(c, shape[::-1], x, y, z, np.empty((3, 3, 6)))[0]


@pytest.mark.parametrize("n", [2, 3, 4, 6, 17, 40])
def test_spline_is_the_not_a_knot_spline(n):
    values = np.random.default_rng(n).normal(size=n)
    c = spline_coefficients(values.reshape(1, 1, n))
    reference = make_interp_spline(np.arange(n), values, k=SPLINE_DEGREE[min(n, 6)])
    for u in np.linspace(0.0, n - 1.0, 17):
        assert spline_at(c, (1, 1, n), u, 0.0, 0.0) == pytest.approx(float(reference(u)), abs=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_spline_reproduces_quadratics_with_their_derivatives(shape):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(3, 3))
    H, g = a + a.T, rng.normal(size=3)
    for axis in range(3):
        if shape[2 - axis] == 1:
            H[axis] = H[:, axis] = g[axis] = 0.0
    z, y, x = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    w = np.stack([x, y, z]).astype(float)
    c = spline_coefficients(
        0.5 * np.einsum("i...,ij,j...->...", w, H, w) + np.einsum("i,i...", g, w)
    )
    u = np.array([0.3 + 0.4 * n for n in shape[::-1]]) * (np.array(shape[::-1]) > 1)
    f, *rest = jet(c, shape[::-1], *u, np.empty((3, 3, 6)))
    slopes = H @ u + g
    wanted = [*slopes, *np.diag(H), H[0, 1], H[0, 2], H[1, 2]]
    assert f == pytest.approx(0.5 * u @ H @ u + g @ u, abs=1e-10)
    np.testing.assert_allclose(rest, wanted, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_splines_of_a_block_of_places_are_those_of_each(shape):
    rng = np.random.default_rng(5)
    c, n, many = spline_coefficients(rng.normal(size=shape)), np.array(shape[::-1]), 7
    u = rng.uniform(-0.5, n[:, None] - 0.5, (3, many)) * (n[:, None] > 1)
    first, w = np.empty((3, many), np.int64), np.empty((3, 18, many))
    for a in range(3):
        block_weights(u[a], n[a], first[a], w[a])
        block_curvatures(u[a], n[a], first[a], w[a, 12:])
    for j in range(many):
        wanted = jet(c, n, *u[:, j], np.empty((3, 3, 6)))
        found = block_jet(c.ravel(), c.shape[::-1], j, first, w)
        np.testing.assert_allclose(found, wanted, atol=1e-12)
        found = block_sum(c.ravel(), c.shape[::-1], j, first, w)
        np.testing.assert_allclose(found, wanted[:4], atol=1e-12)


def test_log_determinant_and_inverse_clamp_small_eigenvalues():
    rng = np.random.default_rng(1)
    scratch = np.empty((3, 3, 3))
    for _ in range(200):
        q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        lam, delta = rng.normal(0.3, 0.6, 3), 0.1
        M = (q * lam) @ q.T
        out = log_determinant(M[0, 0], M[1, 1], M[2, 2], M[0, 1], M[0, 2], M[1, 2], delta, scratch)
        held = np.maximum(lam, delta)
        logs = np.where(lam < delta, np.log(delta) + (lam - delta) / delta, np.log(held))
        inverse = (q / held) @ q.T
        assert out[0] == pytest.approx(logs.sum(), rel=1e-10, abs=1e-10)
        wanted = [*np.diag(inverse), inverse[0, 1], inverse[0, 2], inverse[1, 2]]
        np.testing.assert_allclose(out[1:7], wanted, atol=1e-9)
        assert out[7] == np.count_nonzero(lam < delta)


def smooth_problem(cells, epsilon=1.0):
    d = len(cells)
    P = Gaussian([-0.3, 0.2, 0.1][:d], std=[0.5, 0.6, 0.55][:d])
    Q = Mixture(
        [0.6, 0.4],
        [
            Gaussian([0.4, 0.1, -0.2][:d], std=[0.6, 0.5, 0.6][:d]),
            Gaussian([-0.4, 0.5, 0.3][:d], std=[0.7, 0.6, 0.5][:d]),
        ],
    )
    return Problem(P, Q, epsilon=epsilon, grid=Grid([-3.0] * d, [3.0] * d, cells))


@pytest.mark.compiled
@pytest.mark.parametrize("cells", [(60,), (50, 46), (40, 44, 42)])
def test_gaussians_solve_the_equation_exactly(cells):
    d = len(cells)
    problem = Problem(
        Gaussian([-0.2] * d, std=[0.5] * d),
        Gaussian([0.3] * d, std=[0.7] * d),
        epsilon=1.5,
        grid=Grid([-6.0] * d, [6.0] * d, cells),
    )
    level = Level(problem, quadratic_start(problem, 1.5))
    at = level.normalised(np.zeros(level.shape), 1.5)
    level.linearise(at, 1.5, 0.05)
    found = np.isfinite(level.log_R) & (problem.Q.reshape(level.shape) > 1e-6)
    assert found.any()
    assert np.abs(level.rhs[found]).max() < 1e-9


@pytest.mark.parametrize(("cells", "tolerance"), [((64,), 2e-3), ((40, 36), 6e-3)])
def test_linearisation_is_the_derivative_of_the_residual(cells, tolerance):
    epsilon = 1.3
    problem = smooth_problem(cells, epsilon)
    level = Level(problem, quadratic_start(problem, epsilon))
    axes = np.meshgrid(*(problem.grid.centers(a) for a in range(len(cells))), indexing="ij")
    bump = np.exp(-sum(x * x for x in axes)).T.reshape(level.shape)
    chi = 0.05 * bump * (1.0 + 0.3 * axes[0].T.reshape(level.shape))

    def residual(values):
        level.linearise(Potential(values, 0.0, 0.0), epsilon, 0.05)
        return -level.rhs.copy()

    size = 1e-4
    wanted = (residual(chi + size * bump) - residual(chi - size * bump)) / (2.0 * size)
    residual(chi)
    level.multigrid.set_up()
    level.multigrid._level(level.multigrid.f)[:] = 0.0
    level.multigrid._level(level.multigrid.u)[:] = bump
    image = np.empty_like(level.multigrid.u)
    level.multigrid._residual(image)
    product = -level.multigrid._level(image)
    inside = bump > 1e-2
    # Second-order differences in the operator, fourth order in the residual.
    assert np.abs(product - wanted)[inside].max() < tolerance * np.abs(wanted).max() * 5.0


@pytest.mark.parametrize("shape", SHAPES)
def test_conjugate_finds_the_minimum_over_the_box(shape):
    rng = np.random.default_rng(3)
    h = np.array([0.21, 0.17, 0.25])
    z, y, x = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    chi = 0.05 * np.sin(0.5 * x + 0.3 * y - 0.2 * z)
    c = spline_coefficients(chi)
    box = np.array([np.full(3, -1.0), h, np.full(3, 0.1)])
    H, g, constant, scale = np.diag([0.4, -0.3, 0.2]), np.array([0.3, -0.2, 0.1]), 0.7, 0.8
    active = np.array(shape[::-1]) > 1
    H, g = H * active[:, None], g * active
    nodes = rng.choice(chi.size, size=6, replace=False)
    start = np.arange(chi.size).reshape(shape)
    values, places = np.empty(6), np.empty((6, 3))
    conjugate(
        0, 6, nodes, np.ones(3, np.int64), start, c, box, H, g, constant, scale, values, places
    )

    def objective(u, at):
        u = np.where(active, u, 0.0)
        w = box[0] + (u + 0.5) * h - box[2]
        psi = spline_at(c, shape, *u) + 0.5 * w @ H @ w + g @ w + constant
        return np.sum((h * (u - at)) ** 2) - scale * psi

    for k, node in enumerate(nodes):
        at = np.array(np.unravel_index(node, shape)[::-1], float)
        limits = [(-0.5, n - 0.5) for n in shape[::-1]]
        best = minimize(objective, at, (at,), "L-BFGS-B", bounds=limits, tol=1e-14)
        assert values[k] == pytest.approx(best.fun, abs=1e-8)
        assert values[k] == pytest.approx(objective(places[k], at), abs=1e-7)


def test_the_quadratic_start_is_zero_where_mass_reaches_the_walls():
    grid = Grid([-1.0], [1.0], [16])
    x = grid.centers(0)
    problem = Problem(1.0 + 0.3 * np.cos(np.pi * x), 1.0 - 0.2 * np.sin(x), epsilon=1.0, grid=grid)
    found = quadratic_start(problem, 1.0)
    assert isinstance(found, Quadratic)
    assert not found.H.any()
    assert not found.g.any()
