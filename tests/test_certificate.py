"""Bounds of the continuous problem: no exact answer crosses them, good potentials close them."""

import math

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from mfgprox.certificate import continuous_bounds
from mfgprox.cost import Cost
from mfgprox.density import ArrayDensity, Gaussian, Mixture, Ring
from mfgprox.exact import exact_answer, gaussian
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.rearrangement import transport_cost_1d
from mfgprox.transform import c_transform

MEAN_P, MEAN_Q = np.array([-0.7, -0.4, 0.1]), np.array([0.6, 0.4, -0.2])
COVARIANCE_P = np.array([[0.12, 0.03, 0.0], [0.03, 0.2, 0.02], [0.0, 0.02, 0.16]])
COVARIANCE_Q = np.array([[0.25, 0.08, 0.0], [0.08, 0.12, 0.03], [0.0, 0.03, 0.18]])
EPSILONS = (0.05, 0.5, 2.0, 10.0)


def gaussians(d, n, epsilon):
    """A problem, its exact value and its exact terminal potential."""
    moments = (MEAN_P[:d], COVARIANCE_P[:d, :d], MEAN_Q[:d], COVARIANCE_Q[:d, :d])
    cells = tuple(n + i for i in range(d))
    grid = Grid((-3.0,) * d, (3.0,) * d, cells)
    P, Q = Gaussian(moments[0], cov=moments[1]), Gaussian(moments[2], cov=moments[3])
    exact = gaussian.solve(*moments, epsilon)
    U = np.broadcast_to(exact.potential(1.0, grid.coordinates()), grid.shape)
    return Problem(P, Q, epsilon=epsilon, grid=grid), exact.divergence, U


def holds(bounds, exact, error=0.0):
    # An exact value of the whole space differs by what the box cuts off.
    slack = error + bounds.truncation
    assert bounds.lower - slack <= exact <= bounds.upper + slack, (bounds, exact)
    assert 0.0 <= bounds.quadrature < math.inf
    return bounds


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize(("d", "n"), [(1, 32), (1, 64), (1, 256), (2, 32), (2, 96), (3, 24)])
def test_exact_gaussian_potential_closes_the_bounds(d, n, epsilon):
    problem, exact, U = gaussians(d, n, epsilon)
    bounds = holds(continuous_bounds(problem, U), exact)
    # What the box cuts off (2e-6 of Q) is worth up to 2e-5; the sums themselves are spectral.
    assert bounds.lower >= (1.0 - 5e-5) * exact
    # 24 cells: the even-odd difference of the sums, at twice the spacing, is what is given away.
    assert bounds.upper <= (1.0 + (1e-3 if n == 24 else 1e-4)) * exact


def perturbations(problem, U):
    rng = np.random.default_rng(1)
    x = problem.grid.coordinates()[0]
    R = np.exp(U / problem.epsilon + problem.log_Q)
    R /= R.max()
    yield "wave", U + 0.1 * np.sin(3.0 * x)
    yield "fine noise", U + 1e-3 * rng.normal(size=U.shape)
    yield "noise", U + 0.1 * rng.normal(size=U.shape)
    yield "zero", np.zeros(U.shape)
    yield "wrong", 3.0 * U + x
    yield "ridge", U + 0.3 * np.abs(x)
    yield "valley", U - 0.3 * np.abs(x)
    yield "tails of nothing", np.where(R < 1e-8, U - 20.0 * rng.random(U.shape), U)
    yield "no tails", np.where(R < 1e-5, -np.inf, U)


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize(
    ("d", "n"), [(1, 32), (1, 47), (1, 128), pytest.param(2, 64, marks=pytest.mark.slow)]
)
def test_no_potential_crosses_the_exact_value(d, n, epsilon):
    problem, exact, U = gaussians(d, n, epsilon)
    for _, perturbed in perturbations(problem, U):
        holds(continuous_bounds(problem, perturbed), exact)


def test_no_potential_crosses_the_exact_value_in_the_plane():
    problem, exact, U = gaussians(2, 24, 0.5)
    for _, perturbed in perturbations(problem, U):
        holds(continuous_bounds(problem, perturbed), exact)


def test_perturbed_potential_loses_its_square():
    problem, exact, U = gaussians(1, 128, 2.0)
    wave = np.sin(3.0 * problem.grid.centers(0))
    losses = [
        1.0 - continuous_bounds(problem, U + a * wave, upper=False).lower / exact
        for a in (0.05, 0.1, 0.2)
    ]
    orders = np.diff(np.log(losses)) / math.log(2.0)
    assert np.all(np.abs(orders - 2.0) <= 0.25)
    assert losses[-1] <= 0.1


MIXTURES = {
    "smooth": (
        Mixture([0.6, 0.4], [Gaussian([-0.8], [0.4]), Gaussian([0.3], [0.5])]),
        Mixture([0.5, 0.5], [Gaussian([0.5], [0.6]), Gaussian([1.2], [0.4])]),
    ),
    "torn": (
        Gaussian([0.0], [0.4]),
        Mixture([0.5, 0.5], [Gaussian([-1.5], [0.35]), Gaussian([1.5], [0.35])]),
    ),
}


@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("p", [1.5, 2.0, 3.0])
@pytest.mark.parametrize("epsilon", [0.5, 10.0])
def test_any_power_on_the_line(name, p, epsilon):
    problem = Problem(*MIXTURES[name], epsilon=epsilon, grid=Grid([-4.5], [4.5], [256]), p=p)
    exact = exact_answer(problem)
    R = exact.R(problem.grid)
    U = problem.divergence.potential(R, problem.log_Q, epsilon)
    bounds = holds(continuous_bounds(problem, U), exact.divergence, exact.error)
    # A kink of psi^c costs O(h²) in the sums: h = 0.035.
    assert bounds.upper - bounds.lower <= 1e-3 * exact.divergence


@pytest.mark.parametrize("epsilon", [0.5, 5.0])
def test_ring_with_a_hole_in_the_support(epsilon):
    """P in the hole of Q: torn at the centre. U from the radial reference, nan where Q = 0."""
    grid = Grid([-3.0, -3.0], [3.0, 3.0], [96, 97])
    problem = Problem(
        Gaussian([0.0, 0.0], [0.3, 0.3]), Ring([0.0, 0.0], 1.2, 2.0), epsilon=epsilon, grid=grid
    )
    exact = exact_answer(problem)
    U = problem.divergence.potential(exact.R(grid), problem.log_Q, epsilon)
    U = np.where(exact.R(grid) > 0.0, U, np.nan)
    bounds = holds(continuous_bounds(problem, U), exact.divergence, exact.error)
    # Cells cut by the edges: O(h²) of a support that is h off, h = 0.063.
    assert bounds.lower >= 0.98 * exact.divergence
    assert bounds.upper <= 1.02 * exact.divergence


def test_cellwise_constant_data_with_zeros_keeps_the_bounds_in_order():
    """Random blocks with zeros and a potential that knows nothing; there is no exact value here."""
    rng = np.random.default_rng(0)
    grid = Grid([0.0, 0.0], [1.0, 1.0], [24, 24])
    P, Q = (np.kron(rng.random((4, 4)) * (rng.random((4, 4)) < 0.7), np.ones((6, 6))) for _ in "PQ")
    problem = Problem(ArrayDensity(P, grid), ArrayDensity(Q, grid), epsilon=0.05, grid=grid)
    bounds = continuous_bounds(problem, np.zeros(grid.shape))
    assert 0.0 <= bounds.lower <= bounds.upper
    assert "P and Q constant within each cell" in bounds.statement


def test_equal_densities_cost_nothing():
    for density in (Gaussian([0.3], [0.5]), ArrayDensity(np.arange(40.0), Grid([-3], [3], [40]))):
        problem = Problem(density, density, epsilon=1.0, grid=Grid([-3.0], [3.0], [40]))
        bounds = continuous_bounds(problem, np.zeros(40))
        assert bounds.lower == 0.0
        assert 0.0 <= bounds.upper <= 1e-6


@pytest.mark.parametrize("norm", ["euclidean", "separable"])
@pytest.mark.parametrize("p", [1.5, 3.0])
def test_three_dimensional_powers_stay_in_order(norm, p):
    grid = Grid([-3.0] * 3, [3.0] * 3, [11, 10, 9])
    P, Q = Gaussian([0.3, 0.0, -0.2], [0.6] * 3), Gaussian([-0.3, 0.2, 0.2], [0.6, 0.7, 0.6])
    problem = Problem(P, Q, epsilon=1.0, grid=grid, p=p, cost=norm)
    x = grid.coordinates()
    U = np.broadcast_to(0.4 * x[0] - 0.1 * x[1] - 0.2 * x[2], grid.shape)
    bounds = continuous_bounds(problem, U)
    assert 0.0 < bounds.lower <= bounds.upper
    without_transport = problem.divergence.between(problem.P, problem.log_Q, grid.cell_volume)
    assert bounds.upper <= without_transport * (1.0 + 1e-2)


def test_bounds_do_not_depend_on_the_gauge():
    problem, _, U = gaussians(2, 32, 2.0)
    first = continuous_bounds(problem, U)
    shifted = continuous_bounds(problem, U + 7.0)
    assert math.isclose(first.lower, shifted.lower, rel_tol=1e-9)
    assert math.isclose(first.upper, shifted.upper, rel_tol=1e-9)


def test_upper_bound_is_left_out_on_request():
    problem, _, U = gaussians(1, 32, 2.0)
    bounds = continuous_bounds(problem, U, upper=False)
    assert math.isnan(bounds.upper)
    assert f"{bounds.quadrature:.1e}" in bounds.statement


@pytest.mark.parametrize("p", [1.3, 2.0, 3.5])
def test_monotone_rearrangement_against_assignment(p):
    """Quantile integral of cellwise constant densities against an assignment of many atoms."""
    rng = np.random.default_rng(2)
    first, second = rng.random(7) * (rng.random(7) < 0.7) + 1e-9, rng.random(7)
    u = (np.arange(600) + 0.5) / 600

    def quantiles(mass):
        levels = np.concatenate([[0.0], np.cumsum(mass)]) / mass.sum()
        return np.interp(u, levels, 0.3 * np.arange(8) - 1.0)

    a, b = quantiles(first), quantiles(second)
    pairs = Cost(p)([a[:, None] - b[None]])
    rows, columns = linear_sum_assignment(pairs)
    exact = transport_cost_1d(first, second, -1.0, 0.3, p)
    # Midpoint rule in u, with jumps of the quantile function: first order in 1/600.
    assert abs(pairs[rows, columns].mean() - exact) <= 5e-3 * exact


def test_lattice_dual_lies_above_the_bound():
    """The lattice c-transform alone proves nothing: its minimum over fewer y is larger."""
    problem, _, U = gaussians(1, 32, 2.0)
    phi, _ = c_transform(
        -U.reshape(problem.grid.kernel_shape), problem.cost, problem.grid.kernel_spacing
    )
    _, gibbs = problem.divergence.gibbs(U, problem.log_Q, problem.epsilon, problem.grid.cell_volume)
    lattice = problem.grid.integrate(problem.P * phi.ravel()) - gibbs
    assert lattice > continuous_bounds(problem, U, upper=False).lower
