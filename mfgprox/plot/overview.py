"""The figure of a solution, and figures as files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from mfgprox import atomic
from mfgprox.plot.curves import curves_figure
from mfgprox.plot.images import images_figure
from mfgprox.plot.style import styled
from mfgprox.solution import Solution

NO_DATE: dict[str, dict[str, Any]] = {
    ".png": {"Software": "mfgprox"},
    ".svg": {"Date": None, "Creator": "mfgprox"},
    ".pdf": {"CreationDate": None, "Creator": "mfgprox"},
}


def figure(solution: Solution) -> Figure:
    """P, Q, R, rho_t and U_t in time, and the convergence history, for 1 to 3 space axes."""
    with styled():
        made = _figure(solution)
        # Ticks are made when they are drawn; here they still meet the style.
        made.draw_without_rendering()
    return made


def save_figure(solution: Solution, path: str | Path, dpi: float = 200.0) -> Path:
    """Draw the figure into a file, .png, .svg or .pdf by its suffix, and return its path.

    The same solution gives the same bytes. Raises ValueError for another suffix, OSError where the
    system refuses.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in NO_DATE:
        raise ValueError(f"{path}: a figure's name must end in {', '.join(NO_DATE)}")
    buffer = io.BytesIO()
    with styled():
        made = _figure(solution)
        made.savefig(buffer, format=suffix[1:], dpi=dpi, metadata=NO_DATE[suffix])
    return atomic.write_bytes(path, buffer.getvalue())


def _figure(solution: Solution) -> Figure:
    one = solution.problem.grid.dimension == 1
    return curves_figure(solution) if one else images_figure(solution)
