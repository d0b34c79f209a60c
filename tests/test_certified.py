"""Which estimate of the value a solution reports, and that it lies within the bounds."""

import math

import pytest

from mfgprox.certificate import Bounds
from mfgprox.certified import best_estimate


def bounds(lower, upper, dual):
    return Bounds(lower, upper, dual, 0.0, "")


@pytest.mark.parametrize(
    ("own", "own_error", "given", "expected"),
    [
        (1.05, 0.2, bounds(0.99, 1.01, 1.0), (1.0, 0.02)),
        (1.005, 0.003, bounds(0.99, 1.01, 1.0), (1.005, 0.003)),
        (1.005, 0.0, bounds(0.99, 1.01, 1.0), (1.005, 0.002)),
        (0.9, 0.001, bounds(0.99, 1.01, 1.0), (1.0, 0.02)),
        (0.9, 0.05, bounds(0.95, math.nan, 0.96), (0.95, 0.05)),
        (1.1, math.inf, bounds(0.95, 1.05, 0.96), (0.96, 0.1)),
    ],
)
def test_the_smaller_error_wins_and_bounds_are_kept(own, own_error, given, expected):
    assert best_estimate(own, own_error, given) == pytest.approx(expected)
