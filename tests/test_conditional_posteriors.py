"""Transport along the unknown only: posteriors of a Bayesian inverse problem, and the page."""

from pathlib import Path

import numpy as np
import pytest

import mfgprox
from mfgprox import Grid, Problem
from mfgprox.case import parse_case, read_case
from mfgprox.slices import Slices

BAYES = """
title = "reading"
epsilon = 200.0
p = 2.0
[grid]
lower = [-4.5, -1.2]
upper = [4.5, 6.8]
cells = [96, 8]
time_steps = 4
[transport]
axes = ["x"]
[P]
kind = "expression"
formula = "exp(-x**2/2)"
[Q]
kind = "expression"
formula = "exp(-x**2/2 - (y - x**2/2)**2/(2*0.3**2))"
"""


def distance_to_posterior(solution):
    """Total variation to the posterior of every slice, from Bayes' formula."""
    grid = solution.problem.grid
    x, y = grid.centers(0), grid.centers(1)[:, None]
    log_posterior = -0.5 * x**2 - (y - 0.5 * x**2) ** 2 / 0.18
    posterior = np.exp(log_posterior - log_posterior.max(axis=1, keepdims=True))
    posterior /= posterior.sum(axis=1, keepdims=True)
    return [
        0.5 * np.abs(R / R.sum(axis=1, keepdims=True) - posterior).sum(axis=1)
        for R in (solution.R, solution.rho[-1])
    ]


def test_posteriors_of_a_bayesian_inverse_problem():
    found = mfgprox.solve(parse_case(BAYES).problem())
    assert found.converged
    # At eps = 200 the reference is 2e-3 away; the target is 0.05.
    assert max(d.max() for d in distance_to_posterior(found)) < 5e-3
    assert found.dual_value > 0.0 and found.lower_bound > 0.9 * found.divergence


@pytest.mark.slow
def test_posteriors_of_the_shipped_case():
    found = mfgprox.solve(read_case("bayesian_inverse_2d").problem())
    assert found.converged
    assert max(d.max() for d in distance_to_posterior(found)) < 5e-3


def test_newton_takes_back_a_correction_that_leads_astray():
    problem = Problem(
        parse_case(BAYES).problem().densities[0], parse_case(BAYES).problem().densities[1],
        epsilon=200.0, grid=Grid((-4.0, -1.2), (4.0, 6.8), (128, 64), 4), transport_axes=["x"],
    )  # fmt: skip
    found = mfgprox.solve(Slices(problem).slice_problem(17), static=True)
    assert 0.35 < found.dual_value <= found.upper_bound


def test_the_example_of_the_page_runs():
    page = (Path(__file__).parent.parent / "docs" / "conditional.md").read_text(encoding="utf-8")
    names: dict = {}
    exec(page.split("```python\n")[1].split("```")[0], names)
    distance = 0.5 * np.abs(names["flow"] - names["posterior"]).sum(axis=1)
    assert distance.max() == pytest.approx(1e-3, rel=0.5)
