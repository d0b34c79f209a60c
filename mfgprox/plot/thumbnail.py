"""A small picture of a problem or a solution, quickly drawn, for notebooks."""

from __future__ import annotations

import io

import numpy as np

from mfgprox.plot.fields import View, draw_contours, draw_density, project
from mfgprox.plot.style import COLORS, last_name, new_figure, styled, time_color
from mfgprox.problem import Problem
from mfgprox.solution import Solution

BETWEEN = 3
"""Densities on the way that are drawn beside the ends."""
DPI = 90


def thumbnail(problem: Problem, solution: Solution | None = None) -> bytes:
    """A PNG of P and Q, and of R and the way to it where there is a solution.

    Three axes are projected onto x and y.
    """
    buffer = io.BytesIO()
    with styled():
        draw = _curves if problem.grid.dimension == 1 else _images
        draw(problem, solution).savefig(
            buffer, format="png", dpi=DPI, metadata={"Software": "mfgprox"}
        )
    return buffer.getvalue()


def _curves(problem: Problem, solution: Solution | None):
    figure = new_figure(4.6, 2.4)
    axes, x = figure.subplots(), problem.grid.centers(0)
    for time, density in _between(solution):
        axes.plot(x, density, color=time_color(time / _end(solution)), linewidth=0.7)
    axes.plot(x, problem.P, color=COLORS["P"], label="$P$")
    axes.plot(x, problem.Q, color=COLORS["Q"], linestyle=(0, (4, 1.5)), label="$Q$")
    if solution is not None:
        axes.plot(x, solution.R, color=COLORS["R"], label=last_name(solution))
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("$x$")
    axes.set_ylabel("per unit length")
    axes.legend()
    return figure


def _images(problem: Problem, solution: Solution | None):
    shown = {"$P$": problem.P, "$Q$": problem.Q}
    if solution is not None:
        way = {f"$t = {time:.2g}$": density for time, density in _between(solution)}
        shown = {"$P$": problem.P, **way, last_name(solution): solution.R, "$Q$": problem.Q}
    grid = problem.grid
    view = View.around(grid, list(shown.values()), (0, 1))
    (left, right), (low, high) = view.bounds
    ratio = float(np.clip((high - low) / (right - left), 0.3, 2.0))
    figure = new_figure(1.5 * len(shown) + 0.4, 1.3 * ratio + 0.6)
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    Q = project(problem.Q, grid, (0, 1))
    for axes, (name, density) in zip(panels, shown.items(), strict=True):
        draw_density(axes, project(density, grid, (0, 1)), grid, view)
        if name != "$Q$":
            draw_contours(axes, Q, grid, view, COLORS["Q"])
        axes.set_title(name)
        axes.set_xlabel("$x$", labelpad=1.0)
        axes.locator_params(nbins=3)
    panels[0].set_ylabel("$y$")
    for axes in panels[1:]:
        axes.tick_params(labelleft=False)
    return figure


def _between(solution: Solution | None) -> list[tuple[float, np.ndarray]]:
    """Times and densities of a few levels strictly between the first and the last."""
    if solution is None:
        return []
    last = len(solution.times) - 1
    levels = {round(last * (i + 1) / (BETWEEN + 1)) for i in range(BETWEEN)} - {0, last}
    return [(float(solution.times[k]), solution.rho[k]) for k in sorted(levels)]


def _end(solution: Solution | None) -> float:
    return float(solution.times[-1]) if solution is not None else 1.0
