"""Points in text files as people have them.

One point per line, its coordinates in the order x, y, z, with decimal points. Between them are
tabs, semicolons, commas or blanks, whichever the first line has, in this order. Skipped are a byte
order mark, blank lines, what follows a # and one heading line; numbers may be quoted.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mfgprox.density.base import DensityError

NAMES = {"\t": "tabs", ";": "semicolons", ",": "commas", None: "blanks"}
LONGEST = 2**16
"""Characters of a line at most; a line of three numbers is far shorter."""


def read_points(path: Path) -> np.ndarray:
    """The points, (many, columns). Raises DensityError that names line and column."""
    try:
        delimiter, skipped = _layout(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a file without rows is refused by who asked for it
            points = np.loadtxt(
                path,
                delimiter=delimiter,
                skiprows=skipped,
                ndmin=2,
                encoding="utf-8-sig",
                quotechar='"',
            )
    except UnicodeDecodeError:
        raise DensityError(
            "the file cannot be read as points: it is not UTF-8 text; save it as UTF-8"
        ) from None
    except DensityError:
        raise
    except ValueError as error:
        raise DensityError(_first_fault(path, delimiter, skipped) or str(error)[:200]) from None
    if not points.size:
        raise DensityError("the file has no rows of numbers")
    if not np.isfinite(points).all():
        raise DensityError(
            _first_fault(path, delimiter, skipped) or "the samples have values that are not finite"
        )
    return points


def _layout(path: Path) -> tuple[str | None, int]:
    """What separates the columns, and how many lines come before the first point."""
    for number, content in _lines(path, "strict"):
        if content.strip():
            delimiter = next((d for d in ("\t", ";", ",") if d in content), None)
            heading = not any(map(_readable, _fields(content, delimiter)))
            return delimiter, number if heading else number - 1
    return None, 0


def _lines(path: Path, errors: str) -> Iterator[tuple[int, str]]:
    """Number and content of each line, without comments. Raises DensityError for a line that is
    too long: its parts would count as lines."""
    with path.open(encoding="utf-8-sig", errors=errors) as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST), ""), 1):
            if len(line) == LONGEST and not line.endswith("\n"):
                raise DensityError(f"line {number} has {LONGEST} characters or more: no points")
            yield number, line.split("#", 1)[0].strip(" \r\n")


def _fields(content: str, delimiter: str | None) -> list[str]:
    return [field.strip().strip('"').strip() for field in content.split(delimiter)]


def _readable(field: str) -> bool:
    """Whether it is meant as a number, be it with a decimal comma."""
    try:
        float(field.replace(",", "."))
    except ValueError:
        return False
    return True


def _first_fault(path: Path, delimiter: str | None, skipped: int) -> str:
    """The first line and column that is no finite number, in a sentence; empty if there is none."""
    columns = 0
    for number, content in _lines(path, "replace"):
        if number <= skipped or not content.strip():
            continue
        fields = _fields(content, delimiter)
        for column, field in enumerate(fields, 1):
            reason = _fault(field, delimiter)
            if reason:
                return f"line {number}, column {column}: {reason}"
        if columns and len(fields) != columns:
            return (
                f"line {number} has {len(fields)} columns, those before it {columns} "
                f"(separated by {NAMES[delimiter]})"
            )
        columns = len(fields)
    return ""


def _fault(field: str, delimiter: str | None) -> str:
    shown = field if len(field) <= 40 else field[:39] + "…"
    shown = "".join(c if c.isprintable() else "�" for c in shown)
    try:
        value = float(field)
    except ValueError:
        if not field:
            return "nothing where a number should be"
        if "," in field and delimiter != "," and _readable(field):
            return f'"{shown}" has a decimal comma; write decimal points'
        return f'"{shown}" is not a number'
    return "" if np.isfinite(value) else f'"{shown}" is not finite'
