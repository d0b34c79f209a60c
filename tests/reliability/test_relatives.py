"""The same problem told differently: mirrored, stretched, with another epsilon, by the other norm;
and with the gauge E_P[U_0] = D. One identity each; random problems of every kind."""

import re
from pathlib import Path

import numpy as np
import pytest
from agreement import answers, random_problem
from edge_problems import LINE, PLANE, SOLVERS, problem
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from relatives import relatives, unlike

from mfgprox.solvers import solve

pytestmark = pytest.mark.compiled
ROOT = Path(__file__).parents[2]


def test_the_table_of_identities_names_tests_that_exist():
    page = (ROOT / "docs" / "reliability.md").read_text()
    table = page.split("<!-- identities: begin -->")[1].split("<!-- identities: end -->")[0]
    named = re.findall(r"`(tests/\S+\.py)::(\w+)`", table)
    assert len(named) == len(table.strip().splitlines()) - 2
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text(), f"{file}::{test}"


def contradicted(seed, solvers):
    asked = random_problem(seed)
    found = answers(asked, solvers)
    wrong = []
    for relative in relatives(asked):
        answer = answers(relative.problem, ("auto",))["auto"]
        wrong += unlike(found, relative, answer)
    return wrong


@pytest.mark.parametrize("seed", [0, 3])
def test_the_same_problem_told_differently(seed):
    assert not contradicted(seed, ("auto",))


def test_a_wrong_answer_is_noticed():
    """Bounds of another problem contradict those of the relatives."""
    asked, other = random_problem(3), problem()
    found = answers(other, ("auto",))
    assert all(
        unlike(found, relative, answers(relative.problem, ("auto",))["auto"])
        for relative in relatives(asked)
    )


STATIC = ("newton", "semi-discrete", "back-and-forth")
LATTICES = [
    pytest.param(name, marks=pytest.mark.slow) for name in ("primal-dual", "fictitious-play")
]


@pytest.mark.parametrize("solver", [*STATIC, *LATTICES])
def test_both_norms_are_one_at_p_2(solver):
    one, other = (
        solve(problem(grid=PLANE, cost=cost), solver, static=True)
        for cost in ("euclidean", "separable")
    )
    if solver == "fictitious-play":  # its upwind scheme differs, of first order
        assert (
            abs(one.divergence - other.divergence) < one.divergence_error + other.divergence_error
        )
        return
    assert one.divergence == pytest.approx(other.divergence, rel=1e-9)
    assert np.abs(one.R - other.R).max() < 1e-8 * one.R.max()


@pytest.mark.parametrize("solver", [*STATIC, *LATTICES])
@pytest.mark.parametrize("f", ["kl", "pearson"])
def test_the_potential_is_gauged_to_the_value(solver, f):
    """E_P[U_0] = D, to the sum over cells, and to the first order in h = 1/6 of the lattices."""
    found = solve(problem(f_divergence=f), solver)
    mean = LINE.integrate(found.problem.P * found.U[0])
    assert mean == pytest.approx(found.divergence, rel=1e-3 if solver in STATIC else 5e-2)


@pytest.mark.slow
@settings(max_examples=200, phases=[Phase.explicit, Phase.generate], deadline=None)
@given(st.integers(1000, 2**32))
def test_many_problems_told_differently(seed):
    assert not contradicted(seed, SOLVERS)
