"""Where a map folds everywhere, newton has no density that would bound the value from above."""

import math

import pytest

from mfgprox import load_case
from mfgprox.solvers import solve
from mfgprox.tolerance import Status


@pytest.mark.compiled
def test_the_upper_value_is_infinite_and_the_bounds_are_not():
    """Three cells along the axis of transport, for an epsilon of hundreds."""
    problem = load_case("bayesian_inverse_2d", ["grid.cells=[3,3]", "grid.time_steps=2"])
    found = solve(problem, "newton")
    assert found.status is Status.STALLED
    assert found.certificate.primal_value == math.inf
    assert found.lower_bound <= found.divergence <= found.upper_bound < math.inf
