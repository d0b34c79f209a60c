"""Numbers at the edge: an answer with a certificate or a clear status, never NaN, no warning."""

import pytest
from edge_problems import EDGES, SOLVERS, complaints, outcome, problem

from mfgprox.solvers import solve
from mfgprox.tolerance import Status, Tolerance

# Those that once failed, and the ends of the ranges.
QUICK = [
    ("auto", "epsilon 1e-6, 3-D"),
    ("auto", "p 20, 2-D"),
    ("auto", "2 × 2 × 2 cells"),
    ("auto", "single cells, 2-D"),
    ("auto", "600 orders of magnitude"),
    ("newton", "epsilon 1e-06"),
    ("newton", "epsilon 1e+06, 2-D"),
    ("newton", "a box of 8e-9"),
    ("semi-discrete", "neyman, 300 orders"),
    ("semi-discrete", "single cell to Gaussian"),
    ("back-and-forth", "p 64"),
    ("back-and-forth", "p 20, epsilon 1e6"),
    ("primal-dual", "p 1.05"),
    ("primal-dual", "boxes apart, p 1.05"),
    ("primal-dual", "all denormal"),
    ("fictitious-play", "epsilon 1e+06"),
    ("fictitious-play", "denormal cells"),
]


@pytest.mark.compiled
@pytest.mark.parametrize(("solver", "name"), QUICK)
def test_edges_are_answered(solver, name):
    assert outcome(EDGES[name], solver)


@pytest.mark.slow
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", EDGES)
def test_every_edge_is_answered_by_every_solver(solver, name):
    assert outcome(EDGES[name], solver)


@pytest.mark.compiled
@pytest.mark.parametrize("solver", SOLVERS)
def test_limits_of_iterations_are_said(solver):
    """One iteration, and a tolerance that nothing meets."""
    tolerance = Tolerance(rtol=0.0, atol=0.0, max_iterations=1)
    found = solve(problem(), solver, tolerance=tolerance)
    assert not complaints(found, tolerance)
    assert found.status is not Status.CONVERGED or found.gap == 0.0


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 0.0, -1.0])
@pytest.mark.parametrize("key", ["epsilon", "p"])
def test_what_is_no_number_is_refused(key, bad):
    with pytest.raises(ValueError, match=key):
        problem(**{key: bad})
