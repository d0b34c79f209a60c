"""Samples as files: `.npy`, or `.csv` with a heading, as the density kind `samples` reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mfgprox import atomic
from mfgprox.grid import AXES
from mfgprox.sampling.draw import SamplingError

SUFFIXES = (".npy", ".csv")


def require_suffix(path: Path) -> None:
    """Raises SamplingError for a file name that does not say a format."""
    if path.suffix.lower() not in SUFFIXES:
        raise SamplingError(
            f"{path}: the suffix {path.suffix!r} is not known; use one of {', '.join(SUFFIXES)}"
        )


def write(points: np.ndarray, times: np.ndarray, path: str | Path) -> Path:
    """Write points (times, n, axes) atomically. One time: (n, axes), columns x, y, z. Several:
    `.npy` (times, n, axes), `.csv` with the time as its first column.

    Raises SamplingError for the suffix, OSError where the system refuses.
    """
    path = Path(path)
    require_suffix(path)
    single = len(times) == 1
    with atomic.replacing(path) as temporary:
        if path.suffix.lower() == ".npy":
            with temporary.open("wb") as file:
                np.save(file, points[0] if single else points)
        else:
            names = [*([] if single else ["time"]), *AXES[: points.shape[2]]]
            with temporary.open("w", encoding="ascii", newline="\n") as text:
                text.write(",".join(names) + "\n")
                for time, level in zip(times, points, strict=True):
                    row = "%.17g," * points.shape[2]
                    form = row[:-1] if single else f"{time:.17g},{row[:-1]}"
                    np.savetxt(text, level, fmt=form)
    return path
