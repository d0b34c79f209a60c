"""The dynamic pair of a static optimum: exact conservation, exact ends, closed forms, torn maps."""

import numpy as np
import pytest

from mfgprox.density import Gaussian, Mixture, Ring, Uniform
from mfgprox.dynamic import action, dynamic_pair, plain_action
from mfgprox.exact import gaussian as closed_form
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.rearrangement import transport_cost_1d
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
    grid = problem.grid
    np.testing.assert_allclose(pair.rho[-1], R / grid.integrate(R), rtol=1e-12)
    # In one dimension quantiles of cell masses, elsewhere values at the centres.
    close = 0.1 * grid.spacing[0] ** 2 if len(cells) == 1 else 1e-5
    for k in (0, 3, 8):
        t, here = grid.times[k], pair.rho[k] > 1e-6
        U = exact.potential(t, grid.coordinates())
        assert np.abs(pair.U[k] - U)[here].max() < 1e-6
        rho = np.exp(exact.log_density(t, grid.coordinates()))
        assert grid.integrate(np.abs(pair.rho[k] - rho)) < close


@pytest.mark.parametrize("epsilon", [0.5, 2.0, 10.0])
def test_both_actions_are_close_to_the_transport_cost(epsilon):
    corrected, plain = [], []
    for n, steps in ((48, 12), (96, 24)):
        problem, exact, U_1, R = gaussians(2, [n, n], steps, half=3.5, epsilon=epsilon)
        pair = dynamic_pair(problem, U_1, R)
        cost = exact.transport_cost
        corrected.append(action(problem, pair.rho, pair.momentum) / cost - 1.0)
        plain.append(plain_action(problem, pair.rho, pair.momentum) / cost - 1.0)
    assert abs(corrected[1]) < min(2e-4, abs(corrected[0]) / 8.0)
    assert abs(plain[1]) < min(8e-4, abs(plain[0]) / 3.0)


def test_every_path_close_to_the_optimal_one_has_the_same_plain_action():
    """To second order: what a rotation of the flux adds is its square."""
    problem, _, U_1, R = gaussians(2, [40, 40], 6)
    pair = dynamic_pair(problem, U_1, R)
    x, y = problem.grid.coordinates()
    stream = np.pad(problem.P * np.cos(2.0 * x + y), ((0, 1), (0, 1)))
    stream[:, 0] = stream[0] = 0.0
    added = []
    for size in (1e-3, 2e-3):
        mx = pair.momentum[0] + size * np.diff(stream, axis=0)
        my = pair.momentum[1] - size * np.diff(stream, axis=1)
        added.append(
            plain_action(problem, pair.rho, (mx, my))
            - plain_action(problem, pair.rho, pair.momentum)
        )
    assert added[1] == pytest.approx(4.0 * added[0], rel=0.05)


def test_mass_that_passes_where_there_is_none_costs_everything():
    problem, _, U_1, R = gaussians(1, [32])
    pair = dynamic_pair(problem, U_1, R)
    rho = pair.rho.copy()
    rho[:, 13:15] = 0.0
    assert plain_action(problem, rho, pair.momentum) == np.inf
    assert action(problem, rho, pair.momentum) == np.inf


def torn(p=2.0, cells=256):
    P = Gaussian([0.1], std=[0.3])
    Q = Mixture([0.4, 0.6], [Uniform([-1.5], [-1.1]), Uniform([1.0], [1.6])])
    return Problem(P, Q, epsilon=1.0, grid=Grid([-3.0], [3.0], [cells], 16), p=p)


@pytest.mark.parametrize("p", [1.5, 2.0, 3.0])
def test_torn_maps_on_the_line_end_in_R_and_cost_what_the_rearrangement_costs(p):
    problem = torn(p)
    grid = problem.grid
    pair = dynamic_pair(problem, np.zeros(grid.shape), problem.Q)
    check_identities(problem, pair, 16)
    np.testing.assert_allclose(pair.rho[-1], problem.Q, rtol=1e-12)
    cost = transport_cost_1d(
        problem.P * grid.cell_volume, problem.Q, grid.lower[0], grid.spacing[0], p
    )
    assert action(problem, pair.rho, pair.momentum) == pytest.approx(cost, rel=0.05)
    # 0.4 of the mass goes left, 0.6 right, and nothing stays between the branches.
    between = np.abs(grid.centers(0) - 0.05) < 0.4
    assert pair.rho[8][between].max() < 1e-9
    assert pair.rho[8][grid.centers(0) < 0.05].sum() * grid.cell_volume == pytest.approx(0.4)


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
