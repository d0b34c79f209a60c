"""The command `sweep`: case → chains of cases → results, one table, figures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfgprox.exits import BadInput, CannotWrite, Exit, say
from mfgprox.interruption import Interruption
from mfgprox.outputs import default_output, require_writable, writing
from mfgprox.run import announce_compilation, changed_case

if TYPE_CHECKING:
    from mfgprox.sweeps import Limits, Row, Sweep

FIGURES = ("png", "svg", "pdf", "none")


@dataclass(frozen=True)
class SweepOptions:
    """What the command line of `sweep` says."""

    case: str
    epsilon: str
    p: str | None = None
    output: Path | None = None
    solver: str | None = None
    overrides: tuple[str, ...] = ()
    static: bool = False
    chain: int | None = None
    jobs: int = 1
    threads: int | None = None
    scheduler: str | None = None
    slurm: str | None = None
    figures: str = "png"
    force: bool = False
    quiet: bool = False


def run_sweep(options: SweepOptions) -> Exit:
    """Solve a family of cases. Raises what `exits.guarded` turns into messages."""
    from mfgprox.sweeps.family import LEAST_EPSILON, LEAST_P
    from mfgprox.sweeps.values import SweepError, parse_values

    if options.figures not in FIGURES:
        raise BadInput(f"--figures must be one of {', '.join(FIGURES)}; got {options.figures!r}")
    case = changed_case(options.case, options.overrides, options.solver, options.static)
    output = options.output or default_output(case, "_sweep")
    require_writable(output / "sweep.csv" if output.is_dir() else output)
    if output.is_file():
        raise CannotWrite(f"cannot write {output}: it is a file, where a directory is needed")
    problem = case.problem()
    try:
        epsilons = parse_values("--epsilon", options.epsilon, LEAST_EPSILON)
        ps = [problem.p] if options.p is None else parse_values("--p", options.p, LEAST_P)
        if options.slurm is None:
            _require_memory(case, options.jobs)
        announce_compilation(options.quiet)
        swept = _solved(problem, epsilons, ps, output, options)
    except SweepError as error:
        raise BadInput(str(error)) from error
    with writing(output):
        written = swept.write(None if options.figures == "none" else f".{options.figures}")
    if not options.quiet:
        print("\n".join([*summary(swept), *map(str, written)]))
    return _exit(swept)


def _solved(
    problem: Any, epsilons: list[float], ps: list[float], output: Path, options: SweepOptions
) -> Sweep:
    from mfgprox.solvers.iterate import Interrupted
    from mfgprox.sweep_progress import sweep_reporter
    from mfgprox.sweeps import sweep

    cases = [(p, epsilon) for p in ps for epsilon in epsilons]
    ended: list[float] = []
    with Interruption() as interruption, sweep_reporter(options.quiet, cases) as show:

        def report(event: Any) -> None:
            if event.row is not None and not event.row.failed:
                ended.append(event.epsilon)
            show(event)

        interruption.deferred = True
        try:
            with writing(output):
                return sweep(
                    problem, epsilons, ps, directory=output, longest=options.chain,
                    jobs=options.jobs, threads=options.threads, scheduler=options.scheduler,
                    slurm=options.slurm, force=options.force, callback=report,
                    interrupted=interruption,
                )  # fmt: skip
        except Interrupted:
            raise interruption.stopped(
                f"{len(ended)} of {len(cases)} cases are finished in {output}; the same command "
                "goes on from there"
            ) from None


def _require_memory(case: Any, jobs: int) -> None:
    """Raise BadInput where one case fits into memory and `jobs` of them do not."""
    from mfgprox.case import estimate_memory, memory

    need, free = jobs * estimate_memory(case), memory.free()
    if free is not None and need > free:
        raise BadInput(
            f"--jobs: {jobs} cases at a time need about {memory.in_words(need)} of memory, "
            f"{memory.in_words(free)} are free; take fewer jobs"
        )


def summary(swept: Sweep) -> list[str]:
    """The table of a sweep for a terminal, and the limits at each p."""
    lines = [
        f"{'p':>6} {'epsilon':>11} {'D':>16} {'error':>8} {'W_p^p(P,R)':>14} {'D_f(R|Q)':>14} "
        f"{'gap':>8}  status"
    ]
    lines += [_line(row) for row in swept.rows]
    return lines + [_limits(found) for found in swept.limits]


def _line(row: Row) -> str:
    if row.failed:
        return f"{row.p:6g} {row.epsilon:11.6g} {row.status}"
    state = "converged" if row.converged else row.status
    return (
        f"{row.p:6g} {row.epsilon:11.6g} {row.divergence:16.10g} {row.divergence_error:8.1e} "
        f"{row.transport_cost:14.8g} {row.information_divergence:14.8g} {row.gap:8.1e}  {state}"
    )


def _limits(found: Limits) -> str:
    transport = "" if math.isnan(found.transport) else f" = {found.transport:.8g}"
    return (
        f"p {found.p:g}: D/epsilon → D_f(P|Q) = {found.information:.8g} as epsilon → 0; "
        f"D → W_p^p(P,Q){transport} as epsilon → ∞ ({found.how})"
    )


def _exit(swept: Sweep) -> Exit:
    failed, total = swept.failed, len(swept.rows)
    for row in failed:
        say(f"epsilon {row.epsilon:g}, p {row.p:g}: {row.status}")
    if failed:
        say(f"{len(failed)} of {total} cases failed; the others are in {swept.directory}")
        unwritten = any(row.unwritten for row in failed)
        return Exit.CANNOT_WRITE if unwritten else Exit.VALIDATION_FAILED
    open_ones = [row for row in swept.rows if not row.converged]
    if open_ones:
        say(f"{len(open_ones)} of {total} cases did not converge; their rows say why")
        return Exit.NOT_CONVERGED
    return Exit.OK
