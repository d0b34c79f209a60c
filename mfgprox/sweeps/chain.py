"""One chain: each case solved from the result before it, written, and listed, whatever happens.

A case starts from the file of its neighbour, also where that was solved a moment ago: the bits are
those of a chain that went on after a crash.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import mfgprox
from mfgprox import atomic, checkpoint, hdf5
from mfgprox.layout import FORMAT, fill
from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.storage import StorageError, kept_levels, load, require_format
from mfgprox.sweeps.plan import Chain, member
from mfgprox.sweeps.rows import CANNOT_WRITE, Row, failed_row, row_of
from mfgprox.tolerance import Tolerance

if TYPE_CHECKING:
    from mfgprox.solvers.iterate import Progress, Record

BEGUN, REACHED, ENDED = "begun", "reached", "ended"


@dataclass(frozen=True)
class Event:
    """What happens to a case: begun, reached an iterate (record), ended (row; again: it was found
    finished)."""

    kind: str
    epsilon: float
    p: float
    row: Row | None = None
    record: Record | None = None
    found: bool = False


Report = Callable[[Event], None]
_one_at_a_time = threading.Lock()


def run_chain(
    chain: Chain, report: Report = lambda event: None, interrupted: Callable[[], bool] = bool
) -> list[Row]:
    """Solve what is not finished yet; a row for each case. A case that fails is listed.

    The next one then starts from the last that has a result. Raises `iterate.Interrupted` where
    `interrupted` says so; the case at work has then left a checkpoint.
    """
    with _one_at_a_time:  # threads of one process would share the compiled loops' threads
        return _rows(chain, report, interrupted)


def _rows(chain: Chain, report: Report, interrupted: Callable[[], bool]) -> list[Row]:
    from mfgprox.solvers.iterate import Interrupted

    problem: Problem | None = None
    before: list[float] = []
    rows = []
    for epsilon in chain.epsilons:
        if interrupted():
            raise Interrupted
        report(Event(BEGUN, epsilon, chain.p))
        found = False
        try:
            if epsilon in chain.lost:
                raise RuntimeError(chain.lost[epsilon])
            problem = problem or chain.recipe.problem()
            found = _one(chain, problem, epsilon, before, report, interrupted)
            row = row_of(chain.path(epsilon))
            before.append(epsilon)
        except Interrupted:
            raise
        except OSError as error:  # files that cannot be read have exceptions of their own
            reason = error.strerror or str(error)
            where = chain.path(epsilon).name
            row = failed_row(epsilon, chain.p, f"{CANNOT_WRITE} {where}: {reason}")
        except Exception as error:
            row = failed_row(epsilon, chain.p, str(error) or type(error).__name__)
        rows.append(row)
        report(Event(ENDED, epsilon, chain.p, row=row, found=found))
    return rows


def _one(
    chain: Chain,
    problem: Problem,
    epsilon: float,
    before: list[float],
    report: Report,
    interrupted: Callable[[], bool],
) -> bool:
    """Make sure that the result of a case is there; whether it already was."""
    path, case = chain.path(epsilon), member(problem, epsilon, chain.p)
    identity = chain.identity(before)
    if finished(path, case, identity):
        _clear(path)
        return True
    start = None
    if before:
        neighbour = member(problem, before[-1], chain.p)
        start = replace(load(chain.path(before[-1])), problem=neighbour)
    save(_solve(chain, case, start, identity, report, interrupted), path, identity)
    _clear(path)
    return False


def _clear(path: Path) -> None:
    """Remove what a finished case no longer needs, and what killed writers have left."""
    where = checkpoint.path_for(path)
    where.unlink(missing_ok=True)
    for target in (path, where):
        atomic.remove_leftovers(target)


def _solve(
    chain: Chain,
    case: Problem,
    start: Solution | None,
    identity: str,
    report: Report,
    interrupted: Callable[[], bool],
) -> Solution:
    from mfgprox.solvers import solve

    where = checkpoint.path_for(chain.path(case.epsilon))
    most = _tolerance(chain, case).max_iterations
    owner = {"case_text": _text(case) + identity, "solver": chain.solver or "of the case"}

    def reached(record: Record) -> None:
        report(Event(REACHED, case.epsilon, chain.p, record=record))

    def keep(progress: Progress) -> None:
        if progress.iterations < most:  # from the last step on there would be one more
            checkpoint.save(progress, where, **owner)

    return solve(
        case,
        chain.solver,
        tolerance=_tolerance(chain, case),
        static=chain.static,
        start=start,
        progress=_progress(where, owner),
        callback=reached,
        checkpoint=keep,
        checkpoint_seconds=float(os.environ.get("MFGPROX_CHECKPOINT_SECONDS", "60")),
        interrupted=interrupted,
    )


def _tolerance(chain: Chain, case: Problem) -> Tolerance:
    """The one that `solve` takes."""
    if chain.tolerance is not None:
        return chain.tolerance
    return case.case.solver.tolerance() if case.case is not None else Tolerance()


def _progress(where: Path, owner: dict[str, str]) -> Progress | None:
    """Where an interrupted solve of this very case stood; of any other, nothing."""
    try:
        return checkpoint.load(where, **owner) if where.exists() else None
    except checkpoint.CheckpointError:
        return None


def save(solution: Solution, path: Path, identity: str) -> None:
    """Write a result as `storage.save` does, with what it was reached through."""
    case = solution.problem.case
    levels = kept_levels(len(solution.times), case.output.snapshots if case else None)
    momentum = case is not None and case.output.momentum and len(solution.momentum) > 0

    def both(file: hdf5.h5py.File) -> None:
        fill(file, solution, levels, momentum)
        hdf5.write_string(file, "sweep", identity)
        hdf5.write_text(file[hdf5.TEXT], "sweep", identity)

    atomic.write_bytes(path, hdf5.image(both))


def finished(path: Path, case: Problem, identity: str) -> bool:
    """Whether a file holds the result of this case, reached like this, by this version."""
    if not path.exists():
        return False
    try:
        text, version, found = _said(path)
    except StorageError:
        return False
    return (text, version, found) == (_text(case), mfgprox.__version__, identity)


def foreign(path: Path, case: Problem, chain: Chain) -> bool:
    """Whether there is a file that does not hold this case, however it was reached."""
    if not path.exists():
        return False
    try:
        text, _, found = _said(path)
        same_data = bool(text) or json.loads(found or "{}").get("inputs") == chain.recipe.inputs
    except (StorageError, ValueError):
        return True
    return text != _text(case) or not same_data


def _said(path: Path) -> tuple[str, str, str]:
    """Case text, version and identity in a result file, the last empty outside of a sweep."""
    with hdf5.reading(path, StorageError) as file:
        require_format(file, FORMAT, "a result file of mfgprox")
        texts = [hdf5.attribute(file, name, str) for name in ("case", "mfgprox_version")]
        swept = "sweep" in file[hdf5.TEXT].attrs
        return texts[0], texts[1], hdf5.attribute(file, "sweep", str) if swept else ""


def _text(problem: Problem) -> str:
    return hdf5.plain(problem.case.text) if problem.case is not None else ""
