"""The default: the fastest solver that the data allow, and another one where it fails.

Newton's method where P and Q are smooth and positive; where it fails (a torn map) or cannot be, the
cells of power diagrams for p = 2 on the line and in the plane; the dual of the lattice problem for
everything else; primal-dual last. A solver has failed where mass lies on cells whose map would have
to fold, where a value is not finite, or where its own gap stays open. The next one starts from its
potential if that is worth anything, and where none closes its gap the smallest one counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.solvers.choose import make_solver
from mfgprox.solvers.iterate import Record, Solver, Unsuitable
from mfgprox.tolerance import Status, Tolerance

ORDER = ("newton", "semi-discrete", "back-and-forth", "primal-dual")
"""What is tried, one after the other."""
BELIEVED = {"newton": 1e-4, "semi-discrete": 3e-3, "back-and-forth": 5e-2}
"""Relative gaps up to which a solver that has nothing left to gain is believed: those after it
would not do better on the same grid."""
CLOSED = 1e-4
"""The same for any other solver."""


@dataclass
class AutoState:
    """Who is at work, its state, and what happened so far."""

    choice: int = 0
    inner: Any = None
    notes: list[str] = field(default_factory=list)
    levels: int = 0
    """Grids on which the solvers before have worked."""
    gap: float = math.inf
    """The relative gap of the solver at work on the problem's own grid, inf where unknown."""
    best: int = -1
    """Which of the solvers before came closest, -1 if none came to the problem's own grid."""
    best_inner: Any = None
    best_gap: float = math.inf

    @property
    def name(self) -> str:
        return ORDER[self.choice]


@dataclass(frozen=True)
class Auto:
    """No settings."""

    name: str = "auto"

    def init(self, problem: Problem, start: Solution | None, tolerance: Tolerance) -> AutoState:
        """The state of the first solver that takes the problem.

        Raises Unsuitable with the reason of every solver if none does.
        """
        state = AutoState()
        _begin(problem, state, start, tolerance, [])
        return state

    def step(self, problem: Problem, state: AutoState, tolerance: Tolerance) -> Record:
        """One step of the solver at work, or the change to the next one after its failure."""
        last = state.choice == len(ORDER) - 1
        try:
            record = _solver(state).step(problem, state.inner, tolerance)
        except FloatingPointError:
            if last:
                raise
            record = Record(0, 1)
            reason, keep = "a value was not finite", False
        else:
            record = replace(
                record, level=record.level + state.levels, levels=record.levels + state.levels
            )
            state.gap = _relative_gap(record)
            reason, keep = _failure(record, tolerance, _believed(state))
        if last or not reason:
            return record
        start = _unfinished(problem, state) if keep else None
        failed = f"{state.name} was tried before and failed: {reason}"
        before = replace(state)
        state.choice += 1
        state.levels = record.level + 1
        try:
            _begin(problem, state, start, tolerance, [failed])
        except Unsuitable as error:
            state.choice, state.levels = before.choice, before.levels
            state.notes.append(f"No other solver takes the problem: {error}.")
            return record
        if keep and before.gap < state.best_gap:
            state.best, state.best_inner, state.best_gap = before.choice, before.inner, before.gap
        state.gap = math.inf
        return replace(record, stalled=False, settled=False)

    def finish(
        self,
        problem: Problem,
        state: AutoState,
        status: Status,
        iterations: int,
        history: dict[str, np.ndarray],
    ) -> Solution:
        """The solution of the solver at work, or of the one before that came closer, with a note
        of why it was that one."""
        notes = list(state.notes)
        if not status.converged and state.best_gap < state.gap:
            notes.append(
                f"{state.name} came no closer than {ORDER[state.best]}, whose solution this is."
            )
            state = replace(state, choice=state.best, inner=state.best_inner)
        found = _solver(state).finish(problem, state.inner, status, iterations, history)
        return replace(found, notes=(*notes, *found.notes))


def _solver(state: AutoState) -> Solver:
    return make_solver(state.name)


def _relative_gap(record: Record) -> float:
    """Of the problem's own grid; inf where it is not known."""
    if not record.last_level or not math.isfinite(record.gap) or record.dual == 0.0:
        return math.inf
    return abs(record.gap) / abs(record.dual)


def _begin(
    problem: Problem,
    state: AutoState,
    start: Solution | None,
    tolerance: Tolerance,
    reasons: list[str],
) -> None:
    """Start the next solver that takes the problem. Raises Unsuitable if there is none."""
    refusals = []
    for choice in range(state.choice, len(ORDER)):
        solver = make_solver(ORDER[choice])
        try:
            state.inner = solver.init(problem, start, tolerance)
        except Unsuitable as error:
            refusals.append(f"{ORDER[choice]} does not take {_got(error)}")
            continue
        state.choice = choice
        kind = "smooth and positive" if problem.smooth else "positive, on the line"
        why = "; ".join(reasons + refusals) or f"the data are {kind}"
        state.notes.append(f"Solver chosen automatically: {state.name}; {why}.")
        return
    raise Unsuitable("; ".join(refusals))


def _got(error: Unsuitable) -> str:
    """What of the problem was refused, without the list of what is accepted."""
    return str(error).rpartition("; got ")[2]


def _believed(state: AutoState) -> float:
    """The relative gap with which the solver at work may end; any, if one before came close enough
    for the solver at work: then that one's solution counts."""
    most = BELIEVED.get(state.name, CLOSED)
    return math.inf if state.best_gap <= most else most


def _failure(record: Record, tolerance: Tolerance, believed: float = CLOSED) -> tuple[str, bool]:
    """Why the solver has failed, or an empty text, and whether its potential is a good start."""
    if not record.stalled:
        return "", False
    if not record.settled:
        return "the optimal map is torn, or the grid too coarse for it", False
    allowed = tolerance.atol + max(tolerance.rtol, believed) * abs(record.dual)
    if abs(record.gap) <= allowed or believed == math.inf:
        return "", False
    excess = abs(record.gap) / abs(record.dual) if record.dual else math.inf
    return f"its relative gap stayed at {excess:.1e}", True


def _unfinished(problem: Problem, state: AutoState) -> Solution:
    """What the solver at work has reached, as a start for the next one."""
    return _solver(state).finish(problem, state.inner, Status.STALLED, 0, {})
