"""Commands about results and cases, beside solving: their options, and where they are done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mfgprox.exits import Exit, guarded

Result = Annotated[Path, typer.Argument(metavar="OUT.h5", help="A result file.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (report,):
        app.command()(command)


def report(
    result: Result,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Page; default: the result's name with .html."),
    ] = None,
) -> None:
    """Write one self-contained HTML page: certificate, evolution to play, history, figure.

    Example: mfgprox report out.h5 -o report.html
    """

    def command() -> Exit:
        from mfgprox.deliver import write_page

        return write_page(result, output)

    raise typer.Exit(guarded(command))
