"""The recomputed certificate: what solvers report is confirmed, exact answers are not crossed."""

import ast
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

import mfgprox
from mfgprox.audit import recompute_certificate
from mfgprox.density import Gaussian
from mfgprox.exact import exact_answer
from mfgprox.recheck import recheck, recomputed
from mfgprox.slices import Slices

CASES = [
    (case, solver, cells)
    for case, cells in (("gaussian_1d", (128,)), ("gaussian_2d", (32, 32)))
    for solver in ("primal-dual", "fictitious-play", "newton")
]
CASES += [("mixture_1d", "primal-dual", (128,)), ("four_bumps_2d", "fictitious-play", (32, 32))]
CASES += [("ring_2d", "primal-dual", (32, 32)), ("power_cost_1d", "fictitious-play", (128,))]


@lru_cache
def solved(case, solver, cells):
    problem = mfgprox.load_case(case)
    return mfgprox.solve(problem.on(problem.grid.with_cells(cells, 16)), solver)


@pytest.mark.compiled
@pytest.mark.parametrize(("case", "solver", "cells"), CASES)
def test_solvers_are_confirmed_and_exact_answers_not_crossed(case, solver, cells):
    solution = solved(case, solver, cells)
    exact = exact_answer(solution.problem)
    found = recomputed(solution)
    smooth = all(sampled.smooth for sampled in solution.problem.samples)
    assert found.contradictions(solution.lower_bound, solution.upper_bound, smooth) == []
    assert abs(found.mass_P - 1.0) < 1e-12
    assert found.mass_rho < 1e-12
    assert found.least_rho >= 0.0
    assert found.continuity < 1e-12
    assert found.start < 1e-12
    # The path belongs to P constant within each cell; the first order of that is `within_cells`,
    # the next is (h / width)² smaller: a quarter on these coarse grids.
    slack = exact.error + found.sums + 1.25 * found.within_cells
    assert found.proven_minimum <= found.lower_bound + 1e-12
    assert found.lower_bound <= exact.divergence + exact.error + found.sums
    assert found.upper_bound >= exact.divergence - slack
    assert found.lower_bound <= found.lattice_dual
    # Through the front of a hard edge mass passes cells that hold next to none: dear, not wrong.
    loose = 5.0 if case == "ring_2d" else 1.35
    assert found.upper_bound < loose * exact.divergence
    assert found.lattice_primal < 1.35 * exact.divergence


@pytest.mark.compiled
@pytest.mark.parametrize("cells", [(128,), (32, 32)])
def test_lower_bound_agrees_with_the_certificate(cells):
    solution = solved(f"gaussian_{len(cells)}d", "newton", cells)
    found = recomputed(solution)
    assert abs(found.lower_bound - solution.lower_bound) < 1e-4 * solution.divergence
    # Quintic splines of the same potential on both sides.
    assert abs(found.lower_bound - solution.dual_value) < 1e-6 * solution.divergence


@pytest.mark.parametrize("epsilon", [0.05, 10.0])
def test_bounds_of_a_shifted_uniform_flow(epsilon):
    """Uniform P on the left moved by whole cells at constant speed: rho, m and its cost by hand."""
    grid = mfgprox.Grid((0.0,), (4.0,), (64,), 32)
    P = np.zeros(64)
    P[8:16] = 2.0
    rho = np.array([np.roll(P, k) for k in range(33)])
    momentum = np.zeros((32, 65))
    for k in range(32):
        change = np.diff(rho[k : k + 2], axis=0)[0] * grid.spacing[0] * 32
        momentum[k, 1:] = -np.cumsum(change)
    momentum[:, -1] = 0.0
    Q = np.full(64, 0.25)
    found = recompute_certificate(
        grid, P, Q, np.zeros(64), rho, (momentum,), epsilon=epsilon, p=2.0
    )
    assert found.continuity < 1e-13
    assert abs(found.lattice_information - np.log(8.0)) < 1e-12
    # Two units of length; a front that enters empty cells costs half a cell more in every step.
    assert 4.0 <= found.lattice_action < 5.0
    assert np.isfinite(found.upper_bound)
    assert found.upper_bound >= 4.0 + epsilon * np.log(8.0)


def test_wrong_bounds_are_contradicted():
    solution = _small()
    found = recomputed(solution)
    exact = exact_answer(solution.problem).divergence
    assert found.contradictions(exact - 1e-3, exact + 1e-3, smooth=True) == []
    assert len(found.contradictions(exact + 1e-3, exact - 1e-3, smooth=True)) == 2
    assert len(found.contradictions(np.nan, 0.9 * exact)) == 1
    assert len(found.contradictions(2.0 * exact, np.nan)) == 1
    assert found.contradictions(np.nan, np.nan) == []


def test_a_file_is_rechecked(tmp_path):
    solution = _small()
    text, contradictions = recheck(solution.save(tmp_path / "whole.h5", momentum=True))
    assert contradictions == []
    assert "upper_bound" in text
    # From three of the nine levels and the momentum, the others follow.
    few, _ = recheck(solution.save(tmp_path / "few.h5", momentum=True, snapshots=3))
    assert few.splitlines()[-6:-4] == text.splitlines()[-6:-4]
    without, _ = recheck(solution.save(tmp_path / "without.h5"))
    assert "no momentum" in without
    elsewhere = replace(solution, divergence=solution.upper_bound + 1.0)
    assert "outside" in recheck(elsewhere.save(tmp_path / "elsewhere.h5"))[1][0]


@pytest.mark.parametrize("f", ["kl", "hellinger", "jensen-shannon"])
def test_a_file_of_slices_is_rechecked(f, tmp_path):
    # The dual value of the whole against sums over slices, each with a divergence of its own.
    grid = mfgprox.Grid((-3.0, -3.0), (3.0, 3.0), (48, 4), 2)
    P = Gaussian([-0.5, 0.0], std=[0.5, 0.8])
    Q = Gaussian([0.4, 0.2], cov=[[0.4, 0.1], [0.1, 0.8]])
    problem = mfgprox.Problem(P, Q, epsilon=1.0, grid=grid, f_divergence=f, transport_axes=["x"])
    solution = mfgprox.solve(problem, "back-and-forth")
    found, slices = recomputed(solution), Slices(problem)
    total = problem.epsilon * slices.marginal_divergence
    for k, U in enumerate(slices.split.slices(solution.U[-1])):
        part = slices.slice_problem(k)
        alone = recompute_certificate(
            part.grid, part.P, part.Q, -U, epsilon=part.epsilon, f_divergence=part.divergence.name
        )
        total += slices.weight[k] * alone.lattice_dual
    # Both are the dual value of the same lattice problem; constants of slices differ by the gap.
    assert found.lattice_dual == pytest.approx(total, rel=1e-5)
    assert recheck(solution.save(tmp_path / "slices.h5", momentum=True))[1] == []
    high = replace(solution, certificate=replace(solution.certificate, lower_bound=1e3))
    assert recheck(high.save(tmp_path / "high.h5"))[1]


def test_a_file_of_a_regularised_divergence_is_rechecked(tmp_path):
    grid = mfgprox.Grid((-2.0,), (2.0,), (48,), 2)
    x = grid.centers(0)
    P, Q = np.exp(-0.5 * (x + 0.6) ** 2 / 0.1), np.where(abs(x - 0.7) < 0.2, 1.0, 0.0)
    problem = mfgprox.Problem(P, Q, epsilon=0.5, grid=grid, f_divergence="lipschitz(kl, 1.0)")
    solution = mfgprox.solve(problem, "auto")
    assert recomputed(solution).lower_bound == pytest.approx(solution.divergence, rel=0.05)
    assert recheck(solution.save(tmp_path / "fine.h5"))[1] == []
    steep = replace(solution, U=1.1 * solution.U)
    assert "slope" in recheck(steep.save(tmp_path / "steep.h5"))[1][0]


@lru_cache
def _small():
    problem = mfgprox.load_case("gaussian_1d")
    return mfgprox.solve(problem.on(problem.grid.with_cells((64,), 8)), "newton")


def test_shapes_and_options_are_checked():
    grid = mfgprox.Grid((0.0,), (1.0,), (8,), 2)
    P = np.ones(8)
    for bad in (
        {"P": np.ones(7)},
        {"Q": -P},
        {"psi": np.ones((8, 1))},
        {"psi": np.full(8, -np.inf)},
        {"cost": "taxi"},
        {"p": 1.0},
        {"rho": np.ones((3, 7)), "momentum": (np.zeros((2, 9)),)},
        {"rho": np.ones((3, 8)), "momentum": (np.zeros((2, 8)),)},
        {"rho": np.ones((3, 8)), "momentum": (np.ones((2, 9)),)},
    ):
        arguments = {"P": P, "Q": P, "psi": 0.0 * P, "epsilon": 1.0} | bad
        with pytest.raises(ValueError, match=r"shape|must|finite"):
            recompute_certificate(grid, **arguments)


def test_nothing_of_the_solvers_is_imported():
    folder = Path(mfgprox.__file__).parent / "audit"
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom):
                names = [node.module]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                if name.startswith("mfgprox"):
                    assert name.startswith("mfgprox.audit"), f"{path.name} imports {name}"
                else:
                    assert not name.startswith("numba")
