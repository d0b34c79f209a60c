"""Chains elsewhere: on a Dask cluster, or as jobs of Slurm.

The directory of the sweep must be seen by all machines under the same path: results are written
there by whoever solves them, and found there by whoever comes next. A chain whose worker dies is
given to another one.
"""

from __future__ import annotations

import os
import shlex
import time
import uuid
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mfgprox.sweeps.chain import Report, run_chain
from mfgprox.sweeps.follow import Task, first_line, follow
from mfgprox.sweeps.plan import Chain
from mfgprox.sweeps.rows import Row
from mfgprox.sweeps.values import SweepError

ASK_SECONDS = 2.0
"""How often a chain on a cluster asks whether it is still wanted."""
CONNECT_SECONDS = 10
SCHEMES = ("tcp", "tls", "ws", "wss", "ucx")
OF_SUBMITIT = ("timeout_min", "mem_gb", "cpus_per_task", "gpus_per_node")
"""Options that submitit knows for every executor; others are those of Slurm."""


def run_on_dask(
    chains: Sequence[Chain], address: str, report: Report, interrupted: Callable[[], bool] = bool
) -> None:
    """Solve the chains on the cluster whose scheduler has this address, tcp://host:port.

    Raises SweepError where there is none, `iterate.Interrupted` where `interrupted` says so.
    """
    try:
        from distributed import Client
        from distributed import Event as Signal
    except ImportError:
        raise SweepError(_missing("--scheduler", "distributed")) from None
    scheme, given, _ = address.partition("://")
    if given and scheme not in SCHEMES:
        raise SweepError(
            f"--scheduler: {address!r} must be HOST:PORT, or begin with one of "
            f"{', '.join(f'{scheme}://' for scheme in SCHEMES)}"
        )
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise SweepError(
            f"--scheduler: no scheduler answers at {address!r} ({first_line(error)}); give the "
            "address that it printed, as in tcp://127.0.0.1:8786"
        ) from error
    token = f"mfgprox-sweep-{uuid.uuid4().hex}"
    with client:
        no_longer = Signal(token, client=client)

        def submit(chain: Chain) -> Task:
            return client.submit(
                run_on_worker, chain, token, pure=False, key=f"{token}-{uuid.uuid4().hex}"
            )

        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
                follow(chains, submit, report, interrupted, len(chains))
        except BaseException:
            no_longer.set()
            raise


def run_on_worker(chain: Chain, token: str) -> list[Row]:
    """A chain on a worker of Dask, until the sweep says that it is no longer wanted."""
    from distributed import Event as Signal
    from distributed import get_client

    no_longer, asked = Signal(token, client=get_client()), [time.monotonic(), 0.0]

    def interrupted() -> bool:
        if not asked[1] and time.monotonic() - asked[0] >= ASK_SECONDS:
            asked[:] = [time.monotonic(), float(no_longer.is_set())]
        return bool(asked[1])

    return _elsewhere(chain, interrupted)


def run_on_slurm(
    chains: Sequence[Chain],
    options: str,
    directory: Path,
    jobs: int | None,
    report: Report,
    interrupted: Callable[[], bool] = bool,
) -> None:
    """Solve the chains as jobs of Slurm, or, where there is none, of submitit's local executor.

    options: "partition=short,timeout_min=60,mem_gb=8,cpus_per_task=4". At most `jobs` are submitted
    at a time; None: all to Slurm, one for each core elsewhere. Raises SweepError for an option that
    is not known, `iterate.Interrupted` where `interrupted` says so; jobs are then cancelled.
    """
    try:
        import submitit
    except ImportError:
        raise SweepError(_missing("--slurm", "submitit")) from None
    executor = submitit.AutoExecutor(folder=directory / "jobs")
    wanted = _options(options)
    try:
        executor.update_parameters(name="mfgprox", **wanted)
    except (AssertionError, NameError, TypeError, ValueError) as error:
        raise SweepError(f"--slurm: {first_line(error)}") from error
    threads = wanted.get("cpus_per_task")

    def submit(chain: Chain) -> Task:
        return executor.submit(run_as_job, chain, threads)

    if jobs is None:
        jobs = len(chains) if executor.cluster == "slurm" else len(os.sched_getaffinity(0))
    follow(chains, submit, report, interrupted, jobs)


def run_as_job(chain: Chain, threads: int | None) -> list[Row]:
    """A chain as a job; Numba reads the number of threads when it is imported, which is later."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    if threads is not None:
        os.environ["NUMBA_NUM_THREADS"] = str(threads)
    return _elsewhere(chain, bool)


def _elsewhere(chain: Chain, interrupted: Callable[[], bool]) -> list[Row]:
    if not chain.directory.is_dir():
        raise FileNotFoundError(f"this machine does not see {chain.directory}")
    return run_chain(chain, interrupted=interrupted)


def _options(text: str) -> dict[str, Any]:
    """KEY=VALUE, separated by commas, as submitit takes them: its own, or Slurm's by their name."""
    found: dict[str, Any] = {}
    words = shlex.shlex(text, posix=True, punctuation_chars=False)
    words.whitespace, words.whitespace_split, words.commenters = ",", True, ""
    try:
        pairs = [word.strip().partition("=") for word in words]
    except ValueError as error:
        raise SweepError(f"--slurm: {first_line(error)}") from error
    for key, equals, value in pairs:
        if not (equals and key.replace("_", "").isalnum() and value):
            raise SweepError(
                f"--slurm: {(key + equals + value)[:60]!r} must be KEY=VALUE, several separated by "
                "commas, as in partition=short,timeout_min=60"
            )
        if key in ("nodes", "tasks_per_node"):
            raise SweepError(f"--slurm: {key} is not accepted; a chain is one process")
        found[key if key in OF_SUBMITIT else f"slurm_{key}"] = _value(value)
    return found


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _missing(option: str, package: str) -> str:
    return f"{option} needs the package {package}: pip install 'mfgprox[cluster]'"
