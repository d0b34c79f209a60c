"""The fast bounds: tight where the map is smooth, up to the walls too, refused elsewhere."""

import math

import numpy as np
import pytest

from mfgprox.centre_sums import CentreSums
from mfgprox.certificate import continuous_bounds
from mfgprox.density import Expression, Gaussian, Mixture, Uniform
from mfgprox.exact import exact_answer, gaussian
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.quadrature import mean_sixth_differences
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


def test_a_torn_map_looks_for_minima_on_either_side():
    problem = Problem(
        Gaussian([0.0], [0.4]),
        Mixture([0.5, 0.5], [Gaussian([-1.5], [0.35]), Gaussian([1.5], [0.35])]),
        epsilon=10.0,
        grid=Grid([-4.5], [4.5], [256]),
    )
    exact = exact_answer(problem)
    U = problem.divergence.potential(exact.R(problem.grid), problem.log_Q, 10.0)
    found = smooth_bounds(problem, U, 4).enclosure(smooth_bounds(problem, U, 2))
    assert found.least <= exact.divergence + exact.error
    assert exact.divergence - exact.error <= found.most
    assert found.closed(2e-3)
    bounds = continuous_bounds(problem, U)
    assert bounds.lower <= exact.divergence + exact.error
    assert bounds.upper - bounds.lower <= 1e-3 * exact.divergence


@pytest.mark.parametrize("n", [32, 64, 128])
def test_densities_that_reach_the_walls(n):
    """T maps the box onto itself: only a spline without slope across the walls says so."""
    P, Q = Expression("2+cos(3*x)"), Expression("1.5+sin(2*x)")
    problem, finest = (
        Problem(P, Q, epsilon=1.0, grid=Grid([-1.0], [1.0], [cells])) for cells in (n, 2048)
    )
    exact = exact_answer(finest)
    R = np.interp(problem.grid.centers(0), finest.grid.centers(0), exact.R(finest.grid))
    bounds = continuous_bounds(problem, problem.divergence.potential(R, problem.log_Q, 1.0))
    assert bounds.lower <= exact.divergence <= bounds.upper
    assert bounds.upper - bounds.lower <= exact.divergence * 1e-3 * (32 / n) ** 3


def test_what_is_refused():
    problem, _, U = gaussians(1, 32, 1.0)
    P, Q = problem.densities
    assert smooth_bounds(problem, np.where(U.mean() < U, np.nan, U)) is None
    assert smooth_bounds(Problem(P, Q, epsilon=1.0, grid=problem.grid, p=3.0), U) is None
    edges = Problem(P, Uniform([-1.0], [1.0]), epsilon=1.0, grid=problem.grid)
    assert smooth_bounds(edges, U) is None
    # psi convex beyond |x|²: S folds everywhere.
    assert smooth_bounds(problem, -3.0 * problem.grid.centers(0) ** 2) is None


def test_coarser_sums_see_what_halves_do_not():
    """A kink in the middle of a mirror symmetric integrand: even and odd cells agree exactly."""
    x = (np.arange(48) + 0.5) / 48 - 0.5
    values, weight = np.abs(x), np.ones(48)
    assert abs(values[::2].sum() - values[1::2].sum()) < 1e-14
    error = abs(values.mean() - 0.25)
    assert error <= CentreSums((False,)).spread(values, weight) <= 100.0 * error + 1e-2


@pytest.mark.parametrize("n", [24, 40, 67])
@pytest.mark.parametrize("width", [0.1, 0.5, 1.5])
def test_layers_across_the_axes_are_seen(n, width):
    """A layer along a diagonal, thinner and thicker than a cell: axis by axis nothing shows."""
    x = (np.arange(n) + 0.5) / n - 0.5
    layer = np.exp(-0.5 * ((x[:, None] - x) * n / width) ** 2)
    envelope = np.exp(-20.0 * (x[:, None] ** 2 + x**2))
    exact = np.sqrt(2.0 * np.pi) * width / n * np.sqrt(np.pi / 40.0)
    error = abs((layer * envelope).mean() - exact)
    assert error <= CentreSums((False, False)).spread(layer * envelope, np.ones((n, n)))


@pytest.mark.parametrize("d", [1, 2])
def test_sums_up_to_the_walls(d):
    """∫ e^(x+2y) over a box by centre sums with corrected weights: fifth order."""
    errors, estimates = [], []
    for n in (24, 48):
        x = (np.arange(n) + 0.5) / n
        values = np.exp(2.0 * x) if d == 1 else np.exp(2.0 * x[:, None] + x)
        exact = 0.5 * math.expm1(2.0) * (math.expm1(1.0) if d == 2 else 1.0)
        sums = CentreSums.of(values)
        assert sums.corrected == (True,) * d
        errors.append(abs(sums.integrand(values).mean() - exact))
        estimates.append(sums.spread(values, np.ones(values.shape)))
    assert errors[1] <= errors[0] / 2.0**4.7
    assert errors[0] <= estimates[0] <= 0.02
    assert errors[1] <= estimates[1] <= estimates[0] / 8.0


def test_mean_sixth_difference_of_a_sextic():
    x = np.arange(20.0)
    values = np.broadcast_to((x - 10.0) ** 6, (4, 20))
    assert mean_sixth_differences(values, np.ones((4, 20))) == pytest.approx([0.0, 720.0 * 14 / 20])
