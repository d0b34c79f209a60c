"""Mass and sign at every time level of what shipped cases write."""

import pytest
from shipped_cases import KINDS, MASS, Found, written

from mfgprox import load_case
from mfgprox.case import shipped

QUICK = ("gaussian_1d", "mixtures_1d", "power_cost_1d")
SMALL = ("grid.cells=[48]", "grid.time_steps=4")


@pytest.mark.compiled
@pytest.mark.parametrize("name", QUICK)
def test_small_cases(name):
    found = written(name, "run", SMALL)
    assert found.levels == 5
    assert found.mass_error <= MASS
    assert found.least >= 0.0


@pytest.mark.compiled
def test_a_small_flow():
    found = written("mixtures_1d", "jko", SMALL)
    assert found.levels == 3
    assert found.sound


def test_what_is_not_sound():
    assert not Found(3, 2e-13, 0.0, 0).sound
    assert not Found(3, 0.0, -1e-300, 0).sound


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", shipped.names())
def test_shipped_cases_at_their_size(name, kind):
    """As the command has it; flows where the case allows them."""
    found = written(name, kind)
    if found.refused:
        problem = load_case(name)
        plain = problem.p == 2.0 and problem.split is None and problem.divergence.name == "kl"
        assert not plain, found.refused
    else:
        assert found.sound
