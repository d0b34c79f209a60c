"""A sweep while it runs: a live table on a terminal, a line for each case in a log."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mfgprox.progress import Silent, describe

if TYPE_CHECKING:
    from rich.table import Table

    from mfgprox.sweeps import Event, Row

WAITING, RUNNING = "waiting", "running"
MOST_LINES = 30
REFRESHED = 0.2
"""Seconds between two drawings of the table."""


def sweep_reporter(quiet: bool, cases: Sequence[tuple[float, float]]) -> SweepLines:
    """The reporter that fits standard error; cases: (p, epsilon) of each."""
    if quiet:
        return SweepLines(cases, silent=True)
    return LiveTable(cases) if sys.stderr.isatty() else SweepLines(cases)


class SweepLines(Silent):
    """A line for each case that ends."""

    def __init__(self, cases: Sequence[tuple[float, float]], silent: bool = False) -> None:
        self.total, self.ended, self.silent = len(cases), 0, silent

    def __call__(self, event: Event) -> None:  # type: ignore[override]
        if event.row is None:
            return
        self.ended += 1
        if not self.silent:
            place = f"{self.ended}/{self.total}  p {event.p:g}  epsilon {event.epsilon:g}"
            print(f"{place}  {outcome(event.row, event.found)}", file=sys.stderr, flush=True)


class LiveTable(SweepLines):
    """A table with a line for each case, or for the latest of them where they are many."""

    def __init__(self, cases: Sequence[tuple[float, float]]) -> None:
        super().__init__(cases)
        from rich.console import Console
        from rich.live import Live

        self.state = dict.fromkeys(cases, WAITING)
        self.live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
        self.drawn = -math.inf

    def __enter__(self) -> LiveTable:
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._draw()
        self.live.stop()

    def __call__(self, event: Event) -> None:  # type: ignore[override]
        key = event.p, event.epsilon
        if event.row is not None:
            self.ended += 1
            self.state[key] = outcome(event.row, event.found)
        elif event.record is not None:
            self.state[key] = describe(event.record, event.record.dual, event.record.gap)
        else:
            self.state[key] = RUNNING
        if event.row is not None or time.monotonic() - self.drawn >= REFRESHED:
            self._draw()

    def _draw(self) -> None:
        self.drawn = time.monotonic()
        self.live.update(self.table(), refresh=True)

    def table(self) -> Table:
        """The table as it stands."""
        from rich.table import Table

        table = Table(title=f"{self.ended} of {self.total} cases", title_justify="left")
        for name in ("p", "epsilon"):
            table.add_column(name, justify="right")
        table.add_column("state", no_wrap=True)
        shown = self._shown()
        for p, epsilon in shown:
            table.add_row(f"{p:g}", f"{epsilon:g}", self.state[p, epsilon])
        if len(shown) < self.total:
            table.caption = f"{self.total - len(shown)} more are not shown"
        return table

    def _shown(self) -> list[tuple[float, float]]:
        """All cases, or a window that ends with what is waiting next."""
        cases = list(self.state)
        if len(cases) <= MOST_LINES:
            return cases
        begun = [n for n, case in enumerate(cases) if self.state[case] != WAITING]
        last = min(len(cases), (begun[-1] if begun else 0) + 3)
        return cases[max(0, last - MOST_LINES) : max(last, MOST_LINES)]


def outcome(row: Row, found: bool) -> str:
    """How a case ended, on one line."""
    if row.failed:
        return row.status
    state = "converged" if row.converged else "not converged"
    text = f"D = {row.divergence:.10g} ± {row.divergence_error:.1e}  gap {row.gap:.1e}  {state}"
    return f"{text}, {row.solver}" + (", was finished" if found else "")
