"""Where a command writes: what the file is called, whether it may be written, who else is at it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mfgprox.exits import BadInput, CannotWrite

if TYPE_CHECKING:
    from mfgprox.case import Case


def default_output(case: Case, ending: str) -> Path:
    """The case's name with this ending, in the working directory."""
    return Path(f"{Path(case.path or case.name).stem}{ending}")


def require_suffix(output: Path, accepted: tuple[str, ...]) -> None:
    """Raise BadInput for a file name that does not end as it should."""
    if output.suffix.lower() not in accepted:
        raise BadInput(
            f"{output}: the suffix {output.suffix!r} is not known; use one of {', '.join(accepted)}"
        )


def require_writable(output: Path) -> None:
    """Raise CannotWrite before the work begins, not after it."""
    folder = output.parent
    if output.is_dir():
        raise CannotWrite(f"cannot write {output}: it is a directory")
    if not folder.is_dir():
        raise CannotWrite(
            f"cannot write {output}: the directory {folder} does not exist; make it first"
        )
    if not os.access(folder, os.W_OK):
        raise CannotWrite(f"cannot write {output}: no permission to write in {folder}")


def refuse_other_case(output: Path, case: Case, force: bool) -> None:
    """Raise BadInput where the output file holds something else, unless forced."""
    from mfgprox.storage import same_case

    if output.exists() and not force and not same_case(output, case.text):
        raise BadInput(
            f"{output} exists and does not hold this case; give another name with -o, or --force"
        )


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system refuses during the block into CannotWrite."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotWrite(f"cannot write {path}: {reason}") from error


@contextlib.contextmanager
def claiming(output: Path) -> Iterator[None]:
    """Keep other runs from this output during the block. Raises CannotWrite where one is at it."""
    from mfgprox.claim import claimed

    with contextlib.ExitStack() as held:
        with writing(output):
            held.enter_context(claimed(output))
        yield
