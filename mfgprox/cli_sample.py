"""The command `sample`: its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mfgprox.cli_options import Quiet, ResultArgument, Threads, use_threads
from mfgprox.exits import Exit, guarded


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(sample)


def sample(
    result: ResultArgument,
    count: Annotated[int, typer.Option("-n", "--count", help="How many samples.")] = 10_000,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Points: .npy or .csv; default: the result's name, _samples.npy."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same samples.")] = 0,
    times: Annotated[
        str | None,
        typer.Option(metavar="T,T,…", help="Times from 0 (P) to 1 (R); default: 1."),
    ] = None,
    method: Annotated[str, typer.Option(help="auto, quantiles, map or plan.")] = "auto",
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Draw points from P and carry them through the solved flow: samples of R.

    Example: mfgprox sample out.h5 -n 100000 -o samples.npy
    """
    use_threads(threads)

    def command() -> Exit:
        from mfgprox.run_sample import run_sample

        return run_sample(result, count, output, seed, times, method, quiet)

    raise typer.Exit(guarded(command))
