"""The limits of small and of large epsilon (Theorem 2.8), and the curve between them."""

import math

import numpy as np
import pytest

import mfgprox
from mfgprox.sweeps import sweep
from mfgprox.sweeps.limits import limits
from mfgprox.sweeps.plan import member

GAUSSIANS = {"m1": -2.0, "s1": 0.5, "m2": 2.0, "s2": 1.0}
"""Those of figure1_gaussians_1d."""


def test_limits_of_gaussians_on_the_line():
    m1, s1, m2, s2 = GAUSSIANS.values()
    found = limits(mfgprox.load_case("figure1_gaussians_1d"), [])
    KL = math.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5
    # The box of [-8, 8] cuts off 1e-9 of Q.
    assert found.information == pytest.approx(KL, rel=1e-7)
    assert found.transport == pytest.approx((m1 - m2) ** 2 + (s1 - s2) ** 2, rel=1e-7)


def test_the_transport_limit_for_other_exponents():
    # Shifted by 4 and stretched by 1/2: |T(x) - x|^p with T(x) - x = 4 + z/2, z standard normal.
    problem = mfgprox.load_case("figure1_gaussians_1d")
    z, weights = np.polynomial.hermite_e.hermegauss(80)
    for p in (1.5, 3.0):
        exact = float((np.abs(4.0 + 0.5 * z) ** p) @ weights / weights.sum())
        found = limits(member(problem, 1.0, p), [])
        assert found.transport == pytest.approx(exact, rel=1e-6)


@pytest.mark.slow
def test_limits_of_gaussians_in_the_plane_and_how_they_are_extrapolated():
    problem = mfgprox.load_case("figure2_gaussians_2d", ["grid.cells=[64,64]"])
    S1, S2 = np.array([[0.25, 0.10], [0.10, 0.25]]), np.array([[0.35, -0.20], [-0.20, 0.35]])
    shift = np.full(2, 2.4)
    # Both have the axes (1, ±1)/√2, with the variances (.35, .15) and (.15, .55).
    exact = shift @ shift + sum(
        (math.sqrt(a) - math.sqrt(b)) ** 2 for a, b in ((0.35, 0.15), (0.15, 0.55))
    )
    inverse = np.linalg.inv(S2)
    KL = 0.5 * (
        np.trace(inverse @ S1) + shift @ inverse @ shift - 2.0
        + math.log(np.linalg.det(S2) / np.linalg.det(S1))
    )  # fmt: skip
    found = limits(problem, [])
    assert found.how == "closed form"
    assert found.transport == pytest.approx(exact, rel=1e-12)
    assert found.information == pytest.approx(KL, rel=1e-4)  # the box [-4, 4]² cuts off 5e-6
    bare = mfgprox.Problem(problem.P, problem.Q, epsilon=1.0, grid=problem.grid)
    swept = sweep(bare, [30.0, 300.0], static=True)
    (guess,) = swept.limits
    assert guess.how == "extrapolated from epsilon 300"
    assert abs(guess.transport - exact) < 5.0 * guess.doubt + 2e-3 * exact  # cells as uniform
    (none,) = sweep(bare, [0.1], static=True).limits
    assert math.isnan(none.transport)
    assert "no epsilon is large enough" in none.how


def test_the_curve_lies_below_its_limits_and_comes_close():
    problem = mfgprox.load_case("figure1_gaussians_1d", ["output.path=false"])
    swept = sweep(problem, [1e-4, 1e-2, 1.0, 1e2, 1e4])
    (found,) = swept.limits
    D = np.array([row.divergence for row in swept.rows])
    epsilon = np.array([row.epsilon for row in swept.rows])
    assert (np.diff(D) > 0.0).all()
    assert (np.diff(D / epsilon) < 0.0).all()
    assert (np.array([row.lower_bound for row in swept.rows]) <= found.transport).all()
    assert D[0] / epsilon[0] == pytest.approx(found.information, rel=1e-3)
    assert D[-1] == pytest.approx(found.transport, rel=1e-3)
    exact = [mfgprox.gaussian.divergence(-2.0, 0.25, 2.0, 1.0, float(value)) for value in epsilon]
    assert pytest.approx(exact, rel=1e-6) == D
