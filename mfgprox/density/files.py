"""What every kind that reads a file checks first."""

from __future__ import annotations

from pathlib import Path

from mfgprox.density.base import DensityError

MAX_FILE = 4 * 2**30


def regular_file(path: str | Path) -> Path:
    """The path, if it is a file of a sane size; never a device or a pipe that would not end.

    Raises DensityError.
    """
    path = Path(path)
    try:
        if not path.exists():
            raise DensityError("the file does not exist")
        if not path.is_file():
            raise DensityError("this is not a file")
        if path.stat().st_size > MAX_FILE:
            raise DensityError(f"the file is larger than {MAX_FILE // 2**30} GiB")
    except (OSError, ValueError) as error:
        if isinstance(error, DensityError):
            raise
        reason = getattr(error, "strerror", None) or "not a usable file name"
        raise DensityError(f"the file cannot be read: {reason}") from None
    return path
