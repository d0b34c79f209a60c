"""Killed and limited runs go on to the same bits."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
from edge_problems import SOLVERS, problem

from mfgprox.solvers import solve
from mfgprox.tolerance import Tolerance

KILLS = Path(__file__).parent / "kills.py"


@pytest.mark.compiled
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_checkpoint_of_a_limit_gives_the_same_result_at_that_limit(solver):
    """As after a kill between the last checkpoint and the result: no step more."""
    kept = []
    tolerance = Tolerance(rtol=0.0, atol=0.0, max_iterations=2)

    def keep(progress):
        kept.append(copy.deepcopy(progress))

    whole = solve(problem(), solver, tolerance=tolerance, checkpoint=keep)
    assert whole.iterations == 2
    (progress,) = kept
    again = solve(problem(), solver, tolerance=tolerance, progress=progress)
    assert again.iterations == 2
    assert again.status is whole.status
    assert again.rho.tobytes() == whole.rho.tobytes()
    assert again.U.tobytes() == whole.U.tobytes()
    assert again.divergence == whole.divergence


@pytest.mark.slow
def test_runs_killed_at_random_moments():
    """`python tests/reliability/kills.py` does 100 of each."""
    command = [sys.executable, str(KILLS), "--count", "20"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stderr[-2000:]
    for row in done.stdout.splitlines()[2:]:
        assert row.split("|")[2].strip() == "20", row
