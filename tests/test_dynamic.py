"""The dynamic pair of a static optimum: exact conservation, exact ends, closed forms."""

import numpy as np
import pytest
from dynamic_identities import check_identities, gaussians

from mfgprox.density import Gaussian, Mixture
from mfgprox.dynamic import action, dynamic_pair, plain_action
from mfgprox.grid import Grid
from mfgprox.problem import Problem

pytestmark = pytest.mark.compiled


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


@pytest.mark.parametrize(
    ("p", "norm"), [(1.5, "euclidean"), (3.0, "euclidean"), (3.0, "separable")]
)
def test_other_exponents_in_the_plane(p, norm):
    """A translation costs |b|^p whatever the exponent."""
    grid, b = Grid([-3.0] * 2, [3.0] * 2, [64, 60], 8), np.array([0.9, -0.5])
    P, Q = Gaussian([-0.4, 0.2], std=[0.4, 0.5]), Gaussian([0.5, -0.3], std=[0.4, 0.5])
    problem = Problem(P, Q, epsilon=1.0, grid=grid, p=p, cost=norm)
    size = np.abs(b) if norm == "separable" else np.hypot(*b)
    x, y = grid.coordinates()
    gradient = -p * size ** (p - 2.0) * b
    pair = dynamic_pair(problem, gradient[0] * x + gradient[1] * y, problem.Q)
    check_identities(problem, pair, 8)
    cost = np.sum(np.abs(b) ** p) if norm == "separable" else np.hypot(*b) ** p
    assert plain_action(problem, pair.rho, pair.momentum) == pytest.approx(cost, rel=5e-3)
    assert grid.integrate(np.abs(pair.rho[-1] - problem.Q)) < 5e-3


@pytest.mark.parametrize("p", [1.5, 3.0])
def test_the_potential_for_other_exponents(p):
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


def test_densities_that_reach_the_walls():
    """The flux through walls is zero."""
    grid = Grid([-1.0, -1.0], [1.0, 1.0], [40, 36], 8)
    x, y = grid.coordinates()
    U_1 = 0.05 * np.cos(np.pi * x) * np.cos(np.pi * y)
    P = 1.0 + 0.3 * np.sin(0.5 * np.pi * x) + 0.0 * y

    class Wave:
        smooth = True

        def log_density(self, grid):
            return np.log(P)

        def cut_off(self, grid):
            return 0.0

    problem = Problem(Wave(), Wave(), epsilon=1.0, grid=grid)
    pair = dynamic_pair(problem, U_1, problem.Q)
    check_identities(problem, pair, 8)
    # The map of this potential does not lead to Q, and that shows.
    assert grid.integrate(np.abs(pair.rho[-1] - problem.Q)) > 0.1


@pytest.mark.parametrize("cells", [[1, 40], [40, 1], [1, 1]])
def test_axes_of_one_cell(cells):
    grid = Grid([-3.0, -3.0], [3.0, 3.0], cells, 4)
    x, y = grid.coordinates()
    values = np.exp(-2.0 * (x**2 + y**2))
    problem = Problem(values, values, epsilon=1.0, grid=grid)
    check_identities(problem, dynamic_pair(problem, 0.1 * (x - y), problem.Q), 4)
