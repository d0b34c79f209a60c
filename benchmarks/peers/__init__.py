"""mfgprox beside what users would pick instead: the same problems, in one run, on one core each.

How it is made fair, and what the columns mean: docs/benchmarks.md.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.peers.figures import plot
from benchmarks.peers.race import race
from benchmarks.peers.tables import table

__all__ = ["NAME", "plot", "run", "table"]
NAME = "peers"


def run(output: Path, quick: bool) -> Path:
    """Measure; returns the JSON file."""
    return race(output, quick)
