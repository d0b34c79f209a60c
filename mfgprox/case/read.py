"""Cases in files: those of the user, and those that are shipped."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mfgprox.case import shipped, toml
from mfgprox.case.case import Case, parse_case
from mfgprox.case.errors import CaseError, file_name, shortened

if TYPE_CHECKING:
    from mfgprox.problem import Problem


def read_case(path: str | Path, overrides: Iterable[str] = ()) -> Case:
    """The case in a file, or the shipped case of that name.

    overrides: changes such as "epsilon=0.5", "grid.cells=[64, 64]", "solver.rtol=1e-6".
    Raises CaseError, one line for each fault: file, line, key, value, what is accepted.
    """
    file = Path(path)
    try:
        name = str(path)
        if not file.is_file():
            file = _shipped(path)
            name = file.name
        with file.open("rb") as stream:
            raw = stream.read(toml.MAX_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        if isinstance(error, CaseError):
            raise
        reason = _not_text(file) if isinstance(error, UnicodeDecodeError) else _reason(error)
        raise CaseError(f"{file_name(path)}: {reason}") from None
    return parse_case(text, file.parent, file_name(name), overrides, file)


def load_case(path: str | Path, overrides: Iterable[str] = ()) -> Problem:
    """The problem of a case file or a shipped case. Raises CaseError as `read_case` does."""
    return read_case(path, overrides).problem()


def _reason(error: Exception) -> str:
    return f"cannot be read: {getattr(error, 'strerror', None) or 'not a usable file name'}"


def _not_text(file: Path) -> str:
    if file.suffix in (".h5", ".hdf5"):
        return f"is a result, not a case; `mfgprox info {file_name(file)}` says of which"
    return "is not UTF-8 text"


def _shipped(path: str | Path) -> Path:
    found = shipped.find(str(path))
    if found is not None:
        return found
    if Path(path).is_dir():
        raise CaseError(f"{file_name(path)}: is a directory; a case is a file")
    meant = _meant(str(path))
    raise CaseError(
        f"{file_name(path)}: does not exist, nor is it a shipped case{meant}; "
        "`mfgprox cases` lists those, `mfgprox new` writes a case of your own"
    )


def _meant(name: str) -> str:
    """The shipped case, or the case file of the same folder, whose name is close."""
    given = Path(name)
    beside = [str(p) for p in given.parent.glob("*.toml")] if given.parent.is_dir() else []
    close = difflib.get_close_matches(name[:200], [*beside, *shipped.names()], 1)
    return f' (did you mean "{shortened(close[0])}"?)' if close else ""
