"""The panel that shows how a solve converged: its gap, level by level."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mfgprox.plot.style import COLORS
from mfgprox.solution import Solution

MANY = 8
"""Grids up to which each is called by a word and its number, for more of them there is no room."""


def draw_convergence(axes: Axes, solution: Solution) -> None:
    """|gap| against the iteration, with exploitability, the tolerance and the nested grids."""
    axes.set_xlabel("inner solve" if solution.flow else "iteration")
    axes.set_ylabel("gap (units of cost)")
    history = solution.history
    gap, exploitability = history.get("gap"), history.get("exploitability")
    if not _line(axes, gap, color=COLORS["P"], label="primal value $-$ dual value", marker="."):
        axes.text(0.5, 0.5, "no gap was recorded", ha="center", transform=axes.transAxes)
        return
    if not _same(gap, exploitability):
        _line(axes, exploitability, color=COLORS["Q"], label="exploitability", marker="x")
    axes.set_yscale("log")
    _tolerance(axes, solution)
    _levels(axes, history.get("level"))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(axes.get_legend_handles_labels()[1]) > 1:
        axes.legend(loc="best")


def _line(axes: Axes, column: np.ndarray | None, **style: Any) -> bool:
    """Draw the sizes that are recorded and above zero; say whether there were any."""
    size = np.abs(column) if column is not None else np.array([])
    kept = np.isfinite(size) & (size > 0.0)
    if kept.any():
        axes.plot(np.flatnonzero(kept) + 1, size[kept], markersize=3.0, linewidth=1.0, **style)
    return bool(kept.any())


def _same(gap: np.ndarray | None, other: np.ndarray | None) -> bool:
    """Whether a second line would only hide the first."""
    if gap is None or other is None:
        return False
    both = np.isfinite(gap) & np.isfinite(other)
    return bool(both.any() and np.allclose(gap[both], other[both], rtol=0.02, atol=0.0))


def _tolerance(axes: Axes, solution: Solution) -> None:
    case = solution.problem.case
    if case is not None:
        tolerance = case.solver.tolerance()
        bound = tolerance.atol + tolerance.rtol * abs(solution.dual_value)
        if bound > 0.0:
            axes.axhline(bound, color="0.4", linewidth=0.8, linestyle=":")
            axes.annotate(
                "tolerance",
                (1.0, bound),
                xycoords=axes.get_yaxis_transform(),
                # Outside, where no curve goes.
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=7.5,
                color="0.35",
            )


def _levels(axes: Axes, level: np.ndarray | None) -> None:
    """Shade every other grid and number them as they were visited; where words find no room the
    numbers stand alone, and the axis says what they are."""
    if level is None or not np.isfinite(level).all() or np.ptp(level) == 0.0:
        return
    starts = [0, *(np.flatnonzero(np.diff(level)) + 1), len(level)]
    axes.set_xlim(0.5, len(level) + 0.5)
    words = len(starts) - 1 <= MANY
    if not words:
        axes.set_xlabel(f"{axes.get_xlabel()} (above: which grid)")
    least = (0.06 if words else 0.03) * len(level)
    for number, (a, b) in enumerate(itertools.pairwise(starts)):
        if number % 2 == 0:
            axes.axvspan(a + 0.5, b + 0.5, color="0.93", linewidth=0, zorder=0)
        if b - a > least:
            axes.text(
                0.5 * (a + b) + 0.5,
                0.97,
                f"{'grid ' if words else ''}{int(level[a]) + 1}",
                transform=axes.get_xaxis_transform(),
                ha="center",
                va="top",
                fontsize=7.5,
                color="0.35",
            )
