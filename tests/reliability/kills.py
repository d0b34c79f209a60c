"""Runs killed at random moments: `python tests/reliability/kills.py --count 100 [NAME …]`.

Each run of RUNS is done once to its end; then again and again, killed with SIGKILL after a random
part of that time. Whatever is left must open, and after `--resume` the directory holds the result
alone, equal to that of the whole run to the last bit. Runs are forks of one process that has done
the run itself, with its kernels loaded, so that most moments lie within the solve; they write a
checkpoint after every step.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ |= {
    "NUMBA_NUM_THREADS": "1",
    "NUMBA_THREADING_LAYER": "workqueue",  # works on in a fork
    "MFGPROX_CHECKPOINT_SECONDS": "0",
}

from numba.np.ufunc import parallel
from runs_of_solvers import FLOWS, RUNS

from mfgprox import checkpoint, load, load_flow
from mfgprox.info import describe
from mfgprox.run import RunOptions, run
from mfgprox.run_flow import run_flow
from mfgprox.solvers import SOLVERS, make_solver

STEPS = 6


def do(method: str, case: tuple[str, ...], folder: Path, resume: bool = False) -> int:
    """The run, in this process; its exit status."""
    os.chdir(folder)
    name, *overrides = case
    if method in FLOWS:
        return run_flow(name, method, 0.05, STEPS, Path("out.h5"), tuple(overrides), True, resume)
    return run(
        RunOptions(name, Path("out.h5"), method, tuple(overrides), False, resume, quiet=True)
    )


def begin(method: str, case: tuple[str, ...], folder: Path, resume: bool = False) -> int:
    """A fork that does the run; its process."""
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        status = do(method, case, folder, resume)
    finally:
        os._exit(int(status))


def finish(method: str, case: tuple[str, ...], folder: Path, resume: bool = False) -> int:
    status = os.waitstatus_to_exitcode(os.waitpid(begin(method, case, folder, resume), 0)[1])
    assert status in (0, 3), f"{method} {case} ended with {status}"
    return status


def opens(path: Path, flow: bool) -> None:
    """Raise where a file that a killed run has left cannot be read."""
    if path.name == "out.checkpoint.h5":
        assert "unfinished" in describe(path)
    elif path.name == "out.h5":
        (load_flow if flow else load)(path)
    elif path.name != ".out.lock":
        assert path.suffix == ".h5" and ".tmp" in path.name, f"a stray {path.name}"


def kill_and_resume(name: str, count: int, seed: int) -> dict[str, int]:
    """How many were killed, and of these left a checkpoint, or had already written the result."""
    method, case = RUNS[name]
    flow = method in FLOWS
    rng = random.Random(f"{name} {seed}")
    seen = {"killed": 0, "checkpoint": 0, "written": 0, "temporary": 0}
    with tempfile.TemporaryDirectory() as folder:
        whole, part = Path(folder, "whole"), Path(folder, "part")
        whole.mkdir()
        with contextlib.redirect_stderr(io.StringIO()):
            do(method, case, whole)  # compiles and loads kernels, which forks find loaded
        # Numba guards its start by a semaphore that all forks share: one that is killed while it
        # holds it would stop the others.
        parallel._backend_init_process_lock = threading.RLock()
        for path in whole.iterdir():
            path.unlink()
        began = time.monotonic()
        expected_status = finish(method, case, whole)
        seconds = time.monotonic() - began
        wanted = (whole / "out.h5").read_bytes()
        while seen["killed"] < count:
            part.mkdir()
            child = begin(method, case, part)
            time.sleep(seconds * rng.uniform(0.02, 1.0))
            os.kill(child, signal.SIGKILL)
            killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
            left = sorted(path.name for path in part.iterdir())
            if killed:
                seen["killed"] += 1
                seen["checkpoint"] += "out.checkpoint.h5" in left
                seen["written"] += "out.h5" in left
                seen["temporary"] += any(".tmp" in found for found in left)
            else:
                seconds *= 0.95
            for found in left:
                opens(part / found, flow)
            assert finish(method, case, part, resume=True) == expected_status, name
            assert (part / "out.h5").read_bytes() == wanted, f"{name}: other bits after --resume"
            stray = sorted(path.name for path in part.iterdir() if path.name != "out.h5")
            if expected_status != 0:  # a limit leaves its checkpoint, to go on from
                stray = [found for found in stray if found != "out.checkpoint.h5"]
            assert not stray, f"{name}: {stray} left over"
            for path in part.iterdir():
                path.unlink()
            part.rmdir()
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(prog="kills.py", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of the runs; default: all")
    parser.add_argument("--count", type=int, default=100, help="kills of each run")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if unknown := set(given.names) - set(RUNS):
        parser.error(f"no such runs: {', '.join(sorted(unknown))}; there are {', '.join(RUNS)}")
    for name in SOLVERS:
        make_solver(name)  # loads its modules before the forks
    assert checkpoint.path_for("out.h5").name == "out.checkpoint.h5"
    print("| run | killed | left a checkpoint | left the result | left a temporary file |")
    print("|---|---|---|---|---|")
    for name in given.names or RUNS:
        seen = kill_and_resume(name, given.count, given.seed)
        print(f"| {name} | {' | '.join(map(str, seen.values()))} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
