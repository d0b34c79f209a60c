"""Every information divergence against its definition: f, f', f*, (f*)'."""

import numpy as np
import pytest
from every_divergence import each
from scipy.optimize import minimize_scalar

from mfgprox.divergence import DIVERGENCES, Divergence, JensenShannon, alpha_divergence, by_name

PRINTED = {
    "kl": lambda t: t * np.log(t),
    "reverse-kl": lambda t: -np.log(t),
    "pearson": lambda t: (t - 1.0) ** 2,
    "neyman": lambda t: (t - 1.0) ** 2 / t,
    "hellinger": lambda t: (np.sqrt(t) - 1.0) ** 2,
    "jensen-shannon": lambda t: 0.5 * (t * np.log(t) - (t + 1) * np.log((t + 1) / 2)),
}
T = np.geomspace(2e-2, 50.0, 61)


@pytest.mark.parametrize("skew", [-30.0, -2.0, 0.0, 1.5, 30.0])
def test_skewed_jensen_shannon_is_the_usual_one_on_unequal_masses(skew):
    r, plain, f = np.exp(skew), by_name("jensen-shannon"), JensenShannon(skew)
    # f(r t)/r less its tangent at t = 1; its second derivative is all that there is to check.
    np.testing.assert_allclose(f.f(np.ones(1)), 0.0, atol=1e-15)
    np.testing.assert_allclose(
        f.derivative(T), plain.derivative(r * T) - plain.derivative(r * np.ones(1)), atol=1e-13
    )
    np.testing.assert_allclose(
        np.exp(f.log_curvature(np.log(T))), 0.5 / (T * (1.0 + r * T)), rtol=1e-12
    )
    # Its terms are as large as t log t, which rounding leaves.
    np.testing.assert_allclose(f.f(T), _integral(f.derivative, T), rtol=1e-9, atol=1e-14)


def _integral(slope, ends):
    """From 1 to each of the ends, by Gauss–Legendre in the logarithm."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    u = 0.5 * np.log(ends)[:, None] * (nodes + 1.0)
    return (0.5 * np.log(ends)[:, None] * weights * slope(np.exp(u)) * np.exp(u)).sum(axis=1)


@pytest.mark.parametrize("name", DIVERGENCES)
def test_named_ones_are_the_usual_functions(name):
    np.testing.assert_allclose(by_name(name).f(T), PRINTED[name](T), rtol=1e-12, atol=1e-14)


def test_the_alpha_family_holds_the_named_ones():
    for alpha, name, factor in ((0.5, "hellinger", 2), (2, "pearson", 0.5), (-1, "neyman", 0.5)):
        np.testing.assert_allclose(
            alpha_divergence(alpha).f(T), factor * by_name(name).f(T), rtol=1e-11, atol=1e-14
        )
    np.testing.assert_allclose(alpha_divergence(0.0).f(T), T - 1.0 - np.log(T), atol=1e-12)
    np.testing.assert_allclose(
        alpha_divergence(1.0 + 1e-8).f(T), T * np.log(T) - T + 1.0, rtol=1e-6, atol=1e-6
    )


@each
def test_protocol_and_name(f):
    assert isinstance(f, Divergence)
    assert by_name(f.name).name == f.name
    np.testing.assert_array_equal(by_name(f.name).f(T), f.f(T))


@each
def test_derivatives_agree_with_differences(f):
    step = 1e-6 * T
    difference = (f.f(T + step) - f.f(T - step)) / (2.0 * step)
    np.testing.assert_allclose(f.derivative(T), difference, rtol=1e-6, atol=1e-6)
    s = f.derivative(T)
    near = 1e-4 * T * np.gradient(s, T)
    difference = (f.conjugate(s + near) - f.conjugate(s - near)) / (2.0 * near)
    np.testing.assert_allclose(f.conjugate_derivative(s), difference, rtol=1e-4)


@each
def test_the_conjugate_by_brute_force(f):
    for s in f.derivative(np.array([0.02, 0.5, 1.0, 3.0, 40.0])):
        found = minimize_scalar(
            lambda u, s=s: float(f.f(np.exp(u)) - s * np.exp(u)),
            bounds=(-12.0, 8.0),
            method="bounded",
            options={"xatol": 1e-10},
        )
        assert f.conjugate(s) == pytest.approx(-found.fun, rel=1e-9, abs=1e-9)


@each
def test_fenchel_young_is_an_equality_at_the_derivative_only(f):
    s = f.derivative(T)
    np.testing.assert_allclose(f.conjugate_derivative(s), T, rtol=1e-9)
    np.testing.assert_allclose(f.conjugate(s) + f.f(T), s * T, rtol=1e-9, atol=1e-9)
    assert (f.conjugate(s)[:, None] + f.f(T) - s[:, None] * T > -1e-9 * (1 + T)).all()


@each
def test_beyond_the_ends_of_the_domain(f):
    if np.isfinite(f.recession):
        assert np.isinf(f.conjugate(f.recession + 0.1))
        assert f.derivative(1e12) == pytest.approx(f.recession, abs=2e-3)
        assert f.derivative(1e3) < f.recession
    else:
        assert f.derivative(1e12) > 20.0
    at_zero = f.derivative(0.0)
    if np.isfinite(at_zero):
        assert f.conjugate_derivative(at_zero - 1.0) == 0.0
        assert f.conjugate(at_zero - 1.0) == pytest.approx(-f.f(0.0))


def test_unknown_names_are_refused():
    for name in ("kullback", "alpha", "alpha(x)", "alpha(nan)"):
        with pytest.raises(ValueError, match=r"must be one of kl, .*got"):
            by_name(name)


@each
def test_the_logarithm_of_the_second_derivative(f):
    step = 1e-5 * T
    bend = (f.derivative(T + step) - f.derivative(T - step)) / (2.0 * step)
    np.testing.assert_allclose(np.exp(f.log_curvature(np.log(T))), bend, rtol=1e-6)


def test_limits_of_alpha():
    """To KL and reverse KL, in value, slope and proximal map."""
    z, log_Q, weight = np.linspace(-1.0, 2.0, 30), np.linspace(-5.0, 1.0, 30), np.full(30, 0.4)
    for limit, name in ((1.0, "kl"), (0.0, "reverse-kl")):
        near, f = alpha_divergence(limit + 1e-7), by_name(name)
        # The named ones differ from the family by a multiple of t - 1.
        offset = float(near.derivative(1.0) - f.derivative(1.0))
        np.testing.assert_allclose(near.derivative(T) - offset, f.derivative(T), atol=1e-5)
        np.testing.assert_allclose(near.f(T) - offset * (T - 1.0), f.f(T), atol=2e-5)
        np.testing.assert_allclose(
            near.proximal(z + offset * weight, log_Q, weight), f.proximal(z, log_Q, weight),
            rtol=1e-5,
        )  # fmt: skip
        assert f.f(np.ones(1))[0] == 0.0 and near.f(np.ones(1))[0] == 0.0


@each
def test_conjugate_is_over_non_negative_densities(f):
    s = np.linspace(-30.0, float(min(f.derivative(40.0), 5.0)), 50)
    slope = f.conjugate_derivative(s)
    assert (slope >= 0.0).all() and (np.diff(slope) >= -1e-12).all()
