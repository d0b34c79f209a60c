"""The same bits for any number of threads and on a second run."""

import os
import subprocess
import sys

import pytest
from runs_of_solvers import FLOWS, RUNS

from mfgprox import load, load_flow

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
