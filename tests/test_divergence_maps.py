"""Gibbs densities and proximal maps of every information divergence, against what defines them."""

import numpy as np
import pytest
from every_divergence import each
from hypothesis import given, settings
from hypothesis import strategies as st

from mfgprox.divergence import by_name


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
