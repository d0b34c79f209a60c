"""Commands about results and cases, beside solving: their options, and where they are done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mfgprox.cli_options import ResultArgument
from mfgprox.exits import Exit, guarded


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (report, export, new, cases):
        app.command()(command)


def report(
    result: ResultArgument,
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


def export(
    result: ResultArgument,
    to: Annotated[str, typer.Option("--to", metavar="vtk|npz|csv", help="Which kind of files.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Default: the result's name with .pvd, .npz, .csv."),
    ] = None,
) -> None:
    """Write a result for tools that cannot read HDF5, every number in full.

    vtk: a .pvd collection and a folder of .vti images. csv: a table of rho and U, and one of P, Q
    and R. npz: one NumPy archive.

    Example: mfgprox export out.h5 --to csv -o out.csv
    """

    def command() -> Exit:
        from mfgprox.deliver import export_files

        return export_files(result, to, output)

    raise typer.Exit(guarded(command))


def new(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="Of Q: gaussian, mixture, uniform, ring, expression, image, array or samples.",
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The case file.")] = Path(
        "case.toml"
    ),
    axes: Annotated[int, typer.Option(min=1, max=3, help="How many axes.")] = 2,
    file: Annotated[
        Path | None, typer.Option(help="Your image, array or points, relative to the case file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the case file.")] = False,
) -> None:
    """Write a commented case file to begin from; it runs as it is.

    Example: mfgprox new image --file picture.png -o case.toml
    """

    def command() -> Exit:
        from mfgprox.begin import write_case

        return write_case(kind, output, axes, file, force)

    raise typer.Exit(guarded(command))


def cases() -> None:
    """List the shipped cases, one line each.

    Example: mfgprox cases
    """

    def command() -> Exit:
        from mfgprox.begin import list_cases

        return list_cases()

    raise typer.Exit(guarded(command))
