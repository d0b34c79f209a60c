"""The fast bounds: tight where the map is smooth, above D where it is torn, refused elsewhere."""

import math

import numpy as np
import pytest

from mfgprox.certificate import continuous_bounds
from mfgprox.density import Gaussian, Mixture, Uniform
from mfgprox.exact import exact_answer, gaussian
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.quadrature import mean_sixth_differences, spread_of_thirds
from mfgprox.smooth_bounds import smooth_bounds

MEAN_P, MEAN_Q = np.array([-0.7, -0.4, 0.1]), np.array([0.6, 0.4, -0.2])
COVARIANCE_P = np.array([[0.12, 0.03, 0.0], [0.03, 0.2, 0.02], [0.0, 0.02, 0.16]])
COVARIANCE_Q = np.array([[0.25, 0.08, 0.0], [0.08, 0.12, 0.03], [0.0, 0.03, 0.18]])


def gaussians(d, n, epsilon, half_width=5.0):
    """On a box that cuts off nothing: the problem, its value and its terminal potential."""
    moments = (MEAN_P[:d], COVARIANCE_P[:d, :d], MEAN_Q[:d], COVARIANCE_Q[:d, :d])
    grid = Grid((-half_width,) * d, (half_width,) * d, tuple(n + i for i in range(d)))
    P, Q = Gaussian(moments[0], cov=moments[1]), Gaussian(moments[2], cov=moments[3])
    exact = gaussian.solve(*moments, epsilon)
    U = np.array(np.broadcast_to(exact.potential(1.0, grid.coordinates()), grid.shape))
    return Problem(P, Q, epsilon=epsilon, grid=grid), exact.divergence, U


@pytest.mark.compiled
@pytest.mark.parametrize("epsilon", [0.05, 0.5, 10.0])
@pytest.mark.parametrize(("d", "n"), [(1, 128), (2, 128), (3, 64)])
def test_bounds_of_gaussians_close_to_rounding(d, n, epsilon):
    problem, exact, U = gaussians(d, n, epsilon, 5.0 if d < 3 else 3.5)
    bounds = continuous_bounds(problem, U)
    slack = bounds.truncation + 1e-13 * exact
    assert bounds.lower - slack <= exact <= bounds.upper + slack
    # 64 cells in 3-D: the sums over thirds see densities of one and a half cells; and the box.
    assert bounds.upper - bounds.lower <= (1e-10 if d < 3 else 1e-5) * exact


@pytest.mark.parametrize("name", ["reverse-kl", "hellinger", "jensen-shannon", "alpha(0.5)", "kl"])
def test_no_lower_bound_lies_above_an_upper_one(name):
    """Whatever the potentials: all of them belong to the same D."""
    kl, _, U = gaussians(1, 128, 1.0)
    problem = Problem(*kl.densities, epsilon=1.0, grid=kl.grid, f_divergence=name)
    found = [smooth_bounds(problem, a * U).enclosure() for a in (0.03, 0.1, 0.3, 0.6, 1.0)]
    assert 0.0 < max(e.least for e in found) <= min(e.most for e in found) < math.inf


@pytest.mark.parametrize("amplitude", [0.01, 0.1, 0.3])
@pytest.mark.parametrize("parts", [1, 2])
def test_estimated_errors_cover_the_errors(amplitude, parts):
    """A wave of six cells on the exact potential: far from resolved. Sums over eight parts a cell
    of the same spline tell what the integrals are."""
    problem, exact, U = gaussians(1, 64, 1.0)
    h = problem.grid.spacing[0]
    wave = amplitude * h * h * np.cos(2.0 * np.pi * problem.grid.centers(0) / (6.0 * h))
    found, finest = (smooth_bounds(problem, U + wave, k) for k in (parts, 8))
    for k in range(2):
        error = abs(found.values[k] - finest.values[k])
        assert error <= found.sums[k] + found.splines[k] + finest.sums[k]
    enclosure = found.enclosure()
    assert enclosure.least <= exact <= enclosure.most


def test_a_torn_map_gives_an_upper_bound_only():
    problem = Problem(
        Gaussian([0.0], [0.4]),
        Mixture([0.5, 0.5], [Gaussian([-1.5], [0.35]), Gaussian([1.5], [0.35])]),
        epsilon=10.0,
        grid=Grid([-4.5], [4.5], [256]),
    )
    exact = exact_answer(problem)
    U = problem.divergence.potential(exact.R(problem.grid), problem.log_Q, 10.0)
    found = smooth_bounds(problem, U)
    assert found.values[0] == -math.inf
    assert not found.enclosure().closed(1.0)
    assert exact.divergence - exact.error <= found.enclosure().most
    bounds = continuous_bounds(problem, U)
    assert bounds.lower <= exact.divergence + exact.error
    assert bounds.upper - bounds.lower <= 1e-3 * exact.divergence


def test_what_is_refused():
    problem, _, U = gaussians(1, 32, 1.0)
    P, Q = problem.densities
    assert smooth_bounds(problem, np.where(U.mean() < U, np.nan, U)) is None
    assert smooth_bounds(Problem(P, Q, epsilon=1.0, grid=problem.grid, p=3.0), U) is None
    edges = Problem(P, Uniform([-1.0], [1.0]), epsilon=1.0, grid=problem.grid)
    assert smooth_bounds(edges, U) is None
    # psi convex beyond |x|²: S folds everywhere.
    assert smooth_bounds(problem, -3.0 * problem.grid.centers(0) ** 2) is None


def test_thirds_see_what_halves_do_not():
    """A kink in the middle of a mirror symmetric integrand: even and odd cells agree exactly."""
    x = (np.arange(48) + 0.5) / 48 - 0.5
    values, weight = np.abs(x), np.ones(48)
    assert abs(values[::2].sum() - values[1::2].sum()) < 1e-14
    error = abs(values.mean() - 0.25)
    assert error <= spread_of_thirds(values, weight) <= 100.0 * error + 1e-2


def test_mean_sixth_difference_of_a_sextic():
    x = np.arange(20.0)
    values = np.broadcast_to((x - 10.0) ** 6, (4, 20))
    assert mean_sixth_differences(values, np.ones((4, 20))) == pytest.approx([0.0, 720.0 * 14 / 20])
