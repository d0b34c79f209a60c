"""Every information divergence against its definition: f, f', f*, (f*)', D_f and the multiplier."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from mfgprox.divergence import DIVERGENCES, Divergence, JensenShannon, alpha_divergence, by_name

ALL = [
    *(by_name(name) for name in DIVERGENCES),
    *(alpha_divergence(a) for a in (-2.0, -0.3, 0.0, 0.7, 1.0, 1.5, 3.0)),
    *(JensenShannon(skew) for skew in (-2.0, 1.5)),
]
each = pytest.mark.parametrize("f", ALL, ids=lambda f: f.name)

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


def densities(rng, zeros=False):
    R, Q = rng.random(40) + 0.05, rng.random(40) + 0.05
    if zeros:
        Q[:7] = 0.0
    R, Q = R / R.sum(), Q / Q.sum()
    with np.errstate(divide="ignore"):
        return R / 0.1, np.log(Q / 0.1), Q / 0.1


@each
def test_between_two_densities(f):
    R, log_Q, Q = densities(np.random.default_rng(1))
    assert f.between(R, log_Q, 0.1) == pytest.approx(float((Q * f.f(R / Q)).sum() * 0.1), rel=1e-12)
    assert f.between(Q, log_Q, 0.1) == pytest.approx(0.0, abs=1e-15)
    np.testing.assert_allclose(
        f.potential(R, log_Q, 2.0) + (2.0 if f.name == "kl" else 0.0), 2.0 * f.derivative(R / Q)
    )


@each
def test_mass_where_q_has_none_costs_the_recession(f):
    R, log_Q, Q = densities(np.random.default_rng(2), zeros=True)
    held = Q > 0.0
    value = f.between(R, log_Q, 0.1)
    if np.isinf(f.recession):
        assert np.isinf(value)
    else:
        regular = float((Q * f.f(np.where(held, R / np.where(held, Q, 1.0), 1.0)))[held].sum())
        assert value == pytest.approx((regular + f.recession * R[~held].sum()) * 0.1, rel=1e-12)
        # The limit of a background that goes to zero.
        faint = np.where(held, log_Q, np.log(1e-40))
        assert value == pytest.approx(f.between(R, faint, 0.1), rel=1e-6)


@each
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.sampled_from([0.01, 1.0, 30.0]))
def test_gibbs_is_the_maximiser(f, seed, size):
    rng = np.random.default_rng(seed)
    _, log_Q, Q = densities(rng)
    log_Q = log_Q - 40.0 * rng.random(40)
    U, epsilon = size * rng.normal(size=40), 0.7
    Q = np.exp(log_Q)
    log_Q -= np.log(Q.sum() * 0.1)
    R, value = f.gibbs(U, log_Q, epsilon, 0.1)
    assert R.sum() * 0.1 == pytest.approx(1.0, abs=1e-12)
    assert R.min() >= 0.0
    # sup over R of E_R[U] - epsilon D_f(R‖Q) is attained at R and equals the value.
    scale = 1.0 + np.abs(U).max()
    reached = (R * U).sum() * 0.1 - epsilon * f.between(R, log_Q, 0.1)
    assert reached == pytest.approx(value, abs=2e-9 * scale)
    for _ in range(5):
        other = R * rng.random(40)
        other /= other.sum() * 0.1
        assert (other * U).sum() * 0.1 - epsilon * f.between(other, log_Q, 0.1) <= (
            value + 1e-9 * scale
        )


def test_gibbs_leaves_mass_where_q_has_none_if_that_is_worth_it():
    f = by_name("hellinger")
    log_Q = np.log(np.full(10, 1.0 / 9.0), where=np.arange(10) > 0, out=np.full(10, -np.inf))
    U = np.zeros(10)
    U[0] = 5.0
    R, value = f.gibbs(U, log_Q, 1.0, 1.0)
    assert R[0] == pytest.approx(1.0 - 9.0 * R[1])
    assert R[0] > 0.5
    assert (R * U).sum() - f.between(R, log_Q, 1.0) == pytest.approx(value, abs=1e-12)
    U[0] = 0.5
    R, _ = f.gibbs(U, log_Q, 1.0, 1.0)
    assert R[0] == 0.0


def test_unknown_names_are_refused():
    for name in ("kullback", "alpha", "alpha(x)", "alpha(nan)"):
        with pytest.raises(ValueError, match=r"must be one of kl, .*got"):
            by_name(name)


@each
def test_the_logarithm_of_the_second_derivative(f):
    step = 1e-5 * T
    bend = (f.derivative(T + step) - f.derivative(T - step)) / (2.0 * step)
    np.testing.assert_allclose(np.exp(f.log_curvature(np.log(T))), bend, rtol=1e-6)


@each
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_proximal_map_meets_its_equation(f, seed):
    """R + weight f'(R/Q) = z, and R = 0 only where z asks for less; over many scales."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=200) * 10.0 ** rng.uniform(-8.0, 3.0, 200)
    log_Q, weight = rng.uniform(-60.0, 3.0, 200), 10.0 ** rng.uniform(-5.0, 4.0, 200)
    R = f.proximal(z, log_Q, weight)
    assert np.isfinite(R).all() and (R >= 0.0).all()
    held = R > 1e-290
    slope = f.potential(R[held], log_Q[held], 1.0) + (1.0 if f.name == "kl" else 0.0)
    scale = np.abs(z[held]) + R[held] + weight[held] * (1.0 + np.abs(slope))
    assert (np.abs(R[held] + weight[held] * slope - z[held]) <= 1e-12 * scale).all()
    # -∞ where the slope at zero is: only underflow leaves nothing there.
    at_zero = float(f.derivative(np.zeros(1))[0])
    if np.isfinite(at_zero):
        assert (z[~held] <= weight[~held] * at_zero + 1e-280).all()


@each
def test_moreau(f):
    """prox of g plus prox of its conjugate, g = Q f(·/Q) on R >= 0, is the identity: the second by
    brute force, argmin_s Q f*(s) + weight (s - z/weight)²/2."""
    for z, Q, weight in ((0.7, 0.5, 0.3), (-1.0, 2.0, 1.5), (3.0, 0.1, 0.05)):
        R = float(f.proximal(np.array([z]), np.log([Q]), np.array([weight]))[0])
        s = (z - R) / weight
        value = Q * f.conjugate(s) + 0.5 * weight * (s - z / weight) ** 2
        for step in (-1e-3, -1e-5, 1e-5, 1e-3):
            other = Q * f.conjugate(s + step) + 0.5 * weight * (s + step - z / weight) ** 2
            assert other >= value - 1e-12 * (1.0 + abs(value))


@each
def test_proximal_map_where_q_has_no_mass_is_a_threshold(f):
    z, weight = np.array([-1.0, 0.3, 5.0]), np.full(3, 0.5)
    R = f.proximal(z, np.full(3, -np.inf), weight)
    np.testing.assert_allclose(R, np.maximum(z - weight * f.recession, 0.0))


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
