"""The commands. No numerics here; what is heavy is imported where a command needs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mfgprox import __version__, cli_extras, cli_flow, cli_sample, cli_sweep
from mfgprox.cli_options import (
    CaseArgument,
    Overrides,
    Quiet,
    ResultArgument,
    SolverOption,
    Static,
    Threads,
    use_threads,
)  # fmt: skip
from mfgprox.exits import Exit, guarded

app = typer.Typer(
    add_completion=True,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Proximal optimal transport divergences by solving their mean-field game on grids.",
)


@app.command()
def run(
    case: CaseArgument,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Result file; default: the case's name with .h5."),
    ] = None,
    solver: SolverOption = None,
    overrides: Overrides = None,
    static: Static = False,
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
    quiet: Quiet = False,
) -> None:
    """Solve a case and write its result.

    Example: mfgprox run gaussian_1d --set epsilon=0.5 -o out.h5
    """
    use_threads(threads)

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
    use_threads(threads)

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


cli_flow.register(app)
cli_sample.register(app)
cli_sweep.register(app)
cli_extras.register(app)


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


def main() -> None:
    """Entry point of the command `mfgprox`."""
    sys.exit(app())
