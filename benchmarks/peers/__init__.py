"""mfgprox beside what users would pick instead: the same problems, in one run, on one core each.

How it is made fair, and what the columns mean: docs/benchmarks.md.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.peers.figures import plot
from benchmarks.peers.race import race
from benchmarks.peers.tables import table
from benchmarks.problems import CONTESTS

__all__ = ["NAME", "plot", "run", "table"]
NAME = "peers"


def run(output: Path, quick: bool, only: tuple[str, ...] = ()) -> Path:
    """Measure, all problems or those named; returns the JSON file.

    Raises ValueError for a problem that there is not.
    """
    if unknown := sorted(set(only) - set(CONTESTS)):
        raise ValueError(f"no such problems: {', '.join(unknown)}; there are {', '.join(CONTESTS)}")
    return race(output, quick, only)
