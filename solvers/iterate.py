"""The only loop: step, record, report, checkpoint, stop and say why.

A solver is frozen settings with three methods; everything that changes during a solve is in its
state, a tree of dataclass fields, dicts, lists, arrays and numbers that a checkpoint can hold.
Fields marked `metadata=TRANSIENT` are derived from the others, never stored, and rebuilt on demand
to the same bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mfgprox.certified import certified
from mfgprox.dynamic import with_path
from mfgprox.problem import Problem
from mfgprox.solution import HISTORY_COLUMNS, Solution
from mfgprox.tolerance import Status, Tolerance

TRANSIENT = {"transient": True}
RESUMABLE = (Status.ITERATION_LIMIT, Status.TIME_LIMIT)
NAN = float("nan")


@dataclass(frozen=True)
class Record:
    """What one step reports; nan for what it did not evaluate.

    level counts nested grids from 0, the coarsest, to levels - 1, the problem's own grid; the
    stopping test looks at records of the last level only, and only where primal and dual are both
    evaluated there, and only once the solver has `settled`: it may have targets of its own that
    are stricter. stalled: the solver cannot improve further.
    """

    level: int
    levels: int
    primal: float = NAN
    dual: float = NAN
    residual: float = NAN
    exploitability: float = NAN
    stalled: bool = False
    settled: bool = True
    iteration: int = 0

    @property
    def gap(self) -> float:
        """nan where one of the values was not evaluated."""
        return self.primal - self.dual

    @property
    def last_level(self) -> bool:
        """Whether it is of the problem's own grid."""
        return self.level == self.levels - 1


class Solver(Protocol):
    """Frozen settings of a method."""

    name: str

    def init(self, problem: Problem, start: Solution | None, tolerance: Tolerance) -> Any:
        """The state before the first step. Raises Unsuitable for a problem that it cannot take."""
        ...

    def step(self, problem: Problem, state: Any, tolerance: Tolerance) -> Record:
        """Advance the state by one iteration, in place.

        Raises FloatingPointError, leaving the last sound state, when a value is not finite.
        """
        ...

    def finish(
        self,
        problem: Problem,
        state: Any,
        status: Status,
        iterations: int,
        history: dict[str, np.ndarray],
    ) -> Solution:
        """The solution that the state holds, whatever the status; bounds are added afterwards.

        Known at times 0 and 1 only and without momentum, from a solver that finds the optimum
        without time; the path between is added afterwards too.
        """
        ...


class Unsuitable(ValueError):
    """A solver cannot take this problem; the message says what it accepts."""


class Interrupted(Exception):
    """The loop was asked to stop; the last checkpoint has been made."""


@dataclass
class Progress:
    """Where a solve stands: the solver's state and the history so far. This is a checkpoint."""

    state: Any
    rows: list[list[float]]

    @property
    def iterations(self) -> int:
        """Steps so far."""
        return len(self.rows)

    def history(self) -> dict[str, np.ndarray]:
        """Column name -> (iterations,) array."""
        table = np.array(self.rows, float).reshape(len(self.rows), len(HISTORY_COLUMNS))
        return {name: table[:, i] for i, name in enumerate(HISTORY_COLUMNS)}


def iterate(
    solver: Solver,
    problem: Problem,
    tolerance: Tolerance,
    *,
    start: Solution | None = None,
    progress: Progress | None = None,
    callback: Callable[[Record], None] | None = None,
    deadline: float = math.inf,
    interrupted: Callable[[], bool] = lambda: False,
    checkpoint: Callable[[Progress], None] | None = None,
    checkpoint_seconds: float = 60.0,
    static: bool = False,
) -> Solution:
    """Run a solver to its end.

    static: leave out the path where the solver finds the optimum without it; rho and U are then
    known at times 0 and 1.

    progress: continue from a checkpoint instead of from `start`. deadline: seconds of the monotonic
    clock at which to stop. interrupted: asked after every step; when true, a last checkpoint is
    made and Interrupted raised. checkpoint(progress) is called every checkpoint_seconds, on
    interruption, and when a limit stops the solve before its tolerance is met.
    """
    if progress is None:
        progress = Progress(solver.init(problem, start, tolerance), [])
    saved_at = time.monotonic()
    status = None
    if progress.iterations >= tolerance.max_iterations:
        # A run that ended between its last checkpoint and its result: one step more is too many.
        status = Status.ITERATION_LIMIT
    while status is None:
        try:
            record = solver.step(problem, progress.state, tolerance)
        except FloatingPointError:
            status = Status.NOT_FINITE
            break
        progress.rows.append([float(getattr(record, name)) for name in HISTORY_COLUMNS])
        if callback is not None:
            callback(_numbered(record, progress.iterations))
        status = _verdict(record, progress, tolerance, deadline)
        stop = status is None and interrupted()
        late = status is None and time.monotonic() - saved_at >= checkpoint_seconds
        # None after the last step: who went on from there would take one step more.
        due = stop or status in RESUMABLE or late
        if checkpoint is not None and due:
            checkpoint(progress)
            saved_at = time.monotonic()
        if stop:
            raise Interrupted
    found = solver.finish(problem, progress.state, status, progress.iterations, progress.history())
    del progress  # its arrays make room for those of the certificate
    if problem.split is not None:
        return found  # its slices have their bounds and paths
    solution = certified(found)
    return solution if static or solution.momentum else with_path(solution)


def _numbered(record: Record, iteration: int) -> Record:
    return Record(**{**record.__dict__, "iteration": iteration})


def _verdict(
    record: Record,
    progress: Progress,
    tolerance: Tolerance,
    deadline: float,
) -> Status | None:
    if record.last_level and record.settled and tolerance.met(record.gap, record.dual):
        return Status.CONVERGED
    if record.stalled and record.last_level:
        return Status.STALLED
    if progress.iterations >= tolerance.max_iterations:
        return Status.ITERATION_LIMIT
    if time.monotonic() >= deadline:
        return Status.TIME_LIMIT
    return None
