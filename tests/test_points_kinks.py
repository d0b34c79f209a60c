"""A plain transport cost without a gradient; what entropic costs and the divergence make of it."""

import numpy as np
import pytest

from mfgprox.points import divergence_of_points, pairwise_cost
from mfgprox.points.kinks import entropic_cost, mass_family, swap_family, transport_cost

EPSILON, ETA, STEP = 5.0, 2.0, 1e-3


def values(family, theta):
    x, y, a, b = family(theta)
    C = pairwise_cost(x, y)
    found = divergence_of_points(C, EPSILON, a, b, rtol=1e-11, atol=1e-13)
    return np.array([transport_cost(C, a, b), entropic_cost(C, a, b, ETA), found.upper])


def slopes(family, step=STEP):
    """From the left and from the right of 0."""
    low, middle, high = (values(family, k * step) for k in (-1, 0, 1))
    return (middle - low) / step, (high - middle) / step


def test_masses_both_regularisations_have_a_gradient():
    left, right = slopes(mass_family)
    # |y1 - y2|² = 4 on either side.
    assert right[0] == pytest.approx(4.0, abs=1e-9) and left[0] == pytest.approx(-4.0, abs=1e-9)
    # The others have a second derivative: the jump is that times the step, and halves with it.
    left_half, right_half = slopes(mass_family, 0.5 * STEP)
    jump, half = (right - left)[1:], (right_half - left_half)[1:]
    assert np.abs(jump).max() <= 0.1
    np.testing.assert_allclose(half, 0.5 * jump, rtol=1e-2)
    # eps log((½+θ)/(½-θ)), the slope of D, grows by 4 eps.
    assert jump[1] == pytest.approx(4.0 * EPSILON * STEP, rel=1e-3)


@pytest.mark.parametrize("theta", [-0.3, -0.05, 0.0, 0.2, 0.4])
def test_masses_closed_form(theta):
    plain, _, divergence = values(mass_family, theta)
    assert plain == pytest.approx(4.0 * abs(theta), abs=1e-12)
    # R follows P while eps log((½+θ)/(½-θ)) <= 4, and stops there: mass moves from then on.
    most = 0.5 * np.tanh(0.5 * 4.0 / EPSILON)
    at = min(abs(theta), most)
    r = np.array([0.5 + at, 0.5 - at])
    expected = 4.0 * (abs(theta) - at) + EPSILON * float(r @ np.log(2.0 * r))
    assert divergence == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("theta", [-0.3, -0.05, 0.0, 0.2, 0.4])
def test_swap_closed_form_and_no_repair_by_the_divergence(theta):
    plain, entropic, divergence = values(swap_family, theta)
    square = theta**2 + 0.25 + 1.0
    assert plain == pytest.approx(square - 2.0 * abs(theta), abs=1e-12)
    assert entropic == pytest.approx(square - ETA * np.log(np.cosh(2.0 * theta / ETA)), abs=1e-11)
    # By symmetry R = Q is optimal: what is not unique is the plan, which D leaves as it is.
    assert divergence == pytest.approx(plain, abs=1e-9)


def test_swap_slopes():
    left, right = slopes(swap_family)
    jump = right - left
    assert jump[0] == pytest.approx(-4.0, abs=3 * STEP)
    assert jump[2] == pytest.approx(-4.0, abs=3 * STEP)
    # 2 - (4/eta) of second derivative.
    assert jump[1] == pytest.approx((2.0 - 4.0 / ETA) * STEP, abs=1e-4 * STEP)


def test_wrong_input():
    with pytest.raises(ValueError, match="theta"):
        mass_family(0.5)
    with pytest.raises(ValueError, match="eta"):
        entropic_cost(np.ones((2, 2)), np.full(2, 0.5), np.full(2, 0.5), 0.0)
    with pytest.raises(ValueError, match="no plan"):
        transport_cost(np.ones((2, 2)), np.full(2, 0.5), np.full(2, 0.6))
