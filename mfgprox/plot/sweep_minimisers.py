"""R_epsilon of a sweep, as figures 1 and 2 of the paper show it: between P and Q."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure

from mfgprox.grid import AXES
from mfgprox.plot.fields import View, draw_contours, draw_density, project
from mfgprox.plot.style import COLORS, TIME_MAP, WIDTH, new_figure
from mfgprox.problem import Problem

Family = list[tuple[float, list[tuple[float, np.ndarray]]]]
"""For each p the values of epsilon with their R."""
SHOWN = 5
PANEL = (WIDTH - 0.9) / (SHOWN + 2)
"""Inches that an image is wide."""
SEEN = 1e-3
"""Share of its top from which a density on the line is worth a place in the picture."""


def draw_curves(problem: Problem, rows: Family) -> Figure:
    """R_epsilon on the line, coloured by epsilon, with P and Q; a panel for each p."""
    figure = new_figure(WIDTH, 2.6 * len(rows) + 0.3)
    panels = list(figure.subplots(len(rows), 1, squeeze=False, sharex=True)[:, 0])
    every = [epsilon for _, found in rows for epsilon, _ in found]
    norm = _norm(every)
    for axes, (p, found) in zip(panels, rows, strict=True):
        _draw_line(axes, problem, found, norm)
        axes.set_ylabel("density (per unit length)")
        axes.set_title(f"$p = {p:g}$", loc="left")
    panels[0].legend()
    panels[-1].set_xlabel("$x$")
    panels[0].set_xlim(*_interval(problem, [R for _, found in rows for _, R in found]))
    bar = figure.colorbar(ScalarMappable(norm, _shortened()), ax=panels, pad=0.02)
    bar.set_label(r"$\varepsilon$ of $R_\varepsilon$")
    bar.outline.set_linewidth(0.5)
    _heading(figure, problem)
    return figure


def _draw_line(
    axes: Axes, problem: Problem, found: list[tuple[float, np.ndarray]], norm: Normalize
) -> None:
    x, colors = problem.grid.centers(0), _shortened()
    for name, density in (("P", problem.P), ("Q", problem.Q)):
        axes.fill_between(x, density, color=COLORS[name], alpha=0.13, linewidth=0)
        axes.plot(
            x, density, color=COLORS[name], linestyle=(0, (4, 1.5)), label=f"${name}$", zorder=3
        )
    for epsilon, R in found:
        axes.plot(x, R, color=colors(norm(epsilon)), linewidth=1.2)
    axes.set_ylim(bottom=0.0)


def draw_images(problem: Problem, rows: Family) -> Figure:
    """R_epsilon in the plane for some values of epsilon between P and Q; a row for each p.

    In three dimensions the axis z is integrated out.
    """
    grid, plane = problem.grid, (0, 1)
    densities = [problem.P, problem.Q, *(R for _, found in rows for _, R in found)]
    view = View.around(grid, densities, plane)
    P, Q = (project(density, grid, plane) for density in (problem.P, problem.Q))
    across, up = (high - low for low, high in view.bounds)
    height = float(np.clip(PANEL * up / across, 0.5, 3.0))
    figure = new_figure(WIDTH, (height + 0.6) * len(rows) + 0.25)
    panels = figure.subplots(len(rows), SHOWN + 2, squeeze=False)
    for line, (p, found) in zip(panels, rows, strict=True):
        shown = [("$P$", P), *_titled(found, problem, plane), ("$Q$", Q)]
        for axes, (title, density) in zip(line, shown, strict=False):
            draw_density(axes, density, grid, view)
            draw_contours(axes, P, grid, view, COLORS["P"])
            draw_contours(axes, Q, grid, view, COLORS["Q"])
            axes.set_title(title, fontsize=8.0)
            axes.tick_params(labelleft=axes is line[0], labelsize=6.5)
            axes.set_xlabel(f"${AXES[plane[0]]}$", labelpad=1.0)
        for axes in line[len(shown) :]:
            axes.set_visible(False)
        line[0].set_ylabel(f"${AXES[plane[1]]}$,  $p = {p:g}$")
    _heading(figure, problem)
    return figure


def _titled(
    found: list[tuple[float, np.ndarray]], problem: Problem, plane: tuple[int, int]
) -> list[tuple[str, np.ndarray]]:
    """At most SHOWN members, spread evenly over the sweep, its ends included."""
    wanted = np.linspace(0, len(found) - 1, min(SHOWN, len(found))).round().astype(int)
    return [
        (rf"$R$, $\varepsilon = {found[k][0]:.3g}$", project(found[k][1], problem.grid, plane))
        for k in wanted
    ]


def _interval(problem: Problem, densities: list[np.ndarray]) -> tuple[float, float]:
    """The part of the line in which P, Q or an R is to be seen."""
    every = [problem.P, problem.Q, *densities]
    seen = np.flatnonzero(np.any([d > SEEN * d.max() for d in every], axis=0))
    edges = problem.grid.edges(0)
    return float(edges[seen[0]]), float(edges[seen[-1] + 1])


def _norm(values: list[float]) -> Normalize:
    low, high = min(values), max(values)
    return LogNorm(low, high) if high > low else LogNorm(low / 2.0, low * 2.0)


def _shortened() -> ListedColormap:
    """The colours of time, without those that are as pale as the paper."""
    return ListedColormap([TIME_MAP(0.88 * t) for t in np.linspace(0.0, 1.0, 256)])


def _heading(figure: Figure, problem: Problem) -> None:
    name = " ".join(problem.title.split())[:100].replace("$", r"\$")
    figure.suptitle(name or "Proximal optimal transport")
