"""Progress of a solve: a live line on a terminal, plain lines in a log, nothing when quiet."""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mfgprox.solvers.iterate import Record

LOG_SECONDS = 5.0


class Reporter(Protocol):
    def __call__(self, record: Record) -> None: ...

    def __enter__(self) -> Reporter: ...

    def __exit__(self, *_: object) -> None: ...


def reporter(quiet: bool, rtol: float) -> Reporter:
    """The reporter that fits standard error."""
    if quiet:
        return Silent()
    return LiveLine(rtol) if sys.stderr.isatty() else LogLines()


def describe(record: Record, dual: float, gap: float) -> str:
    """One record in words."""
    text = f"grid {record.level + 1}/{record.levels}  iteration {record.iteration}"
    if math.isfinite(dual):
        text += f"  value {dual:.6g}"
    if math.isfinite(gap):
        text += f"  gap {gap:.1e}"
    if math.isfinite(record.residual):
        text += f"  residual {record.residual:.1e}"
    return text


class Silent:
    """Reports nothing."""

    def __call__(self, record: Record) -> None:
        pass

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class LogLines(Silent):
    """A line for every new grid, and at most one every LOG_SECONDS."""

    def __init__(self) -> None:
        self.level, self.written = -1, -math.inf
        self.dual = self.gap = math.nan

    def __call__(self, record: Record) -> None:
        self._keep(record)
        now = time.monotonic()
        if record.level != self.level or now - self.written >= LOG_SECONDS:
            self.level, self.written = record.level, now
            print(describe(record, self.dual, self.gap), file=sys.stderr, flush=True)

    def _keep(self, record: Record) -> None:
        if math.isfinite(record.gap):
            self.dual, self.gap = record.dual, record.gap


class LiveLine(LogLines):
    """A spinner with the latest record, gone when the solve ends."""

    def __init__(self, rtol: float) -> None:
        super().__init__()
        from rich.console import Console

        self.console = Console(stderr=True)
        self.status = self.console.status("preparing")
        self.rtol = rtol

    def __enter__(self) -> LiveLine:
        self.status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.status.stop()

    def __call__(self, record: Record) -> None:
        self._keep(record)
        aim = f"  (until {self.rtol * abs(self.dual):.1e})" if math.isfinite(self.dual) else ""
        self.status.update(describe(record, self.dual, self.gap) + aim)
