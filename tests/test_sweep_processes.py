"""A sweep whose processes are stopped or killed: it goes on to the same bits, and says how."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import mfgprox
from mfgprox.exits import Exit
from mfgprox.sweeps import sweep

# A solver of many iterations, which are not enough: time to be killed in.
OVERRIDES = [
    "grid.time_steps=8", "solver.method=primal-dual", "solver.rtol=1e-10",
    "solver.max_iterations=150",
]  # fmt: skip
EPSILONS, PS = [0.3, 1.0, 4.0], [2.0, 3.0]


def results(directory):
    return {p.name: p.read_bytes() for p in Path(directory).iterdir()}


@contextlib.contextmanager
def command(directory, *more):
    words = [sys.executable, "-m", "mfgprox", "sweep", "mixtures_1d", "-o", str(directory)]
    words += ["--epsilon", "0.3,1,4", "--p", "2,3", "--figures", "none", *more]
    words += [word for override in OVERRIDES for word in ("--set", override)]
    environment = os.environ | {"MFGPROX_CHECKPOINT_SECONDS": "0.2"}
    process = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(happened, process):
    until = time.monotonic() + 120.0
    while not happened():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < until
        time.sleep(0.02)


def finished(directory):
    return [p for p in Path(directory).glob("p*.h5") if "checkpoint" not in p.name]


def children(process):
    """Processes of a sweep that solve: those that multiprocessing has spawned."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [n for n in map(int, listed) if b"spawn_main" in Path(f"/proc/{n}/cmdline").read_bytes()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a sweep that nobody stops writes."""
    directory = tmp_path_factory.mktemp("whole")
    problem = mfgprox.load_case("mixtures_1d", OVERRIDES)
    sweep(problem, EPSILONS, PS, directory=directory).write(None)
    return results(directory)


CASES = [
    pytest.param(number, jobs, marks=[] if number == signal.SIGKILL and jobs == 2 else slow)
    for slow in [pytest.mark.slow]
    for number in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
    for jobs in (1, 2)
]


@pytest.mark.parametrize(("number", "jobs"), CASES)
def test_a_sweep_that_is_stopped_goes_on_to_the_same_bits(tmp_path, whole, number, jobs):
    part = tmp_path / "part"
    with command(part, "--jobs", str(jobs)) as process:
        wait_for(lambda: len(finished(part)) >= 2, process)
        spawned = children(process)
        process.send_signal(number)
        status = {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 143}[number]
        assert process.wait(60) == status
        if number != signal.SIGKILL:
            assert "cases are finished" in process.stderr.read()
    until = time.monotonic() + 20.0
    while any(Path(f"/proc/{child}/exe").exists() for child in spawned):
        assert time.monotonic() < until, "a process of the sweep outlives it"
        time.sleep(0.05)
    events = []
    problem = mfgprox.load_case("mixtures_1d", OVERRIDES)
    sweep(problem, EPSILONS, PS, directory=part, callback=events.append).write(None)
    assert 2 <= sum(event.found for event in events) < 6
    assert results(part) == whole


@pytest.mark.slow
def test_a_process_that_is_killed_is_replaced(tmp_path, whole):
    part = tmp_path / "part"
    with command(part, "--jobs", "2") as process:
        wait_for(lambda: len(children(process)) == 2 and finished(part), process)
        os.kill(children(process)[0], signal.SIGKILL)
        assert process.wait(120) == Exit.NOT_CONVERGED
    assert results(part) == whole


@pytest.mark.slow
def test_a_case_at_which_processes_keep_dying_is_listed(tmp_path):
    part, killed = tmp_path / "part", set()
    with command(part, "--jobs", "2") as process:
        while process.poll() is None:
            # Whoever works at the second case of p = 3, as its checkpoint shows.
            if (part / "p3_epsilon1.checkpoint.h5").exists():
                (part / "p3_epsilon1.checkpoint.h5").unlink()
                wait_for(lambda: len(children(process)) == 2 or process.poll() is not None, process)
                for child in children(process):
                    killed.add(child)
                    os.kill(child, signal.SIGKILL)
            time.sleep(0.02)
        said = process.stderr.read()
    assert killed
    assert process.returncode == Exit.VALIDATION_FAILED, said
    assert "its process died 2 times, last by signal SIGKILL" in said
    assert len(finished(part)) >= 4
