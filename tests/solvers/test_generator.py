"""Penalised optimal transport: points G(z_j) fitted by the gradient in the points."""

import numpy as np
import pytest

from mfgprox.grid import Grid
from mfgprox.solvers.semi_discrete import fit_generator, monomials, solve_cloud

pytestmark = pytest.mark.compiled
GRID = Grid((-3, -3), (3, 3), (48, 48))
X, Y = GRID.coordinates()
BANANA = np.exp(-0.5 * (X / 0.8) ** 2 - 0.5 * ((Y - 0.5 * X**2 + 0.5) / 0.3) ** 2)
LATENT = np.random.default_rng(0).normal(size=(40, 2))
EPSILON = 0.3


def start(features):
    theta = np.zeros((features.shape[1], 2))
    theta[1, 0] = theta[2, 1] = 0.5
    return theta


def test_monomials():
    z = np.array([[2.0, 3.0]])
    np.testing.assert_array_equal(monomials(z, 2), [[1, 2, 3, 4, 6, 9]])
    with pytest.raises(ValueError, match="degree"):
        monomials(z, -1)


@pytest.mark.parametrize("degree", [1, 2])
def test_fit_is_stationary_and_a_richer_generator_is_closer(degree):
    features = monomials(LATENT, degree)
    fit = fit_generator(GRID, BANANA, features, start(features), EPSILON)
    assert fit.converged and fit.values[-1] < fit.values[0]
    assert np.all(np.diff(fit.values) <= 1e-12)
    # The constant is a parameter: the mean of R is then that of P.
    mean = np.array([(BANANA * X).sum(), (BANANA * Y).sum()]) / BANANA.sum()
    np.testing.assert_allclose(fit.cloud.masses @ fit.generator.points, mean, atol=1e-6)
    # Any small change of theta raises the value, which knows nothing of gradients.
    rng = np.random.default_rng(1)
    for _ in range(4):
        way = rng.normal(size=fit.generator.theta.shape)
        thetas = [fit.generator.theta + k * way for k in (-0.01, 0.01)]
        ends = [solve_cloud(GRID, BANANA, features @ t, np.ones(40), EPSILON) for t in thetas]
        assert min(e.value for e in ends) > fit.cloud.value
    if degree == 2:
        affine = monomials(LATENT, 1)
        straight = fit_generator(GRID, BANANA, affine, start(affine), EPSILON)
        assert fit.cloud.value < 0.5 * straight.cloud.value


def test_shapes_are_named():
    with pytest.raises(ValueError, match="theta"):
        fit_generator(GRID, BANANA, monomials(LATENT, 1), np.zeros((2, 2)), EPSILON)
