"""The same bits for any number of threads and on a second run; mass and sign at every level."""

import os
import subprocess
import sys

import numpy as np
import pytest
from runs_of_solvers import FLOWS, RUNS

from mfgprox import load, load_case, load_flow
from mfgprox.case import shipped
from mfgprox.solvers import solve
from mfgprox.tolerance import Tolerance

MASS = 1e-13
"""Relative: what reliability of the mass promises."""
STEPS = 3


def written(name: str, threads: int, folder, again: int = 0) -> bytes:
    """The bytes of the result of a run, in a process of its own."""
    method, (case, *overrides) = RUNS[name]
    out = folder / f"{threads}_{again}.h5"
    words = ["flow", case, "--kind", method, "--steps", str(STEPS)]
    if method not in FLOWS:
        words = ["run", case, "--solver", method]
    for override in overrides:
        words += ["--set", override]
    command = [sys.executable, "-m", "mfgprox", *words, "-q", "--threads", str(threads)]
    done = subprocess.run(
        [*command, "-o", str(out)], capture_output=True, text=True, timeout=600, env=os.environ
    )
    assert done.returncode in (0, 3), done.stderr
    found = (load_flow if method in FLOWS else load)(out)
    assert found.rho.min() >= 0.0
    return out.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_the_same_bytes_for_any_threads_and_twice(name, tmp_path):
    """Every solver and flow, 1-D and 2-D; tests/test_cli.py has the quick part."""
    whole = written(name, 1, tmp_path)
    for threads, again in ((1, 1), (2, 0), (4, 0)):
        assert written(name, threads, tmp_path, again) == whole, (threads, again)


QUICK = ("gaussian_1d", "mixtures_1d", "power_cost_1d")
SMALL = {1: (48,), 2: (20, 20), 3: (8, 8, 8)}


def conserved(name: str, overrides: list[str]) -> None:
    problem = load_case(name, overrides)
    found = solve(problem, tolerance=Tolerance(rtol=1e-3))
    levels = found.rho.reshape(len(found.rho), -1)
    masses = levels.sum(axis=1) * problem.grid.cell_volume
    assert levels.min() >= 0.0
    assert np.abs(masses - 1.0).max() <= MASS
    assert found.mass_error <= MASS
    assert found.R.min() >= 0.0
    assert abs(problem.grid.integrate(found.R) - 1.0) <= 1e-9


def smaller(name: str) -> list[str]:
    cells = SMALL[load_case(name).grid.dimension]
    return [f"grid.cells={list(cells)}", "grid.time_steps=4"]


@pytest.mark.compiled
@pytest.mark.parametrize("name", QUICK)
def test_mass_and_sign_of_small_cases(name):
    conserved(name, smaller(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped.names())
def test_mass_and_sign_at_every_level_of_every_shipped_case(name):
    conserved(name, [])
