"""The process that runs one method: jobs come as lines of JSON, rows go back the same way.

One process a method, on one core, so that memory and time are its own. What a job prepares is kept
until another problem comes, so that repetitions can alternate between the methods.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from benchmarks.machine import factor
from benchmarks.peers.memory import peak_mb, reset_peak, resident_mb
from benchmarks.peers.peer import Found, Task, peer
from benchmarks.problems import CONTESTS, Reference, certified_reference, reference
from mfgprox.certificate import continuous_bounds
from mfgprox.problem import Problem

LARGEST_JUDGED = 128
"""Cells an axis up to which a potential is put through the c-transform, which takes its time."""
SHORT = 0.1
"""Seconds for which short solves are repeated."""
BELIEVED = 1e-10
"""R below this share of its largest says nothing about the potential."""


@dataclass
class Desk:
    """What a worker keeps between jobs: one problem and what was prepared for it."""

    key: tuple[str, int] | None = None
    problem: Problem | None = None
    reference: Reference | None = None
    prepared: dict[str, Callable[[], Found]] | None = None

    def take(self, job: dict[str, Any]) -> tuple[Task, Reference, dict[str, Callable[[], Found]]]:
        if self.key != (job["problem"], job["n"]):
            self.prepared, self.problem = {}, CONTESTS[job["problem"]].build(job["n"])
            stored = job.get("reference")
            self.reference = reference(
                job["problem"], self.problem.grid, Path(stored) if stored else None
            )
            self.key = (job["problem"], job["n"])
        assert self.problem is not None and self.reference is not None
        assert self.prepared is not None
        exact, grid = self.reference, self.problem.grid
        task = Task(self.problem, lambda R: grid.integrate(np.abs(R - exact.R)), exact.R)
        return task, exact, self.prepared


def run(job: dict[str, Any], desk: Desk) -> dict[str, Any]:
    """Solve once; the errors are evaluated outside the clock, once for each setting."""
    began = time.process_time()
    task, exact, prepared = desk.take(job)
    key = json.dumps([job["peer"], job["setting"]])
    first = key not in prepared
    if first:
        prepared[key] = peer(job["peer"]).prepare(task, **job["setting"])
    reset_peak()
    found, seconds = timed(prepared[key])
    row: dict[str, Any] = {"seconds": seconds, "peak_mb": peak_mb()}
    if first:
        row |= judged(task, exact, found)
    return row | {"spent": time.process_time() - began}


def timed(call: Callable[[], Found]) -> tuple[Found, float]:
    """The fastest of a few calls if they are short: processor seconds."""
    fastest, left = math.inf, SHORT
    while left > 0.0:
        start = time.process_time()
        found = call()
        seconds = time.process_time() - start
        fastest, left = min(fastest, seconds), left - seconds
    return found, fastest


def warmed(job: dict[str, Any]) -> dict[str, Any]:
    """Memory once everything is imported and compiled: small problems solved with each setting."""
    desk = Desk()
    for setting in job["settings"]:
        run({**job, "setting": setting}, desk)
    return {"base_mb": resident_mb()}


def judged(task: Task, exact: Reference, found: Found) -> dict[str, Any]:
    """Relative errors of the values, L1 error of R, and the value that R proves (see docs)."""

    def off(value: float | None) -> float | None:
        return None if value is None else abs(value - exact.value) / abs(exact.value)

    through = None
    grid = task.problem.grid
    if found.R is not None and max(grid.cells) <= LARGEST_JUDGED:
        through = transformed(task.problem, found.R)
    return {
        "value": found.value,
        "value_error": off(found.value),
        "corrected_error": off(found.corrected),
        "transform_error": off(through),
        "R_error": None if found.R is None else task.R_error(found.R),
        "floor": exact.error / abs(exact.value),
        **found.values,
    }


def transformed(problem: Problem, R: np.ndarray) -> float:
    """The dual value of the potential epsilon log(R/Q), with the c-transform over the whole box."""
    trusted = (BELIEVED * R.max() < R) & (problem.Q > 0.0)
    U_1 = np.full(R.shape, -np.inf)
    U_1[trusted] = problem.epsilon * (np.log(R[trusted]) - problem.log_Q[trusted])
    return continuous_bounds(problem, U_1, upper=False).dual_value


def answer(job: dict[str, Any], desk: Desk) -> dict[str, Any]:
    """One row, or what went wrong in one line."""
    try:
        if job["task"] == "factor":
            return factor()
        if job["task"] == "reference":
            certified_reference(CONTESTS[job["problem"]].build(job["n"]), Path(job["reference"]))
            return {}
        if job["task"] == "warm":
            return warmed(job)
        return run(job, desk)
    except ImportError as error:
        return {"failed": f"not installed ({error})", "missing": True}
    except Exception as error:  # a peer may fail in any way; the others go on
        return {"failed": f"{type(error).__name__}: {error}".splitlines()[0][:200]}


def serve(jobs: TextIO, rows: TextIO) -> None:
    desk = Desk()
    for line in jobs:
        rows.write(json.dumps(answer(json.loads(line), desk)) + "\n")
        rows.flush()


if __name__ == "__main__":
    rows = sys.stdout
    sys.stdout = sys.stderr  # what packages print must not mix with the rows
    serve(sys.stdin, rows)
