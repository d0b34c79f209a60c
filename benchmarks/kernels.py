"""How far each hot kernel is from the bandwidth of memory: `python -m benchmarks kernels`.

The solvers run as users run them, on one thread, with a stopwatch around every kernel. For its
largest calls: time, bytes that must move, their rate, and its share of the triad's rate in the same
run. A kernel far below that computes; what it computes is named, and exp gives the scale.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numba
from matplotlib.axes import Axes

from benchmarks.bandwidth import machine
from benchmarks.meter import Timed, metered
from benchmarks.traffic import TRAFFIC
from benchmarks.workloads import TASKS, product_of_mixtures
from mfgprox.plot.style import COLORS, new_figure, styled

NAME = "kernels"
COUNTS = {name: traffic.count for name, traffic in TRAFFIC.items()}
# Task, cells and time steps in full, and of the quick run. Arrays in full are larger than caches.
RUNS = (
    ("static newton", ((1024, 1024), 1), ((128, 128), 1)),
    ("static newton", ((96, 96, 96), 1), ((24, 24, 24), 1)),
    ("dynamic pair", ((256, 256), 32), ((48, 48), 8)),
    ("certificate", ((512, 512), 1), ((64, 64), 1)),
    ("primal-dual", ((256, 256), 32), ((24, 24), 8)),
    ("fictitious-play", ((256, 256), 32), ((32, 32), 8)),
)
SHOWN = 0.01
"""Kernels with less than this share of a task's time are left out."""
LEFT = 5e-4
"""The smallest share of the triad's rate that the plot shows."""


def run(output: Path, quick: bool) -> Path:
    """Measure on one thread; returns the JSON file in the folder `output`."""
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        before = machine()
        tasks = [_measured(task, *(small if quick else full)) for task, full, small in RUNS]
        after = machine()
    finally:
        numba.set_num_threads(threads)
    limits = {k: (min if k.endswith("ns") else max)(before[k], after[k]) for k in before}
    path = output / f"{NAME}.json"
    output.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": limits, "quick": quick, "tasks": tasks}, indent=1))
    return path


def _measured(name: str, cells: tuple[int, ...], time_steps: int) -> dict[str, Any]:
    """One task, its time, and its kernels by their share of it."""
    task = TASKS[name]
    call = task.prepare(product_of_mixtures(cells, time_steps))
    call()  # compiles everything
    with metered(COUNTS) as kernels:
        began = time.process_time()
        call()
        seconds = time.process_time() - began
    rows = [_row(n, t, seconds) for n, t in kernels.items()]
    rows.sort(key=lambda row: -row["share"])
    return {
        "task": name,
        "cells": cells,
        "time_steps": time_steps if task.in_time else None,
        "seconds": seconds,
        "outside": 1.0 - sum(row["share"] for row in rows),
        "kernels": [row for row in rows if row["share"] >= SHOWN],
    }


def _row(name: str, timed: Timed, total: float) -> dict[str, Any]:
    row: dict[str, Any] = {"kernel": name, "share": timed.seconds / total, "calls": timed.calls}
    if timed.fastest:
        elements, size, seconds = timed.largest
        row |= {
            "elements": elements,
            "of": TRAFFIC[name].of,
            "bytes": size,
            "seconds": seconds,
            "work": TRAFFIC[name].work,
        }
    return row


def table(path: Path) -> str:
    """Markdown."""
    found = json.loads(path.read_text())
    m = found["machine"]
    lines = [
        f"One thread: copy {m['copy']:.0f} GB/s, triad {m['triad']:.0f} GB/s, "
        f"exp {m['exp_ns']:.1f} ns.",
    ]
    for task in found["tasks"]:
        lines += [
            "",
            f"**{_title(task)}**: {task['seconds']:.2f} s, "
            f"{task['outside']:.0%} of it outside kernels",
            "",
            "| kernel | share | largest call | ns each | GB/s | of the triad | what else it does |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [_line(row, m["triad"]) for row in task["kernels"]]
    return "\n".join(lines) + "\n"


def _line(row: dict[str, Any], triad: float) -> str:
    head = f"| `{row['kernel']}` | {row['share']:.0%} "
    if "bytes" not in row:
        return head + "| | | | | |"
    rate = row["bytes"] / row["seconds"] * 1e-9
    return head + (
        f"| {row['elements']:,} {row['of']}s | {1e9 * row['seconds'] / row['elements']:.3g} "
        f"| {rate:.1f} | {rate / triad:.0%} | {row['work']} |"
    )


def plot(path: Path) -> list[Path]:
    """A bar for every kernel: the share of the triad's rate that it reaches."""
    found = json.loads(path.read_text())
    tasks = [(t, [r for r in t["kernels"] if "bytes" in r]) for t in found["tasks"]]
    half = (len(tasks) + 1) // 2
    columns = tasks[:half], tasks[half:]
    longest = max(sum(len(rows) + 1.5 for _, rows in column) for column in columns)
    with styled():
        figure = new_figure(10.0, 0.17 * longest + 1.0)
        for axes, column in zip(figure.subplots(1, 2), columns, strict=True):
            _bars(axes, column, found["machine"]["triad"])
            axes.set_ylim(longest, -0.8)
        figure.suptitle(
            "Rate of the bytes that must move, as a share of the triad's; shares of the task's "
            "time beside the names\nblue: kernels that only move and add; "
            "orange: kernels with more work an element; ns an element at the bars"
        )
        image = path.with_suffix(".png")
        figure.savefig(image, dpi=130)
    return [image]


def _bars(axes: Axes, tasks: list, triad: float) -> None:
    place, ticks, names = 0.0, [], []
    for task, rows in tasks:
        axes.text(LEFT * 1.15, place, _title(task), fontweight="bold", va="center")
        place += 1.0
        for row in rows:
            share = row["bytes"] / row["seconds"] * 1e-9 / triad
            axes.barh(place, share, 0.75, color=COLORS["Q" if row["work"] else "P"], alpha=0.85)
            each = f"{1e9 * row['seconds'] / row['elements']:.3g}"
            axes.text(max(share, LEFT) * 1.1, place, each, va="center", fontsize=7)
            ticks.append(place)
            names.append(f"{row['kernel'].split('.')[1]}  {row['share']:.0%}")
            place += 1.0
        place += 0.5
    axes.set_xscale("log")
    axes.set_xlim(LEFT, 8.0)
    axes.axvline(1.0, color="black", linewidth=0.8, linestyle=":")
    axes.set_yticks(ticks, names, fontsize=7)


def _title(task: dict[str, Any]) -> str:
    size = " × ".join(str(n) for n in task["cells"])
    return f"{task['task']}, {size}" + (f" × {task['time_steps']}" if task["time_steps"] else "")
