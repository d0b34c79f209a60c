"""What a notebook shows: tables and pictures, the progress of a solve, films to play.

Nothing here needs IPython to be installed; progress is shown only where it is running.
"""

from __future__ import annotations

import base64
import contextlib
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfgprox.problem import Problem
from mfgprox.progress import describe
from mfgprox.solution import Solution

if TYPE_CHECKING:
    from mfgprox.solvers.iterate import Record

UPDATE_SECONDS = 0.2


def problem_html(problem: Problem) -> str:
    """A problem as a table and a picture of P and Q."""
    from mfgprox.plot.thumbnail import thumbnail
    from mfgprox.report.words import problem_rows

    return _card(problem.title, problem_rows(problem), thumbnail(problem))


def solution_html(solution: Solution) -> str:
    """A solution, or a flow in the form of one, as a table and a picture of its path."""
    from mfgprox.plot.thumbnail import thumbnail
    from mfgprox.report.words import headline, value_rows

    rows = [("status", solution.status.value), *value_rows(solution)]
    rows.append(("solver", solution.solver))
    picture = thumbnail(solution.problem, solution)
    return _card(headline(solution), rows, picture, solution.notes)


def _card(title: str, rows: list[tuple[str, str]], picture: bytes, notes: Any = ()) -> str:
    """Styles are inline, and leave the colours of text to the notebook's theme."""
    left = 'style="text-align:left;font-weight:normal;padding:1px 12px 1px 0"'
    cells = "".join(
        f"<tr><th {left}>{escape(a)}</th><td {left}>{escape(b)}</td></tr>" for a, b in rows
    )
    said = "".join(f"<li>{escape(note)}</li>" for note in notes)
    data = base64.b64encode(picture).decode()
    image = f'<img alt="densities" style="background:#fff" src="data:image/png;base64,{data}">'
    heading = f"<b>{escape(title or 'Proximal optimal transport')}</b>"
    return f"<div>{heading}<table>{cells}</table><ul>{said}</ul>{image}</div>".replace(
        "<ul></ul>", ""
    )


class Film:
    """A film that a notebook plays, with controls to scrub; `data` are the bytes of an MP4 file."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def _repr_html_(self) -> str:
        text = base64.b64encode(self.data).decode()
        return (
            '<video controls loop style="max-width:100%" '
            f'src="data:video/mp4;base64,{text}"></video>'
        )


def film(solution: Solution, **options: Any) -> Film:
    """The film of a solution; options as for `mfgprox.plot.animate`."""
    from mfgprox.plot import animate

    with tempfile.TemporaryDirectory(prefix="mfgprox-") as folder:
        return Film(animate(solution, Path(folder) / "film.mp4", **options).read_bytes())


@contextlib.contextmanager
def shown_progress(
    callback: Callable[[Record], None] | None,
) -> Iterator[Callable[[Record], None] | None]:
    """The callback of a solve: the caller's own, else a live line in a notebook, else none."""
    display = _notebook_display() if callback is None else None
    if display is None:
        yield callback
        return
    line = _LiveLine(display)
    try:
        yield line
    finally:
        line.done()


class _LiveLine:
    """A bar over the nested grids and the latest record below a cell."""

    def __init__(self, display: Callable[..., Any]) -> None:
        self.began, self.updated = time.monotonic(), -math.inf
        self.dual = self.gap = math.nan
        self.text = "preparing"
        self.handle = display(_Html("<i>mfgprox: preparing</i>"), display_id=True)

    def __call__(self, record: Record) -> None:
        if math.isfinite(record.gap):
            self.dual, self.gap = record.dual, record.gap
        self.text = describe(record, self.dual, self.gap)
        now = time.monotonic()
        if now - self.updated >= UPDATE_SECONDS:
            self.updated = now
            bar = f'<progress max="{record.levels}" value="{record.level + 0.5}"></progress>'
            self.handle.update(_Html(f"{bar} {escape(self.text)}"))

    def done(self) -> None:
        seconds = time.monotonic() - self.began
        self.handle.update(_Html(f"<i>{escape(self.text)}, {seconds:.1f} s</i>"))


class _Html:
    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_html_(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return ""


def _notebook_display() -> Callable[..., Any] | None:
    """The display function of a running notebook kernel; None in a terminal or a script."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display  # type: ignore[import-not-found,unused-ignore]

    return display
