"""The `run` command: case → problem → solver → solution → file, with everything a run may meet."""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfgprox.exits import BadInput, Exit, say
from mfgprox.interruption import Interruption
from mfgprox.outputs import claiming, default_output, refuse_other_case, require_writable, writing

if TYPE_CHECKING:
    from mfgprox.case import Case
    from mfgprox.solution import Solution
    from mfgprox.solvers.iterate import Progress


@dataclass(frozen=True)
class RunOptions:
    """What the command line of `run` says."""

    case: str
    output: Path | None = None
    solver: str | None = None
    overrides: tuple[str, ...] = ()
    static: bool = False
    resume: bool = False
    start: str | None = None
    max_time: float | None = None
    dry_run: bool = False
    force: bool = False
    quiet: bool = False


def run(options: RunOptions) -> Exit:
    """Solve a case and write its result. Raises what `exits.guarded` turns into messages."""
    from mfgprox import checkpoint

    with Interruption() as interruption:
        began = time.monotonic()
        if options.max_time is not None and not options.max_time > 0.0:
            raise BadInput(
                f"--max-time must be a number of seconds above 0; got {options.max_time}"
            )
        case = changed_case(options.case, options.overrides, options.solver, options.static)
        output = options.output or default_output(case, ".h5")
        if options.dry_run:
            print(dry_run(case, output))
            return Exit.OK
        require_writable(output)
        if not (options.resume and checkpoint.path_for(output).exists()):
            refuse_other_case(output, case, options.force)
        with claiming(output):
            solution = _solve(case, output, options, interruption, began)
            _write(solution, output)
        if not options.quiet:
            from mfgprox.summary import summary

            print(summary(solution, output, time.monotonic() - began))
        if not solution.converged:
            say(f"{solution.status.value}; the result in {output} is marked as not converged")
            return Exit.NOT_CONVERGED
        return Exit.OK


def changed_case(
    name: str, overrides: tuple[str, ...], solver: str | None = None, static: bool = False
) -> Case:
    """The case with what the command line asks for instead. Raises CaseError."""
    from mfgprox.case import read_case

    asked = list(overrides)
    if solver is not None:
        asked.append(f"solver.method={solver}")
    if static:
        asked.append("output.path=false")
    return read_case(name, asked)


def dry_run(case: Case, output: Path) -> str:
    """All settings, and estimates of memory and time."""
    from mfgprox.case import estimate_memory
    from mfgprox.estimate import estimate_seconds

    problem = case.problem()
    table = case.settings_table()
    width = max(len(key) for key, _, _ in table)
    settings = [
        f"{key:<{width}} = {value}" + ("" if given else "   (default)")
        for key, value, given in table
    ]
    return "\n".join(
        [
            *settings,
            f"memory: about {estimate_memory(case, problem) / 2**20:.0f} MiB",
            f"time: about {estimate_seconds(case):.0f} s once the kernels are compiled",
            f"would write {output}",
        ]
    )


def _solve(
    case: Case, output: Path, options: RunOptions, interruption: Interruption, began: float
) -> Solution:
    from mfgprox import checkpoint
    from mfgprox.progress import reporter

    problem = case.problem()
    owner = {"case_text": identity(case), "solver": case.solver.method}
    where = checkpoint.path_for(output)
    progress = resumed(where, owner, options.resume)
    start = _start(options.start, case) if options.start is not None else None
    announce_compilation(options.quiet)
    from mfgprox.solvers import solve
    from mfgprox.solvers.iterate import Interrupted, Unsuitable

    def save(reached: Progress) -> None:
        with writing(where):
            checkpoint.save(reached, where, **owner)

    interruption.deferred = True
    try:
        with reporter(options.quiet, case.solver.tolerance().rtol) as report:
            return solve(
                problem,
                start=start,
                progress=progress,
                callback=report,
                checkpoint=save,
                checkpoint_seconds=float(os.environ.get("MFGPROX_CHECKPOINT_SECONDS", "60")),
                interrupted=interruption,
                deadline=began + options.max_time if options.max_time else math.inf,
            )
    except Unsuitable as error:
        raise case.error("solver.method", str(error)) from error
    except Interrupted:
        saved = f"saved in {where}; continue with --resume"
        raise interruption.stopped(saved if where.exists() else "nothing is saved yet") from None


def identity(case: Case) -> str:
    """What a checkpoint must agree with: all that changes the iterates, input files included."""
    settings = case.settings.model_dump(mode="json", exclude={"title", "output"})
    del settings["solver"]["max_iterations"]
    return json.dumps([settings, case.inputs()], sort_keys=True)


def resumed(where: Path, owner: dict[str, Any], resume: bool) -> Progress | None:
    """The progress in a checkpoint, if it is to be continued. Raises BadInput for a foreign one."""
    from mfgprox import checkpoint

    if not where.exists():
        if resume:
            say(f"there is no checkpoint {where}; starting from the beginning")
        return None
    if not resume:
        say(f"{where} holds an unfinished run; --resume would continue it; starting afresh")
        return None
    try:
        return checkpoint.load(where, **owner)
    except checkpoint.CheckpointError as error:
        raise BadInput(str(error)) from error


def _start(name: str, case: Case) -> Solution | str:
    """The solution in a file, or the name of a solver."""
    from mfgprox.case.schema import SOLVER_METHODS
    from mfgprox.storage import StorageError, load

    if name in SOLVER_METHODS and not Path(name).exists():
        return name
    try:
        start = load(name)
    except StorageError as error:
        known = ", ".join(SOLVER_METHODS)
        raise BadInput(f"--start: {error} (nor is it a solver: {known})") from error
    found, wanted = start.problem.grid.dimension, case.grid().dimension
    if found != wanted:
        raise BadInput(f"--start: {name} is {found}-dimensional, the case {wanted}-dimensional")
    return start


def _write(solution: Solution, output: Path) -> None:
    from mfgprox import checkpoint
    from mfgprox.solvers.iterate import RESUMABLE

    with writing(output):
        solution.save(output)
        if solution.status not in RESUMABLE:
            checkpoint.path_for(output).unlink(missing_ok=True)


def announce_compilation(quiet: bool) -> None:
    """Say that the first run compiles, when no compiled kernel is cached."""
    import mfgprox.kernels

    cache = Path(mfgprox.kernels.__file__).with_name("__pycache__")
    if not quiet and not any(cache.glob("*.nbi")):
        say("compiling the kernels; this happens once and takes up to half a minute")
