"""The commands. No numerics here; what is heavy is imported where a command needs it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from mfgprox import __version__, cli_sample, cli_sweep
from mfgprox.cli_extras import register as register_extras
from mfgprox.exits import Exit, guarded

app = typer.Typer(
    add_completion=True,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Proximal optimal transport divergences by solving their mean-field game on grids.",
)

CaseArgument = Annotated[
    str, typer.Argument(metavar="CASE", help="A case file, or the name of a shipped case.")
]
ResultArgument = Annotated[
    Path, typer.Argument(metavar="OUT.h5", help="A result file.", readable=False)
]  # whether it may be read is told when it is read, like all else that is wrong with it
Threads = Annotated[
    int | None, typer.Option(min=1, max=256, help="Threads for the compiled loops.")
]


@app.command()
def run(
    case: CaseArgument,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Result file; default: the case's name with .h5."),
    ] = None,
    solver: Annotated[str | None, typer.Option(help="Solver, instead of the case's own.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Override a key, e.g. --set epsilon=0.5.")
    ] = None,
    static: Annotated[
        bool, typer.Option("--static", help="Only times 0 and 1 where the solver allows it.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the checkpoint.")] = False,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="OTHER.h5|NAME",
            help="Warm start from another result file, or from the solver of that name.",
        ),
    ] = None,
    threads: Threads = None,
    max_time: Annotated[float | None, typer.Option(help="Stop after S seconds.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check, print all settings, estimate, and stop.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite a result of another case.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Solve a case and write its result.

    Example: mfgprox run gaussian_1d --set epsilon=0.5 -o out.h5
    """
    _use_threads(threads)

    def command() -> Exit:
        from mfgprox.run import RunOptions
        from mfgprox.run import run as run_case

        return run_case(
            RunOptions(
                case, output, solver, tuple(overrides or ()), static, resume, start, max_time,
                dry_run, force, quiet,
            )
        )  # fmt: skip

    raise typer.Exit(guarded(command))


@app.command()
def validate(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[CASE|OUT.h5]", help="Your own case or result; default: the suite."
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Coarser grids, a minute or so.")] = False,
    solver: Annotated[
        list[str] | None, typer.Option(help="Only this solver; may be repeated.")
    ] = None,
    threads: Threads = None,
) -> None:
    """Compare solvers with exact answers: errors, observed orders, pass or fail.

    Example: mfgprox validate --quick
    """
    _use_threads(threads)

    def command() -> Exit:
        from mfgprox.validate import validate_suite, validate_target

        if target is None:
            return validate_suite(quick=quick, solvers=solver or None)
        return validate_target(target, solvers=solver or None)

    raise typer.Exit(guarded(command))


@app.command()
def plot(
    result: ResultArgument,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Figure: .png, .svg or .pdf.")
    ] = None,
) -> None:
    """Draw P, Q, R, rho_t in time, U_t and the convergence history.

    Example: mfgprox plot out.h5 -o figure.pdf
    """

    def command() -> Exit:
        from mfgprox.draw import draw_figure

        return draw_figure(result, output)

    raise typer.Exit(guarded(command))


@app.command()
def animate(
    result: ResultArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="Film: .gif or .mp4.")],
    fps: Annotated[int, typer.Option(min=1, max=60, help="Frames a second.")] = 12,
) -> None:
    """Film rho_t from P to R.

    Example: mfgprox animate out.h5 -o film.mp4
    """

    def command() -> Exit:
        from mfgprox.draw import draw_film

        return draw_film(result, output, fps)

    raise typer.Exit(guarded(command))


@app.command()
def info(
    result: ResultArgument,
    recompute: Annotated[
        bool,
        typer.Option("--recompute", help="Recompute the certificate; exit 1 if it contradicts."),
    ] = False,
) -> None:
    """Say what is in a result file or a checkpoint.

    Example: mfgprox info out.h5 --recompute
    """

    def command() -> Exit:
        from mfgprox.draw import print_info

        return print_info(result, recompute)

    raise typer.Exit(guarded(command))


@app.command()
def flow(
    case: CaseArgument,
    kind: Annotated[str, typer.Option(help="jko, gradient or particles.")] = "jko",
    tau: Annotated[float, typer.Option(help="Length of a step in time.")] = 0.05,
    steps: Annotated[int, typer.Option(help="How many steps.")] = 20,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Default: the case's name with _flow.h5 or _particles.npy."
        ),
    ] = None,
    count: Annotated[
        int | None, typer.Option("-n", "--count", help="How many particles; default: P's, 10000.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the particles drawn from P.")] = 0,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Override a key, e.g. --set epsilon=0.5.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the checkpoint (jko, gradient).")
    ] = False,
    threads: Threads = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Follow the JKO flow of D_f(.|Q), or the gradient flow of D itself, from P; or move particles.

    Example: mfgprox flow gaussian_2d --kind jko --tau 0.05 --steps 20 -o flow.h5
    """
    _use_threads(threads)

    def command() -> Exit:
        chosen = tuple(overrides or ())
        if kind == "particles":
            from mfgprox.run_particles import run_particles

            return run_particles(case, tau, steps, output, chosen, count, seed, quiet)
        from mfgprox.run_flow import run_flow

        return run_flow(case, kind, tau, steps, output, chosen, quiet, resume)

    raise typer.Exit(guarded(command))


cli_sample.register(app)
cli_sweep.register(app)


register_extras(app)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"mfgprox {__version__}")
        raise typer.Exit


@app.callback()
def top(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


def _use_threads(threads: int | None) -> None:
    """Numba and OpenBLAS read their thread counts once, when they are imported.

    One BLAS thread: what little dense algebra there is must not depend on the number of threads.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if threads is not None:
        os.environ["NUMBA_NUM_THREADS"] = str(threads)


def main() -> None:
    """Entry point of the command `mfgprox`."""
    sys.exit(app())
