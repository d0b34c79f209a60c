"""Arguments and options that several commands have, and what is set before heavy imports."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

CaseArgument = Annotated[
    str, typer.Argument(metavar="CASE", help="A case file, or the name of a shipped case.")
]
ResultArgument = Annotated[
    Path, typer.Argument(metavar="OUT.h5", help="A result file.", readable=False)
]  # whether it may be read is told when it is read, like all else that is wrong with it
SolverOption = Annotated[str | None, typer.Option(help="Solver, instead of the case's own.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Override a key, e.g. --set epsilon=0.5.")
]
Static = Annotated[
    bool, typer.Option("--static", help="Only times 0 and 1 where the solver allows it.")
]
Threads = Annotated[
    int | None, typer.Option(min=1, max=256, help="Threads for the compiled loops.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


def use_threads(threads: int | None) -> None:
    """Numba and OpenBLAS read their thread counts once, when they are imported.

    One BLAS thread: what little dense algebra there is must not depend on the number of threads.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if threads is not None:
        os.environ["NUMBA_NUM_THREADS"] = str(threads)
