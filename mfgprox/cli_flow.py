"""The command `flow`: its options, and where each kind is carried out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mfgprox.cli_options import CaseArgument, Overrides, Quiet, Threads, use_threads
from mfgprox.exits import Exit, guarded


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(flow)


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
    overrides: Overrides = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the checkpoint (jko, gradient).")
    ] = False,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Follow the JKO flow of D_f(.|Q), or the gradient flow of D itself, from P; or move particles.

    Example: mfgprox flow gaussian_2d --kind jko --tau 0.05 --steps 20 -o flow.h5
    """
    use_threads(threads)

    def command() -> Exit:
        chosen = tuple(overrides or ())
        if kind == "particles":
            from mfgprox.run_particles import run_particles

            return run_particles(case, tau, steps, output, chosen, count, seed, quiet)
        from mfgprox.run_flow import run_flow

        return run_flow(case, kind, tau, steps, output, chosen, quiet, resume)

    raise typer.Exit(guarded(command))
