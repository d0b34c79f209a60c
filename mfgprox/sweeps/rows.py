"""The table of a sweep: a row for each case, read from its result file and nowhere else."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from mfgprox import atomic, hdf5
from mfgprox.layout import FORMAT
from mfgprox.storage import StorageError, require_format

NAN = float("nan")
FAILED = "failed: "
CANNOT_WRITE = "cannot write"


@dataclass(frozen=True)
class Row:
    """One case: where it lies in the sweep, its value and certificate, and how it ended.

    Values are those of `Solution`; nan where there is none. status: the sentence of the solve, or
    "failed: " and why. file: the result in the directory of the sweep, empty where there is none.
    """

    p: float
    epsilon: float
    divergence: float = NAN
    divergence_error: float = NAN
    transport_cost: float = NAN
    information_divergence: float = NAN
    gap: float = NAN
    lower_bound: float = NAN
    upper_bound: float = NAN
    converged: bool = False
    iterations: int = 0
    solver: str = ""
    status: str = ""
    file: str = ""

    @property
    def failed(self) -> bool:
        """Whether there is no result at all."""
        return not self.file

    @property
    def unwritten(self) -> bool:
        """Whether that is because the system refused to write it."""
        return self.status.startswith(FAILED + CANNOT_WRITE)


COLUMNS = tuple(field.name for field in fields(Row))
VALUES = COLUMNS[COLUMNS.index("divergence") : COLUMNS.index("converged")]


def row_of(path: Path) -> Row:
    """The row of a result file. Raises StorageError for a file that is none."""
    with hdf5.reading(path, StorageError) as file:
        require_format(file, FORMAT, "a result file of mfgprox")
        return Row(
            p=hdf5.attribute(file, "p", float),
            epsilon=hdf5.attribute(file, "epsilon", float),
            **{name: hdf5.attribute(file, name, float) for name in VALUES},
            converged=bool(hdf5.attribute(file, "converged", int)),
            iterations=hdf5.attribute(file, "iterations", int),
            solver=hdf5.attribute(file, "solver", str),
            status=hdf5.attribute(file, "status", str),
            file=path.name,
        )


def failed_row(epsilon: float, p: float, reason: str) -> Row:
    """The row of a case that has no result."""
    return Row(p, epsilon, status=FAILED + " ".join(reason.split())[:500])


def write_table(rows: Iterable[Row], path: Path) -> Path:
    """Write the rows as CSV, numbers with all their digits, nothing where there is no number.

    The same rows give the same bytes. Raises OSError where the system refuses.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(getattr(row, name)) for name in COLUMNS])
    return atomic.write_bytes(path, text.getvalue().encode())


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    return str(value)
