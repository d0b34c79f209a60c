"""The race as Markdown."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from benchmarks.peers.standings import (
    OWN,
    OWN_WITH_BOUNDS,
    PUBLISHED,
    PUBLISHED_PROBLEM,
    Row,
    duels,
    fastest_within,
    ours,
    solved,
    value_error,
)
from benchmarks.problems import CONTESTS


def table(path: Path) -> str:
    """A summary, who is how much faster, and every row."""
    found = json.loads(path.read_text())
    rows = found["rows"]
    names = list(dict.fromkeys(row["problem"] for row in rows))
    lines = [*_head(found), ""]
    for name in names:
        lines += [f"## {CONTESTS[name].title}", "", *_duels(rows, name), ""]
        if name == PUBLISHED_PROBLEM:
            lines += [*_published(rows, found["factor"]["factor"]), ""]
        lines += [*_all(rows, name), ""]
    return "\n".join(lines)


def _head(found: dict[str, Any]) -> list[str]:
    machine = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    lines = [
        f"# mfgprox beside others{' (quick sizes)' if found['quick'] else ''}",
        "",
        f"{machine['processor']}, {machine['cores']} cores (one used), "
        f"{machine['memory_gb']:.0f} GB, Python {machine['python']}; {versions}.",
        "",
        "Times are processor seconds of one solve, compiled, the fastest of "
        "three that alternate with those of the others. What the columns mean: docs/benchmarks.md.",
    ]
    if found.get("earlier"):
        titles = "; ".join(CONTESTS[name].title for name in found["earlier"])
        lines += ["", f"Of an earlier run on a machine of the same kind: {titles}."]
    lines += [f"- {name}: {why}" for name, why in found["absent"].items()]
    return lines


def _duels(rows: list[Row], name: str) -> list[str]:
    """Every best row of the others beside our fastest that is at least as accurate."""
    lines = [
        "Best of the others, and our fastest solve at least as accurate in value and in R:",
        "",
        "| other | n | value | R | s | ours s | times | with bounds s | times |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    found = duels(rows, name)
    for row, plain, proven in found:
        lines.append(
            f"| {row['series']}{_setting(row)} | {row['n']} | {value_error(row):.1e} "
            f"| {row['R_error']:.1e} | {_seconds(row['seconds'])} "
            f"| {_duel(row, plain)} | {_duel(row, proven)} |"
        )
    return lines if found else ["No other method solved it."]


def _duel(row: Row, mine: Row | None) -> str:
    if mine is None:
        return "– | –"
    return f"{_seconds(mine['seconds'])} (n = {mine['n']}) | {row['seconds'] / mine['seconds']:.3g}"


def _published(rows: list[Row], factor: float) -> list[str]:
    lines = [
        f"Back-and-forth in C++, published seconds × {factor:.2f} for this machine:",
        "",
        "| n | value | R | s | ours at that n, s | times | any n, s | times | with bounds, times |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    here = solved(rows, PUBLISHED_PROBLEM)
    own = [row for row in here if row["series"] == OWN]
    proven = [row for row in here if row["series"] == OWN_WITH_BOUNDS]
    for n, seconds, value, R in PUBLISHED:
        seconds *= factor
        same = fastest_within([row for row in own if row["n"] == n], value, R)
        cells = [
            _ratio(seconds, same),
            _ratio(seconds, fastest_within(own, value, R)),
            _ratio(seconds, fastest_within(proven, value, R)).partition("| ")[2],
        ]
        start = f"| {n} | {value:.1e} | {R:.1e} | {_seconds(seconds)} | "
        lines.append(start + " | ".join(cells) + " |")
    return lines


def _ratio(seconds: float, mine: Row | None) -> str:
    if mine is None:
        return "– | –"
    return f"{_seconds(mine['seconds'])} | {seconds / mine['seconds']:.3g}"


def _all(rows: list[Row], name: str) -> list[str]:
    lines = [
        "| method | n | s | value | corrected | by c-transform | R in L1 | MB above base |",
        "|---|---|---|---|---|---|---|---|",
    ]
    here = [row for row in rows if row["problem"] == name]
    for row in sorted(here, key=lambda row: (not ours(row), row["series"], row["n"])):
        start = f"| {row['series']}{_setting(row)} | {row['n']} | "
        if "failed" in row:
            lines.append(f"{start}– | {row['failed']} | | | | |")
            continue
        errors = (row.get(key) for key in ("value_error", "corrected_error", "transform_error"))
        columns = [_seconds(row["seconds"]), *map(_error, errors), _error(row.get("R_error"))]
        above = max(row["peak_mb"] - row["base_mb"], 0.0)
        lines.append(start + " | ".join(columns) + f" | {above:.0f} |")
    return lines


def _setting(row: Row) -> str:
    """The numbers of a setting; the rest is in the name."""
    shown = {k: v for k, v in row["setting"].items() if k in ("reg", "scaling")}
    if "iterations" in row and not ours(row):
        shown["iterations"] = row["iterations"]
    return "".join(f", {name} {value:.3g}" for name, value in shown.items())


def _error(error: float | None) -> str:
    return "" if error is None or not math.isfinite(error) else f"{error:.1e}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2g}" if seconds < 10.0 else f"{seconds:.0f}"
