"""What every kind that reads a file checks first."""

from __future__ import annotations

from pathlib import Path

from mfgprox.density.base import DensityError

MAX_FILE = 4 * 2**30
MAX_NUMBERS = 50_000_000
"""Pixels of a picture, coordinates of points: 400 MB of numbers, held about twice."""


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


def require_number(count: int) -> None:
    """Raises DensityError for more coordinates of points than memory is given to."""
    if count > MAX_NUMBERS:
        raise DensityError(
            f"the points have {count:,} coordinates, more than {MAX_NUMBERS:,}; take fewer points"
        )
