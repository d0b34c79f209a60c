"""The proximal step of the kinetic action against its optimality conditions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfgprox.kernels.kinetic_prox import axis_root, euclidean_root, separable_root

P = st.floats(1.2, 6.0)
ALPHA = st.floats(-50.0, 50.0)
SIZE = st.floats(0.0, 50.0)


def constants(p):
    q = p / (p - 1.0)
    return q, (p - 1.0) / p**q


@settings(max_examples=200, deadline=None)
@given(st.one_of(P, st.just(2.0)), ALPHA, SIZE)
def test_point_lies_on_the_dual_set_along_its_normal(p, alpha, size):
    q, c = constants(p)
    lam, t = euclidean_root(alpha, size, p, q, c)
    assert lam >= 0.0 and 0.0 <= t <= size
    if lam == 0.0:
        assert alpha + c * size**q <= 1e-9 * (1.0 + abs(alpha) + size**q)
        return
    # (alpha, size) - (a, t) = lam (1, c q t^{q-1}) with a = -c t^q: a projection onto a convex set.
    assert lam == pytest.approx(alpha + c * t**q, rel=1e-9, abs=1e-9 * (1 + abs(alpha)))
    assert t + lam * c * q * t ** (q - 1.0) == pytest.approx(size, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("p", [1.5, 2.0, 3.0])
def test_moreau_identity(p):
    """What the projection leaves minimises |M|^p/theta^{p-1} + |(theta, M) - (alpha, beta)|²/2."""
    q, c = constants(p)
    rng = np.random.default_rng(0)
    for alpha, size in zip(rng.normal(size=20), rng.uniform(0.1, 3.0, size=20), strict=True):
        lam, t = euclidean_root(alpha, size, p, q, c)
        theta, m = lam, size - t

        def objective(theta, m, alpha=alpha, size=size):
            return m**p / theta ** (p - 1.0) + 0.5 * (theta - alpha) ** 2 + 0.5 * (m - size) ** 2

        if theta < 1e-8:
            continue
        best = objective(theta, m)
        for dt, dm in rng.normal(size=(20, 2)) * 0.1:
            if theta + dt > 0.0 and m + dm >= 0.0:
                assert objective(theta + dt, m + dm) >= best - 1e-12


MULTIPLIER = st.floats(-60.0, 5.0)


@settings(max_examples=100, deadline=None)
@given(P, ALPHA, SIZE, MULTIPLIER)
def test_one_axis_is_the_same_in_both_norms(p, alpha, size, multiplier):
    q, c = constants(p)
    lam, t = euclidean_root(alpha, size, p, q, c)
    own = np.empty(1)
    found = separable_root(alpha, np.array([size]), q, c, multiplier, own)
    assert found == pytest.approx(lam, rel=1e-6, abs=1e-7 * (1.0 + abs(alpha)))
    if lam > 1e-6:
        assert own[0] == pytest.approx(t, rel=1e-6, abs=1e-8)
        assert axis_root(lam, size, q, c) == pytest.approx(t, rel=1e-6, abs=1e-8)


@settings(max_examples=200, deadline=None)
@given(P, ALPHA, SIZE, MULTIPLIER)
def test_the_start_does_not_move_the_root(p, alpha, size, multiplier):
    q, c = constants(p)
    cold = euclidean_root(alpha, size, p, q, c)
    warm = euclidean_root(alpha, size, p, q, c, multiplier)
    assert warm[1] == pytest.approx(cold[1], rel=1e-9, abs=1e-12)
    assert warm[0] == pytest.approx(cold[0], rel=1e-8, abs=1e-8 * (1.0 + abs(alpha)))


@settings(max_examples=100, deadline=None)
@given(P, ALPHA, SIZE, SIZE, SIZE, MULTIPLIER)
def test_separable_roots_meet_their_equations(p, alpha, x, y, z, multiplier):
    q, c = constants(p)
    sizes, t = np.array([x, y, z]), np.empty(3)
    lam = separable_root(alpha, sizes, q, c, multiplier, t)
    scale = 1.0 + abs(alpha) + c * (sizes**q).sum()
    if lam == 0.0:
        assert alpha + c * (sizes**q).sum() <= 1e-9 * scale
        return
    assert lam - alpha - c * (t**q).sum() == pytest.approx(0.0, abs=1e-9 * scale)
    assert t + lam * c * q * t ** (q - 1.0) == pytest.approx(sizes, rel=1e-7, abs=1e-9)
