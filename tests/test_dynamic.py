"""The dynamic pair of a static optimum: exact conservation, exact ends, closed forms, torn maps."""

import numpy as np
import pytest

from mfgprox.density import Gaussian, Mixture, Ring
from mfgprox.dynamic import dynamic_pair
from mfgprox.exact import gaussian as closed_form
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.transform import c_transform

pytestmark = pytest.mark.compiled


def gaussians(d, cells, time_steps=8, half=4.0, epsilon=2.0):
    m1, m2 = np.array([-0.6, -0.2, 0.1])[:d], np.array([0.5, 0.3, -0.2])[:d]
    S1 = np.array([[0.2, 0.06, 0.0], [0.06, 0.25, 0.02], [0.0, 0.02, 0.22]])[:d, :d]
    S2 = np.array([[0.3, -0.08, 0.0], [-0.08, 0.2, 0.0], [0.0, 0.0, 0.3]])[:d, :d]
    grid = Grid([-half] * d, [half] * d, cells, time_steps)
    problem = Problem(Gaussian(m1, cov=S1), Gaussian(m2, cov=S2), epsilon=epsilon, grid=grid)
    exact = closed_form.solve(m1, S1, m2, S2, epsilon)
    U_1 = exact.potential(1.0, grid.coordinates())
    return problem, exact, U_1, np.exp(exact.log_density(1.0, grid.coordinates()))


def continuity_error(problem, pair):
    """Largest violation of the discrete continuity equation, per largest density and step."""
    d, grid = problem.grid.dimension, problem.grid
    defect = np.diff(pair.rho, axis=0) / grid.dt
    for a in range(d):
        defect += np.diff(pair.momentum[a], axis=d - a) / grid.spacing[a]
    return np.abs(defect).max() * grid.dt / pair.rho.max()


def action(problem, pair):
    """∫∫ |m|²/rho on the faces, rho averaged over both cells and both levels."""
    d, total = problem.grid.dimension, 0.0
    middle = 0.5 * (pair.rho[1:] + pair.rho[:-1])
    for a in range(d):
        m = np.moveaxis(pair.momentum[a], d - a, -1)[..., 1:-1]
        r = np.moveaxis(middle, d - a, -1)
        r = 0.5 * (r[..., 1:] + r[..., :-1])
        assert not m[r <= 0.0].any()
        total += np.sum(m**2 / np.where(r > 0.0, r, 1.0))
    return total * problem.grid.cell_volume * problem.grid.dt


def check_identities(problem, pair, steps):
    grid = problem.grid
    assert pair.rho.shape == pair.U.shape == (steps + 1, *grid.shape)
    for a, m in enumerate(pair.momentum):
        shape = list(grid.shape)
        shape[grid.dimension - 1 - a] += 1
        assert m.shape == (steps, *shape)
        assert not m.take([0, -1], grid.dimension - a).any()
    masses = pair.rho.reshape(steps + 1, -1).sum(axis=1) * grid.cell_volume
    assert np.abs(masses - 1.0).max() < 1e-13
    assert pair.rho.min() >= 0.0
    np.testing.assert_allclose(pair.rho[0], problem.P, rtol=1e-15)
    assert continuity_error(problem, pair) < 1e-14
    assert np.isfinite(pair.U).all()


@pytest.mark.parametrize("cells", [[128], [48, 41], [20, 23, 17]], ids=["1-D", "2-D", "3-D"])
def test_gaussians(cells):
    problem, exact, U_1, R = gaussians(len(cells), cells)
    pair = dynamic_pair(problem, U_1, R)
    check_identities(problem, pair, 8)
    grid, h2 = problem.grid, max(problem.grid.spacing) ** 2
    for k in (0, 3, 8):
        t, here = grid.times[k], pair.rho[k] > 1e-6
        U = exact.potential(t, grid.coordinates())
        assert np.abs(pair.U[k] - U)[here].max() < 1e-6
        rho = np.exp(exact.log_density(t, grid.coordinates()))
        assert grid.integrate(np.abs(pair.rho[k] - rho)) < 0.7 * h2


def test_density_is_of_second_order_and_the_total_close_to_the_static_value():
    errors = []
    for n in (48, 96, 128):
        problem, exact, U_1, R = gaussians(2, [n, n], 16, half=3.5)
        pair = dynamic_pair(problem, U_1, R)
        wanted = np.exp(exact.log_density(1.0, problem.grid.coordinates()))
        errors.append(problem.grid.integrate(np.abs(pair.rho[-1] - wanted)))
    assert errors[1] < errors[0] / 3.4
    information = problem.divergence.between(pair.rho[-1], problem.log_Q, problem.grid.cell_volume)
    total = action(problem, pair) + problem.epsilon * information
    assert total == pytest.approx(exact.divergence, rel=1e-4)


def optimal_on_the_lattice(problem, sweeps=200):
    """U_1 by ascent of the dual value over the lattice, good enough to be nearly optimal."""
    shape, grid = problem.grid.kernel_shape, problem.grid
    allowed = np.isfinite(problem.log_Q.reshape(shape))
    psi = np.where(allowed, 0.0, -np.inf)
    P, R = problem.P.ravel(), np.zeros(shape)
    for k in range(sweeps):
        _, image = c_transform(psi, problem.cost, grid.kernel_spacing)
        pushed = np.bincount(image.ravel(), P, P.size).reshape(shape)
        U = np.where(allowed, -psi, 0.0).reshape(grid.shape)
        R = problem.divergence.gibbs(U, problem.log_Q, problem.epsilon, grid.cell_volume)[0]
        R = R.reshape(shape)
        move = 0.5 / np.sqrt(1.0 + k) * np.sign(R - pushed) * np.minimum(np.abs(R - pushed), 1.0)
        psi = np.where(allowed, psi + move, -np.inf)
    return -psi.reshape(grid.shape), R.reshape(grid.shape)


def test_a_ring_whose_complement_is_forbidden():
    grid = Grid([-2.5] * 2, [2.5] * 2, [36, 40], 6)
    P = Gaussian([0.1, 0.0], std=[0.3, 0.3])
    problem = Problem(P, Ring([0.0, 0.0], 1.0, 1.8), epsilon=1.0, grid=grid)
    U_1, R = optimal_on_the_lattice(problem)
    U_1[problem.Q == 0.0] = np.nan
    pair = dynamic_pair(problem, U_1, R)
    check_identities(problem, pair, 6)
    # Clouds reach one cell beyond the atoms in the support.
    near = problem.Q > 0.0
    for axis in (0, 1):
        near = near | np.roll(near, 1, axis) | np.roll(near, -1, axis)
    assert grid.integrate(np.where(near, 0.0, pair.rho[-1])) < 1e-12


@pytest.mark.parametrize("p", [1.5, 3.0])
def test_other_exponents(p):
    grid = Grid([-4.0], [4.0], [120], 6)
    Q = Mixture([0.5, 0.5], [Gaussian([-0.5], std=[0.5]), Gaussian([0.9], std=[0.6])])
    problem = Problem(Gaussian([-0.3], std=[0.4]), Q, epsilon=1.0, grid=grid, p=p)
    x = grid.centers(0)
    U_1 = 0.3 * np.cos(x)
    pair = dynamic_pair(problem, U_1, problem.Q)
    check_identities(problem, pair, 6)
    # Hopf–Lax with the step from t to 1 by brute force on a fine lattice.
    y = np.linspace(-4.0, 4.0, 8001)
    for k in (0, 4):
        rest = 1.0 - grid.times[k]
        costs = np.abs(x[:, None] - y) ** p / rest ** (p - 1.0) + 0.3 * np.cos(y)
        np.testing.assert_allclose(pair.U[k], costs.min(axis=1), atol=2e-5)


def test_a_potential_that_says_nothing_is_refused():
    problem, _, U_1, R = gaussians(1, [32])
    with pytest.raises(ValueError, match="finite somewhere"):
        dynamic_pair(problem, np.full_like(U_1, np.nan), R)
