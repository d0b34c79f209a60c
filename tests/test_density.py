"""Gaussians and mixtures, each against an oracle that shares no code with it."""

import numpy as np
import pytest
from density_grids import GRIDS, points
from scipy import integrate, stats

from mfgprox.density import DensityError, Expression, Gaussian, Mixture, Ring, Uniform, sample
from mfgprox.grid import Grid

COVARIANCE = np.array([[0.30, 0.10, -0.05], [0.10, 0.25, 0.08], [-0.05, 0.08, 0.40]])


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("full", [False, True])
def test_gaussian_against_scipy(d, full):
    grid, mean = GRIDS[d], [0.3, 0.1, -0.4][:d]
    cov = COVARIANCE[:d, :d] if full else np.diag(np.diag(COVARIANCE)[:d])
    density = Gaussian(mean, cov=cov) if full else Gaussian(mean, std=np.sqrt(np.diag(cov)))
    found = sample(density, grid)
    exact = stats.multivariate_normal(mean, cov).logpdf(points(grid)).reshape(grid.shape)
    # Truncation and quadrature move the constant by 1e-4 at most, never the shape.
    assert np.ptp(found.log_values - exact) < 1e-11 * np.abs(exact).max()
    assert np.abs(found.log_values - exact).max() < 1e-4
    assert found.smooth
    assert found.values.sum() * grid.cell_volume == pytest.approx(1.0, abs=1e-13)


@pytest.mark.parametrize("correlation", [-0.999, -0.6, 0.0, 0.3, 0.99, 0.99999])
@pytest.mark.parametrize("box", [(-3.0, 3.0), (-0.5, 2.0), (0.8, 4.0)])
def test_cut_off_of_a_correlated_gaussian(correlation, box):
    grid = Grid((box[0], -1.0), (box[1], 2.0), (8, 8))
    cov = [[1.0, 0.5 * correlation], [0.5 * correlation, 0.25]]
    slope, width = 0.5 * correlation, 0.5 * np.sqrt(1.0 - correlation**2)

    def strip(x):
        upper, lower = (2.0 - slope * x) / width, (-1.0 - slope * x) / width
        return stats.norm.pdf(x) * (stats.norm.cdf(upper) - stats.norm.cdf(lower))

    kinks = [x for x in (-2.0, 4.0, -1.0 / (slope or 9), 2.0 / (slope or 9)) if box[0] < x < box[1]]
    inside = integrate.quad(strip, *box, points=kinks or None, limit=500, epsabs=1e-11)[0]
    assert Gaussian([0.0, 0.0], cov=cov).cut_off(grid) == pytest.approx(1 - inside, abs=1e-8)


def test_cut_off_in_three_dimensions():
    grid = Grid((-0.5, -0.7, -1.0), (0.9, 1.2, 0.6), (4, 4, 4))
    rng = np.random.default_rng(5)
    draws = rng.multivariate_normal([0, 0, 0], COVARIANCE, 2_000_000)
    inside = np.all((draws > grid.lower) & (draws < grid.upper), axis=1).mean()
    # Two million draws: a standard error of 3.5e-4.
    assert Gaussian([0, 0, 0], cov=COVARIANCE).cut_off(grid) == pytest.approx(
        1 - inside, abs=1.5e-3
    )
    diagonal = np.diag(np.diag(COVARIANCE))
    almost = diagonal.copy()
    almost[0, 1] = almost[1, 0] = almost[0, 2] = almost[2, 0] = 1e-12
    exact = Gaussian([0, 0, 0], cov=diagonal).cut_off(grid)
    assert Gaussian([0, 0, 0], cov=almost).cut_off(grid) == pytest.approx(exact, abs=1e-10)


def test_tiny_cut_offs_are_not_rounding():
    grid = Grid((-10.0,), (10.0,), (64,))
    assert Gaussian([0.0], [1.0]).cut_off(grid) == pytest.approx(2 * stats.norm.sf(10.0), rel=1e-9)


@pytest.mark.parametrize("std", [1e-9, 1e-3, 0.1, 0.4])
@pytest.mark.parametrize("mean", [0.26, 0.5])
def test_an_unresolved_gaussian_keeps_its_place_and_its_cut_off(std, mean):
    grid = Grid((-4.0,), (4.0,), (8,))
    density = Gaussian([mean], [std])
    assert density.cut_off(grid) < 1e-15
    masses = np.diff(stats.norm(mean, std).cdf(grid.edges(0)))
    found = sample(density, grid)
    assert np.abs(found.values * grid.cell_volume - masses).max() < 5e-3
    assert np.all(np.isfinite(found.log_values))


@pytest.mark.parametrize(
    ("mean", "std", "cov"),
    [
        ([0.0], None, None),
        ([0.0], [1.0], [[1.0]]),
        ([0.0], [-1.0], None),
        ([0.0], [np.nan], None),
        ([0.0, 0.0], [1.0], None),
        ([0.0, 0.0], None, [[1.0, 2.0], [2.0, 1.0]]),
        ([0.0, 0.0], None, [[1.0, 0.1], [0.2, 1.0]]),
        ([np.inf], [1.0], None),
    ],
)
def test_what_is_no_gaussian(mean, std, cov):
    with pytest.raises(DensityError):
        Gaussian(mean, std, cov)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_mixture_is_the_weighted_sum(d):
    grid = GRIDS[d]
    means, weights = [[-0.8] * d, [0.9] * d], [1.0, 3.0]
    found = sample(Mixture(weights, [Gaussian(m, [0.4] * d) for m in means]), grid)
    exact = sum(
        w / 4 * stats.multivariate_normal(m, 0.16 * np.eye(d)).pdf(points(grid))
        for w, m in zip(weights, means, strict=True)
    ).reshape(grid.shape)
    # 19 cells of 0.34 for a standard deviation of 0.4: the sum is exact to 1e-7.
    assert np.abs(found.values - exact).max() < 1e-5 * exact.max()
    assert found.smooth
    assert np.all(np.isfinite(found.log_values))


def test_mixture_of_kinds_gives_each_its_weight():
    grid = Grid((-4.0,), (4.0,), (80,))
    parts = [Uniform([-3.0], [-2.03]), Gaussian([1.0], [0.3]), Expression("7*exp(-8*(x-3)**2)")]
    found = sample(Mixture([1.0, 2.0, 1.0], parts), grid)
    x, h = grid.centers(0), grid.cell_volume
    assert found.values[x < -1].sum() * h == pytest.approx(0.25, abs=1e-5)
    # The third lies 1 from the edge, 4 of its standard deviations: 3e-5 of it is cut off.
    assert found.values[x > 2.1].sum() * h == pytest.approx(0.25, abs=5e-4)
    assert not found.smooth
    assert np.all(found.values >= 0.0)


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [1.0, -1.0], [1.0, np.nan], []])
def test_what_is_no_mixture(weights):
    with pytest.raises(DensityError):
        Mixture(weights, [Gaussian([0.0], [1.0]), Gaussian([1.0], [1.0])])


@pytest.mark.parametrize(
    "density", [Gaussian([0.0], [1.0]), Uniform([0.0], [1.0]), Ring([0.0], 0.1, 1.0)]
)
def test_a_density_of_other_dimension_is_refused(density):
    with pytest.raises(DensityError, match="axes"):
        sample(density, GRIDS[2])
