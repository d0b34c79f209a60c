"""A worker seen from outside: on one core, with one thread, stopped when it takes too long."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from typing import Any

ONE_THREAD = {
    **dict.fromkeys(
        (
            "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "MKL_NUM_THREADS",
            "NUMBA_NUM_THREADS",
            "VECLIB_MAXIMUM_THREADS",
        ),
        "1",
    ),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
    "PYKEOPS_VERBOSE": "0",
}


class Worker:
    """One method in a process of its own; restarted after a job that ran out of time or crashed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._process: subprocess.Popen[str] | None = None

    def ask(self, job: dict[str, Any], limit: float) -> dict[str, Any]:
        """The row for a job, or {"failed": why}; limit: wall seconds."""
        if self._process is None or self._process.poll() is not None:
            self._process = _started()
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        assert pipe_in is not None and pipe_out is not None
        pipe_in.write(json.dumps({"task": "solve", "peer": self.name, **job}) + "\n")
        pipe_in.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(pipe_out, selectors.EVENT_READ)
            ready = selector.select(limit)
        if not ready:
            self.close()
            return {"failed": f"more than {limit:.0f} s", "slow": True}
        line = pipe_out.readline()
        if not line:
            code = self._process.wait()
            self.close()
            return {"failed": f"the process ended with status {code}"}
        row: dict[str, Any] = json.loads(line)
        return row

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _started() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.peers.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **ONE_THREAD},
        preexec_fn=_on_one_core,
    )


def _on_one_core() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
