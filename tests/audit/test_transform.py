"""The independent c-transforms, spline bounds and divergences against brute force."""

import numpy as np
import pytest
from scipy.integrate import quad

from mfgprox.audit.divergences import named
from mfgprox.audit.spline import FineLattice
from mfgprox.audit.transform import minimum_over_finer_lattice, minimum_over_lattice

NAMES = ("kl", "reverse-kl", "pearson", "neyman", "hellinger", "jensen-shannon")
NAMES += ("alpha(0.5)", "alpha(1.5)", "alpha(-1.0)", "alpha(3)")


@pytest.mark.parametrize(
    ("p", "separable"), [(2.0, False), (1.5, True), (1.5, False), (3.0, False)]
)
def test_minimum_over_lattice_against_all_pairs(p, separable):
    rng = np.random.default_rng(0)
    places = [np.sort(rng.random(n)) for n in (5, 4, 3)]
    x = [np.sort(rng.random(n)) for n in (4, 2, 3)]
    psi = rng.normal(size=(3, 4, 5))
    psi[0, 1, 2] = -np.inf
    found, argmin = minimum_over_lattice(psi, places, x, p, separable)
    y = np.stack(np.meshgrid(*places[::-1], indexing="ij"), -1).reshape(-1, 3)
    points = np.stack(np.meshgrid(*x[::-1], indexing="ij"), -1).reshape(-1, 3)
    v = np.abs(points[:, None] - y)
    cost = (v**p).sum(-1) if separable else ((v**2).sum(-1)) ** (p / 2)
    values = cost - psi.ravel()
    assert np.allclose(found.ravel(), values.min(axis=1), rtol=1e-14, atol=1e-14)
    assert np.array_equal(argmin.ravel(), values.argmin(axis=1))


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize(("p", "separable"), [(1.5, False), (2.0, False), (3.0, True)])
def test_no_point_of_the_box_lies_below_the_proven_minimum(d, p, separable):
    rng = np.random.default_rng(d)
    cells, box = (9, 7, 1)[:d], [(-1.0, 1.0), (0.0, 2.0), (0.0, 0.5)][:d]
    psi = rng.normal(size=cells[::-1])
    fine = FineLattice.of(psi, box, 4, p, separable)
    finer = FineLattice.of(psi, box, 12, p, separable)
    x = [np.linspace(a, b, 5) for a, b in box]
    proven, _ = minimum_over_lattice(fine.psi + fine.rise, fine.places, x, p, separable)
    finest, _ = minimum_over_lattice(finer.psi, finer.places, x, p, separable)
    assert np.all(proven <= finest + 1e-12)


@pytest.mark.parametrize("p", [1.5, 3.0])
def test_the_search_near_coarse_nodes_misses_nothing(p):
    psi = np.random.default_rng(5).normal(size=(6, 7))
    box = [(-1.0, 1.0), (0.0, 2.0)]
    coarse, fine = (FineLattice.of(psi, box, r, p, False) for r in (1, 4))
    x = [np.linspace(a, b, 9) for a, b in box]
    found = minimum_over_finer_lattice(fine.psi, fine.places, coarse.psi, coarse.rise, x, p)
    expected = minimum_over_lattice(fine.psi, fine.places, x, p, False)
    assert np.allclose(found[0], expected[0], rtol=1e-13, atol=1e-13)
    assert np.array_equal(found[1], expected[1])


def test_curvatures_stay_within_their_bounds():
    psi = np.random.default_rng(4).normal(size=12)
    fine = FineLattice.of(psi, [(0.0, 1.0)], 64, 2.0, False)
    half = 0.5 / (64 * 12)
    assert np.all(fine.rise >= 0.5 * half**2 * (2.0 - fine.curvatures[0, 0]) - 1e-12)
    assert np.allclose(fine.psi[32::64], psi)


@pytest.mark.parametrize("name", NAMES)
def test_conjugates(name):
    law = named(name)
    t = np.geomspace(1e-6, 1e4, 200_001)
    f = law.f(t)
    assert abs(float(law.f(np.ones(1))[0])) < 1e-14
    for s in (-3.0, -0.7, law.slope - 0.1, law.slope + 0.05):
        best = (s * t - f).max()
        assert abs(float(law.conjugate(np.array([s]))[0]) - best) < 1e-5 * (1.0 + abs(best))
    with np.errstate(all="ignore"):
        slope = (law.f(np.array([1e9])) - law.f(np.array([0.5e9]))) / 0.5e9
    assert law.recession == np.inf or abs(slope[0] - law.recession) < 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_dual_term_is_the_supremum_over_densities(name):
    """inf_nu {nu + E_Q[f*(s - nu)]} = sup over R of E_R[s] - D_f(R‖Q): never below a given R, and
    attained at R = Q (f*)'(s - nu)."""
    law, rng = named(name), np.random.default_rng(1)
    Q, volume = rng.random(40), 0.1
    Q /= Q.sum() * volume
    psi = 0.2 * rng.normal(size=40)
    term = law.dual_term(psi, Q, 1.0, volume)
    for _ in range(20):
        R = Q * np.exp(0.3 * rng.normal(size=40))
        R /= R.sum() * volume
        assert term >= -volume * float(R @ psi) - law.between(R, np.log(Q), volume) - 1e-12
    assert abs(law.between(Q, np.log(Q), volume)) < 1e-12
    assert abs(law.dual_term(0.0 * psi + 0.3, Q, 1.0, volume) + 0.3) < 1e-9


def test_unknown_divergences_are_refused():
    for name in ("nothing", "alpha()", "alpha(x)"):
        with pytest.raises(ValueError, match="f_divergence"):
            named(name)


def test_mean_of_inverse_powers():
    from mfgprox.audit.path import _mean_inverse_power

    for p in (1.5, 2.0, 3.0):
        for a, b in ((1.0, 2.0), (1.0, 1.0005), (0.3, 1e-6), (2.0, 2.0)):
            exact = quad(lambda t, a=a, b=b, p=p: (a + t * (b - a)) ** (1 - p), 0, 1, limit=500)[0]
            found = _mean_inverse_power(np.array([a]), np.array([b]), p)[0]
            assert abs(found - exact) < 1e-6 * exact
