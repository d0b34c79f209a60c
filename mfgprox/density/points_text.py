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
from mfgprox.density.files import MAX_NUMBERS, require_number

NAMES = {"\t": "tabs", ";": "semicolons", ",": "commas", None: "blanks"}
LONGEST = 2**16
"""Bytes of a line at most; a line of three numbers is far shorter."""
BLOCK = 2**20
BEGINNINGS = {
    b"\xff\xfe": "it is UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "it is UTF-16 text; save it as UTF-8",
    b"\x1f\x8b": "it is compressed; unpack it",
    b"PK\x03\x04": "it is a zip archive or a spreadsheet; unpack it, or save it as CSV",
    b"\x93NUMPY": "it is a NumPy array; give its file the ending .npy",
}


def read_points(path: Path) -> np.ndarray:
    """The points, (many, columns). Raises DensityError that names line and column."""
    try:
        lines = _count_lines(path)
        if lines > MAX_NUMBERS:
            raise DensityError(f"the file has {lines:,} lines, more than {MAX_NUMBERS:,}")
        delimiter, skipped, columns = _layout(path)
        require_number((lines - skipped) * columns)
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


def _count_lines(path: Path) -> int:
    """How many lines the file has, in a few megabytes of memory, whatever it holds.

    Raises DensityError for what is no text, and for a line that is too long.
    """
    count, length, last = 1, 0, b""  # the number of the line at hand, and its bytes so far
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            if not last:
                _require_text(block)
            if b"\0" in block:
                raise DensityError("the file cannot be read as points: it has NUL characters")
            if last == b"\r" and block.startswith(b"\n"):
                block = block[1:]
            last = block[-1:] or b"\n"
            # As Python counts lines: they end in LF, CR or both.
            lines = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            ends = np.flatnonzero(np.frombuffer(lines, np.uint8) == ord("\n"))
            lengths = np.diff(ends, prepend=-1 - length, append=len(lines)) - 1
            if lengths.max() >= LONGEST:
                number = count + int(np.argmax(lengths >= LONGEST))
                raise DensityError(f"line {number} has {LONGEST} bytes or more: no points")
            count, length = count + len(ends), int(lengths[-1])
    return count if length else count - 1


def _require_text(beginning: bytes) -> None:
    for mark, reason in BEGINNINGS.items():
        if beginning.startswith(mark):
            raise DensityError(f"the file cannot be read as points: {reason}")


def _layout(path: Path) -> tuple[str | None, int, int]:
    """What separates the columns, how many lines come before the first point, and columns."""
    for number, content in _lines(path, "strict"):
        if content.strip():
            delimiter = next((d for d in ("\t", ";", ",") if d in content), None)
            fields = _fields(content, delimiter)
            heading = not any(map(_readable, fields))
            return delimiter, number if heading else number - 1, len(fields)
    return None, 0, 1


def _lines(path: Path, errors: str) -> Iterator[tuple[int, str]]:
    """Number and content of each line, without comments."""
    with path.open(encoding="utf-8-sig", errors=errors) as file:
        for number, line in enumerate(file, 1):
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
