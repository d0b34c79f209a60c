"""The command `sweep`: its options, and where it is carried out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mfgprox.cli_options import CaseArgument, Quiet, SolverOption, Static, use_threads
from mfgprox.exits import Exit, guarded


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(sweep)


def sweep(
    case: CaseArgument,
    epsilon: Annotated[
        str,
        typer.Option(
            metavar="VALUES",
            help="0.1,0.5,2 or 0.01:100:13, 13 values evenly spaced in the logarithm.",
        ),
    ],
    p: Annotated[
        str | None, typer.Option(metavar="VALUES", help="1.5,2,3; default: the case's own.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="DIR", help="Default: the case's name with _sweep, here."
        ),
    ] = None,
    solver: SolverOption = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Override a key, e.g. --set grid.cells=[64].")
    ] = None,
    static: Static = False,
    chain: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Cut the values of epsilon of each p into chains of at most N, which start cold "
            "and can run at the same time.",
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=1024, help="Chains that run at a time.")] = 1,
    threads: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Threads that all jobs share.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Run chains on the Dask cluster with this scheduler."),
    ] = None,
    slurm: Annotated[
        str | None,
        typer.Option(
            metavar="OPTIONS",
            help="Run chains as jobs of Slurm, e.g. partition=short,cpus_per_task=4.",
        ),
    ] = None,
    figures: Annotated[str, typer.Option(help="png, svg, pdf or none.")] = "png",
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite results of other cases.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Solve a case for many epsilon and p: results, one table, the interpolation curve of D.

    What is finished in DIR is not solved again.

    Example: mfgprox sweep gaussian_1d --epsilon 0.01:100:13 --p 1.5,2,3 --jobs 2
    """
    use_threads(threads)

    def command() -> Exit:
        from mfgprox.run_sweep import SweepOptions, run_sweep

        return run_sweep(
            SweepOptions(
                case, epsilon, p, output, solver, tuple(overrides or ()), static, chain, jobs,
                threads, scheduler, slurm, figures, force, quiet,
            )
        )  # fmt: skip

    raise typer.Exit(guarded(command))
