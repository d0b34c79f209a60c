"""The lattice problem on the line solved directly, against references and the way with blur."""

import numpy as np
import pytest

import mfgprox.solvers.back_and_forth.solver as back_and_forth
from mfgprox.density import Gaussian, Mixture, Uniform
from mfgprox.exact import exact_answer
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers import solve
from mfgprox.solvers.back_and_forth import BackAndForth
from mfgprox.solvers.back_and_forth.lattice import Lattice
from mfgprox.solvers.back_and_forth.line import Line
from mfgprox.solvers.back_and_forth.line_levels import direct

pytestmark = pytest.mark.compiled

BOX = Uniform([-2.0], [1.0])
BOXES = Mixture([0.5, 0.5], [Uniform([-1.0], [0.2]), Uniform([1.0], [3.0])])
BELL = Gaussian([0.4], std=[0.6])


def problem(P, Q, p, epsilon, f="kl", cells=1024):
    grid = Grid((-5.0,), (5.0,), (cells,), 8)
    return Problem(P, Q, epsilon=epsilon, grid=grid, p=p, f_divergence=f)


@pytest.mark.parametrize(
    ("P", "Q", "p", "epsilon", "f"),
    [
        (BOX, BOXES, 1.7, 0.5, "kl"),
        (BOX, BOXES, 4.0, 1.0, "kl"),
        (BOXES, BOX, 2.5, 1.0, "kl"),
        (BELL, BOXES, 3.3, 20.0, "kl"),
        (BOXES, BELL, 3.0, 0.3, "hellinger"),
        (BELL, BOX, 3.3, 1.7, "jensen-shannon"),
    ],
)
def test_value_of_the_reference(P, Q, p, epsilon, f):
    here = problem(P, Q, p, epsilon, f)
    found = direct(here, BackAndForth().grids(here.grid))
    primal, dual = found.plan.certificate(found.lattice)
    assert -1e-12 <= primal - dual <= 1e-4 * dual
    solution = solve(here, solver="back-and-forth", static=True)
    assert solution.converged and solution.iterations == 1
    reference = exact_answer(here)
    if reference is not None:
        assert abs(solution.divergence / reference.divergence - 1.0) < 1e-4


def test_the_way_with_blur_finds_the_same(monkeypatch):
    here = problem(BOX, BOXES, 1.8, 1.0, "pearson", 512)
    one = solve(here, solver="back-and-forth", static=True)
    monkeypatch.setattr(back_and_forth, "direct", lambda problem, grids: None)
    other = solve(here, solver="back-and-forth", static=True)
    assert one.iterations < other.iterations
    assert abs(one.divergence / other.divergence - 1.0) < 1e-4
    # A potential of one problem cannot be worth more than a plan of it.
    assert one.certificate.dual_value <= one.certificate.primal_value
    assert one.gap <= max(other.gap, 1e-4 * one.divergence)


@pytest.mark.parametrize("f", ["kl", "hellinger", "pearson"])
def test_newtons_step_is_that_of_the_residual(f):
    lattice = Lattice(problem(BELL, Mixture([0.7, 0.3], [BELL, BOX]), 2.6, 0.5, f, 64))
    line = Line(lattice, 0.0, 1e-12)
    at = line.at(0.1 * np.sin(line.y))
    step, change = line.direction(at)
    small = 1e-6 / np.abs(step).max()
    new = line.at(at.u + small * step)
    moved = (new.residual - at.residual) / small
    mass = np.exp(at.log_side) > 1e-6
    assert np.allclose(moved[mass], -at.residual[mass], rtol=2e-2, atol=1e-3)
    assert (at.residual * change).sum() > 0.0
