"""The race as pictures: time against true error of the value and of R, and memory."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from benchmarks.peers.standings import (
    PUBLISHED,
    PUBLISHED_PROBLEM,
    R_error,
    Row,
    ours,
    solved,
    value_error,
)
from benchmarks.problems import CONTESTS
from mfgprox.plot.style import WIDTH, new_figure, styled

LOOKS = {
    "mfgprox newton": ("#0072B2", "o"),
    "mfgprox newton, bounds": ("#0072B2", "s"),
    "mfgprox auto, bounds": ("#009E73", ">"),
    "mfgprox semi-discrete": ("#009E73", "d"),
    "mfgprox back-and-forth": ("#56B4E9", "<"),
    "mfgprox primal-dual": ("#56B4E9", "^"),
    "mfgprox fictitious-play": ("#009E73", "v"),
    "OTT-JAX kernel": ("#D55E00", "D"),
    "OTT-JAX log": ("#D55E00", "P"),
    "POT": ("#E69F00", "X"),
    "MultiScaleOT": ("#CC79A7", "p"),
    "GeomLoss (R given)": ("#000000", "*"),
    "Clarabel": ("#7F7F7F", "h"),
}
"""Colours of Okabe and Ito; a marker a method, so that no colour is needed."""
BACK_AND_FORTH = "back-and-forth (published, scaled)"
SHOWN = {
    "benchmark_peers": ("mixtures-0.5",),
    "benchmark_mixtures": ("mixtures-0.05", "mixtures-2", "mixtures-10"),
    "benchmark_gaussians": ("gaussians-0.05", "gaussians-0.5", "gaussians-2", "gaussians-10"),
    "benchmark_rough": ("bumps-2", "ring-0.5", "pictures-0.1"),
}
FINEST = 1e-16
DPI = 150


def plot(path: Path) -> list[Path]:
    """Draw what was measured beside its JSON file; returns the PNG files."""
    found = json.loads(path.read_text())
    measured = {row["problem"] for row in found["rows"]}
    drawn = []
    with styled():
        for name, problems in SHOWN.items():
            here = [p for p in problems if p in measured]
            if here:
                figure = race_figure(found["rows"], here, found["factor"]["factor"])
                drawn.append(_saved(figure, path.with_name(f"{name}.png")))
        figure = memory_figure(found["rows"])
        drawn.append(_saved(figure, path.with_name("benchmark_memory.png")))
    return drawn


def race_figure(rows: list[Row], problems: list[str], factor: float) -> Figure:
    """A row of two panels for each problem; lines join what no setting of a method beats."""
    figure = new_figure(WIDTH, 0.75 + 2.65 * len(problems))
    panels = figure.subplots(len(problems), 2, squeeze=False, sharey="row")
    for (left, right), problem in zip(panels, problems, strict=True):
        here = solved(rows, problem)
        _panel(left, here, value_error)
        _panel(right, [row for row in here if math.isfinite(R_error(row))], R_error)
        if problem == PUBLISHED_PROBLEM:
            for axes, k in ((left, 2), (right, 3)):
                points = [(p[k], p[1] * factor) for p in PUBLISHED]
                axes.plot(*zip(*points, strict=True), "<", mfc="none", mec="#555555", ms=4.5)
        left.set_title(f"{CONTESTS[problem].title}: the value D", loc="left")
        right.set_title(f"{CONTESTS[problem].title}: the minimiser R", loc="left")
        left.set_ylabel("processor seconds")
    panels[-1, 0].set_xlabel("relative error of D (more accurate to the right)")
    panels[-1, 1].set_xlabel(r"$\int|R - R_{\mathrm{exact}}|$")
    _legend(figure, panels, PUBLISHED_PROBLEM in problems)
    return figure


def _panel(axes: Axes, rows: list[Row], error: Callable[[Row], float]) -> None:
    axes.set(xscale="log", yscale="log")
    errors = [max(error(row), FINEST) for row in rows] or [1.0]
    # Whole decades, so that every panel has labels and none overlap.
    axes.set_xlim(10.0 ** math.ceil(math.log10(max(errors))), 10.0 ** _below(min(errors)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(True, which="major", color="0.9", linewidth=0.5)
    for series, (color, marker) in LOOKS.items():
        own = [row for row in rows if row["series"] == series]
        if not own:
            continue
        size = 4.5 if ours(own[0]) else 5.0
        points = np.array([[max(error(row), FINEST), row["seconds"]] for row in own])
        axes.plot(*points.T, marker, color=color, ms=size, alpha=0.35, mew=0.0)
        best = np.array([[max(error(row), FINEST), row["seconds"]] for row in _best(own, error)])
        style = "--" if "bounds" in series else "-"
        axes.plot(
            *best.T, style, marker=marker, color=color, ms=size, mew=0.0, label=series, lw=1.1
        )


def _below(error: float) -> int:
    return math.ceil(math.log10(error)) - 1


def _best(rows: list[Row], error: Callable[[Row], float]) -> list[Row]:
    """Those that are more accurate than everything faster."""
    kept: list[Row] = []
    for row in sorted(rows, key=lambda row: row["seconds"]):
        if not kept or error(row) < error(kept[-1]):
            kept.append(row)
    return kept


def _legend(figure: Figure, panels: np.ndarray, published: bool) -> None:
    handles: dict[str, Artist] = {}
    for axes in panels.flat:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if published:
        (handle,) = panels[0, 0].plot([], [], "<", mfc="none", mec="#555555", ms=4.5)
        handles[BACK_AND_FORTH] = handle
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=4, columnspacing=1.2
    )


def memory_figure(rows: list[Row]) -> Figure:
    """Largest resident memory above what is loaded and compiled, against the size of the grid."""
    figure = new_figure(0.62 * WIDTH, 3.4)
    axes = figure.subplots()
    axes.set(xscale="log", yscale="log", xlabel="cells an axis", ylabel="MB above what is loaded")
    axes.grid(True, which="major", color="0.9", linewidth=0.5)
    problems = {row["problem"] for row in rows}
    everything = [row for problem in problems for row in solved(rows, problem)]
    sizes = sorted({row["n"] for row in everything})
    for series, (color, marker) in LOOKS.items():
        largest: dict[int, float] = {}
        for row in (row for row in everything if row["series"] == series):
            above = row["peak_mb"] - row["base_mb"]
            largest[row["n"]] = max(above, largest.get(row["n"], 0.0))
        shown = sorted((n, mb) for n, mb in largest.items() if mb > 1.0)
        if shown:
            axes.plot(*zip(*shown, strict=True), marker=marker, color=color, ms=4.5, label=series)
    axes.set_xticks(sizes, [str(n) for n in sizes])
    axes.minorticks_off()
    figure.legend(loc="outside right center", fontsize=7.0)
    return figure


def _saved(figure: Figure, path: Path) -> Path:
    figure.savefig(path, dpi=DPI)
    return path
