"""Solvers agree on random problems within their own certificates."""

import warnings

import pytest
from agreement import answers, contradictions, random_problem
from hypothesis import Phase, given, settings
from hypothesis import strategies as st


@pytest.mark.compiled
@pytest.mark.parametrize("seed", range(2))
def test_solvers_agree(seed):
    found = answers(random_problem(seed))
    assert len(found) >= 2
    assert not contradictions(found)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [40164, 40180])
def test_what_the_soak_has_found(seed):
    """Two grids of fictitious play that part from the answer; R of a map that overflows."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not contradictions(answers(random_problem(seed)))


@pytest.mark.slow
@settings(max_examples=200, phases=[Phase.explicit, Phase.generate], deadline=None)
@given(st.integers(1000, 2**32))
def test_solvers_agree_on_many_problems(seed):
    assert not contradictions(answers(random_problem(seed)))
