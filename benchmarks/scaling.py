"""How our own time and memory grow: `python -m benchmarks scaling`.

Every measurement is a process of its own. One thread is measured in processor time, two threads in
wall time. Slopes are those of the largest half of the sizes.
"""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from benchmarks.machine import description
from benchmarks.measure import MIB, measured
from benchmarks.workloads import TASKS
from mfgprox.plot.style import new_figure, styled

NAME = "scaling"
# Cells an axis in 1, 2 and 3 dimensions; the quick run takes the first QUICK of them.
SIZES = {
    "static newton": (
        (64, 256, 1024, 4096, 16384, 65536),
        (32, 64, 128, 256, 512, 1024, 2048, 4096),
        (16, 32, 64, 96, 128),
    ),
    "dynamic pair": ((64, 256, 1024, 4096), (32, 64, 128, 256), (16, 24, 32)),
    "certificate": ((64, 256, 1024, 4096), (32, 64, 128, 256, 512), (16, 24, 32)),
    "primal-dual": ((64, 128, 256), (32, 64, 128), (12, 16, 24)),
    "fictitious-play": ((64, 128, 256, 512), (32, 64, 128), (12, 16, 24)),
}
QUICK = 2
TIME_STEPS = 32
THREADED = 1 << 14
"""Cells from which two threads are measured too: smaller arrays stay on one."""
LEAST_MIB = 4.0
COLORS = ("#0072B2", "#D55E00", "#009E73")
MARKERS = ("o", "s", "^")


def run(output: Path, quick: bool) -> Path:
    """Measure; returns the JSON file in the folder `output`."""
    rows, failed = [], []
    for task, cells, threads in _plan(quick):
        try:
            rows.append(measured(task, cells, TIME_STEPS, threads))
        except subprocess.CalledProcessError as error:
            reason = (error.stderr or "").strip().splitlines()[-1:] or [f"exit {error.returncode}"]
            failed.append({"task": task, "cells": cells, "threads": threads, "why": reason[0]})
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{NAME}.json"
    found = {"machine": description(), "quick": quick, "rows": rows, "failed": failed}
    path.write_text(json.dumps(found, indent=1))
    return path


def _plan(quick: bool) -> Iterator[tuple[str, tuple[int, ...], int]]:
    for task, by_dimension in SIZES.items():
        for d, sizes in enumerate(by_dimension, 1):
            for n in sizes[:QUICK] if quick else sizes:
                yield task, (n,) * d, 1
                if n**d >= THREADED:
                    yield task, (n,) * d, 2


def table(path: Path) -> str:
    """Markdown: a row a measurement, and the slopes."""
    found = json.loads(path.read_text())
    lines = [
        f"{found['machine']['processor']}, {found['machine']['cores']} cores. Seconds: processor "
        "time of one thread, wall time of two. Memory: the largest resident size less that of the "
        "imports; bytes a cell without the compiled code.",
        "",
        "| task | cells | s, one thread | s, two threads | µs a cell | MiB | bytes a cell |",
        "|---|---|---|---|---|---|---|",
    ]
    twice = {(r["task"], *r["cells"]): r["wall"] for r in found["rows"] if r["threads"] == 2}
    for row in found["rows"]:
        if row["threads"] == 1:
            lines.append(_line(row, twice.get((row["task"], *row["cells"]))))
    lines += ["", "| task | dimension | seconds ∝ cells^ | bytes ∝ cells^ |", "|---|---|---|---|"]
    for task in SIZES:
        for d in (1, 2, 3):
            rows = _series(found, task, d)
            slopes = [_slope_in_words(rows, "cpu"), _slope_in_words(_telling(rows), "arrays")]
            lines.append(f"| {task} | {d} | {slopes[0]} | {slopes[1]} |")
    lines += [f"\nfailed: {f['task']} {f['cells']}: {f['why']}" for f in found["failed"]]
    return "\n".join(lines) + "\n"


def _line(row: dict[str, Any], two: float | None) -> str:
    count = cells_of(row)
    memory = row["peak"] - row["imports"]
    row = _with_arrays(row)
    return (
        f"| {row['task']} | {_size(row)} | {row['cpu']:.3g} | {f'{two:.3g}' if two else ''} "
        f"| {1e6 * row['cpu'] / count:.3g} | {memory:.0f} | {row['arrays'] * MIB / count:.0f} |"
    )


def _size(row: dict[str, Any]) -> str:
    n, d = row["cells"][0], len(row["cells"])
    steps = f" × {row['time_steps']}" if "time_steps" in row else ""
    return f"{n:,}{('', '', '²', '³')[d]}{steps}"


def cells_of(row: dict[str, Any]) -> int:
    """Cells, or space–time cells of a task in time."""
    return math.prod(row["cells"]) * row.get("time_steps", 1)


def _with_arrays(row: dict[str, Any]) -> dict[str, Any]:
    """With the MiB of its arrays: what it took above the compiled code."""
    return row | {"arrays": max(row["peak"] - row["compiled"], 0.0)}


def _series(found: dict[str, Any], task: str, d: int) -> list[dict[str, Any]]:
    """Measurements of one thread, by size."""
    rows = [
        _with_arrays(r)
        for r in found["rows"]
        if r["task"] == task and len(r["cells"]) == d and r["threads"] == 1
    ]
    return sorted(rows, key=cells_of)


def _telling(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those whose arrays stand out of what the system gives and takes by the page."""
    return [r for r in rows if r["arrays"] >= LEAST_MIB]


def _slope_in_words(rows: list[dict[str, Any]], key: str) -> str:
    return f"{slope(rows, key):.2f}" if len(rows) > 1 else "–"


def slope(rows: list[dict[str, Any]], key: str) -> float:
    """Least-squares exponent over the larger half of the sizes, at least two."""
    kept = rows[min(len(rows) // 2, len(rows) - 2) :]
    x = np.log([cells_of(r) for r in kept])
    y = np.log([r[key] for r in kept])
    return float(np.polyfit(x, y, 1)[0])


def plot(path: Path) -> list[Path]:
    """Seconds and memory against cells, a panel a task."""
    found = json.loads(path.read_text())
    with styled():
        figure = new_figure(10.5, 5.2)
        panels = figure.subplots(2, len(TASKS), sharex="col")
        for column, task in zip(panels.T, TASKS, strict=True):
            for d in (1, 2, 3):
                rows = _series(found, task, d)
                _curve(column[0], rows, "cpu", d)
                _curve(column[1], _telling(rows), "arrays", d)
            column[0].set_title(task)
            what = "space–time cells" if TASKS[task].in_time else "cells"
            column[1].set_xlabel(what)
        panels[0, 0].set_ylabel("seconds, one thread")
        panels[1, 0].set_ylabel("MiB of arrays")
        for axes in panels.ravel():
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.margins(x=0.25, y=0.12)
        panels[0, 0].legend(loc="upper left")
        image = path.with_suffix(".png")
        figure.savefig(image, dpi=130)
    return [image]


def _curve(axes: Axes, rows: list[dict[str, Any]], key: str, d: int) -> None:
    x, y = [cells_of(r) for r in rows], [r[key] for r in rows]
    axes.plot(x, y, color=COLORS[d - 1], marker=MARKERS[d - 1], markersize=3.5, label=f"{d}-D")
    if len(rows) > 1:
        axes.annotate(
            f"{slope(rows, key):.2f}",
            (x[-1], y[-1]),
            xytext=(4, 0),
            textcoords="offset points",
            color=COLORS[d - 1],
            fontsize=7,
            va="center",
        )
