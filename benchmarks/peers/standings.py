"""Who is how much faster, from the rows of a race."""

from __future__ import annotations

import math
from typing import Any

Row = dict[str, Any]
OWN = "mfgprox newton"
OWN_WITH_BOUNDS = "mfgprox newton, bounds"
PUBLISHED = (
    (64, 0.033, 1e-2, 1.7e-2),
    (64, 0.18, 1e-3, 3e-3),
    (64, 0.29, 3e-4, 2e-3),
    (128, 0.14, 1e-2, 1.4e-2),
    (128, 1.0, 1e-3, 1.5e-3),
    (128, 2.9, 3e-4, 8e-4),
    (128, 7.8, 1.5e-4, 6e-4),
    (256, 0.64, 1e-2, 1.3e-2),
    (256, 5.4, 1e-3, 1.1e-3),
    (256, 34.0, 5e-4, 1e-3),
    (512, 3.0, 1e-2, 1.2e-2),
    (512, 38.6, 1.06e-3, 2e-3),
)
"""Back-and-forth on gaussians-2: cells an axis, seconds, errors of the value and of R.

A public C++ research code for gradient flows, its steps tuned by hand, measured earlier on another
machine; it cannot be installed with pip, so its seconds are multiplied by the machine's factor.
"""
PUBLISHED_PROBLEM = "gaussians-2"


def solved(rows: list[Row], problem: str) -> list[Row]:
    """The rows of a problem that have a time and a finite value."""
    return [
        row
        for row in rows
        if row["problem"] == problem
        and "seconds" in row
        and "failed" not in row
        and math.isfinite(value_error(row))
    ]


def value_error(row: Row) -> float:
    """The smaller error of the value: as reported, or after the correction of the known bias."""
    errors = [row.get("value_error"), row.get("corrected_error")]
    return min((e for e in errors if e is not None), default=math.nan)


def R_error(row: Row) -> float:
    """inf where R is an input: such a method cannot be matched in R."""
    error = row.get("R_error")
    return math.inf if error is None else float(error)


def ours(row: Row) -> bool:
    return bool(row["peer"] == "mfgprox")


def front(rows: list[Row]) -> list[Row]:
    """Rows that no other row beats in time, value and R at once, fastest first."""

    def beaten(row: Row) -> bool:
        return any(
            other is not row
            and other["seconds"] <= row["seconds"]
            and value_error(other) <= value_error(row)
            and R_error(other) <= R_error(row)
            for other in rows
        )

    return sorted((row for row in rows if not beaten(row)), key=lambda row: row["seconds"])


def fastest_within(rows: list[Row], value: float, R: float) -> Row | None:
    """The fastest row with errors at most these; None if there is none."""
    within = [row for row in rows if value_error(row) <= value and R_error(row) <= R]
    return min(within, key=lambda row: row["seconds"], default=None)


def duels(rows: list[Row], problem: str) -> list[tuple[Row, Row | None, Row | None]]:
    """The best rows of all peers, each with our fastest at least as accurate in value and R.

    Without and with bounds; None where we have none as accurate. Where newton does not apply, all
    our solvers count. Peers that are given R are left out: they solve less.
    """
    here = solved(rows, problem)
    peers = [row for row in here if not ours(row) and row.get("R_error") is not None]
    smooth = [row for row in here if row["series"] in (OWN, OWN_WITH_BOUNDS)]
    plain = smooth or [row for row in here if ours(row)]
    proven = [row for row in plain if row["series"] != OWN]
    found = []
    for row in front(peers):
        goal = value_error(row), R_error(row)
        found.append((row, fastest_within(plain, *goal), fastest_within(proven, *goal)))
    return found
