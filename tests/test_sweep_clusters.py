"""Sweeps on a real Dask cluster of this machine and through submitit: the bits of a local sweep."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from test_sweep_processes import EPSILONS, OVERRIDES, PS, finished, results, wait_for

import mfgprox
from mfgprox.exits import Exit
from mfgprox.sweeps import sweep

CHAINS_OF = 2
"""Cases of a chain: four chains in all."""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a sweep on this machine writes."""
    directory = tmp_path_factory.mktemp("whole")
    problem = mfgprox.load_case("mixtures_1d", OVERRIDES)
    sweep(problem, EPSILONS, PS, directory=directory, longest=CHAINS_OF).write(None)
    return results(directory)


@contextlib.contextmanager
def started(*words, **options):
    """A process that is gone at the end of the block."""
    environment = os.environ | {"NUMBA_NUM_THREADS": "1", "MFGPROX_CHECKPOINT_SECONDS": "0.2"}
    process = subprocess.Popen([sys.executable, "-m", *words], env=environment, **options)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def cluster(tmp_path, workers):
    """The address of a scheduler and the processes of its workers."""
    pytest.importorskip("distributed")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    said = tmp_path / "scheduler.json"
    local = ["--host", "127.0.0.1", "--no-dashboard"]
    with contextlib.ExitStack() as stack:
        words = ["distributed.cli.dask_scheduler", "--port", "0", "--scheduler-file", str(said)]
        scheduler = stack.enter_context(started(*words, *local, **quiet))
        wait_for(lambda: said.exists() and said.stat().st_size, scheduler)
        address = json.loads(said.read_text())["address"]
        words = ["distributed.cli.dask_worker", address, "--no-nanny", "--nthreads", "1", *local]
        yield address, [stack.enter_context(started(*words, **quiet)) for _ in range(workers)]


def command(directory, *more):
    words = ["mfgprox", "sweep", "mixtures_1d", "-o", str(directory), "--figures", "none"]
    words += ["--epsilon", "0.3,1,4", "--p", "2,3", "--chain", str(CHAINS_OF), *more]
    words += [word for override in OVERRIDES for word in ("--set", override)]
    return started(*words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def test_a_worker_of_dask_that_is_killed_changes_no_bit(tmp_path, whole):
    part = tmp_path / "part"
    with (
        cluster(tmp_path, 3) as (address, workers),
        command(part, "--scheduler", address) as process,
    ):
        # Four chains on three workers: as soon as somebody has saved something, all are at work.
        wait_for(lambda: part.exists() and any(part.iterdir()), process)
        time.sleep(0.5)
        workers[0].send_signal(signal.SIGKILL)
        assert process.wait(240) == Exit.NOT_CONVERGED, process.stderr.read()
        assert all(worker.poll() is None for worker in workers[1:])
    assert results(part) == whole


def test_dask_goes_on_where_a_sweep_was_interrupted(tmp_path, whole):
    part = tmp_path / "part"
    with cluster(tmp_path, 2) as (address, _):
        with command(part, "--scheduler", address) as process:
            wait_for(lambda: part.exists() and len(finished(part)) >= 1, process)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == Exit.INTERRUPTED
            assert "the same command goes on" in process.stderr.read()
        with command(part, "--scheduler", address) as process:
            assert process.wait(240) == Exit.NOT_CONVERGED
    assert results(part) == whole


def test_submitit_without_slurm_gives_the_same_bits(tmp_path, whole):
    pytest.importorskip("submitit")
    part = tmp_path / "part"
    with command(part, "--slurm", "timeout_min=5,partition=short,cpus_per_task=1") as process:
        assert process.wait(240) == Exit.NOT_CONVERGED, process.stderr.read()
    assert {path.name: path.read_bytes() for path in part.iterdir() if path.is_file()} == whole


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--slurm", "nonsense=3"], "--slurm: Unknown argument 'nonsense'"),
        (["--slurm", "partition"], "--slurm: 'partition' must be KEY=VALUE"),
        (["--slurm", "nodes=2"], "--slurm: nodes is not accepted"),
        (["--slurm", "timeout_min=long"], '--slurm: Parameter "timeout_min" expected type'),
        (["--scheduler", "127.0.0.1:1"], "--scheduler: no scheduler answers at '127.0.0.1:1'"),
        (["--scheduler", "http://here"], "--scheduler: 'http://here' must be HOST:PORT"),
        (["--scheduler", "a:1", "--slurm", "time=1"], "--scheduler and --slurm exclude"),
        (["--scheduler", "a:1", "--jobs", "2"], "--jobs and --threads are for this machine"),
    ],
)
def test_wrong_options_are_one_clear_message(tmp_path, option, said):
    pytest.importorskip("distributed")
    pytest.importorskip("submitit")
    with command(tmp_path / "part", *option) as process:
        assert process.wait(60) == Exit.BAD_INPUT
        message = process.stderr.read()
    assert said in message
    assert len(message.strip().splitlines()) == 1
