"""Fields of two and three space axes as images, one for each of several times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage

from mfgprox.grid import AXES
from mfgprox.plot.convergence import draw_convergence
from mfgprox.plot.fields import (
    View,
    cut_through,
    draw_arrows,
    draw_contours,
    draw_density,
    draw_key,
    draw_potential,
    project,
)
from mfgprox.plot.style import (
    COLORS,
    WIDTH,
    finite_range,
    heading,
    last_name,
    new_figure,
    panel_label,
    potential_unit,
    shown_levels,
    time_label,
    with_mass,
)
from mfgprox.solution import Solution

SHOWN = 5
PLANES = ((0, 1), (0, 2), (1, 2))
"""Pairs of axes onto which three-dimensional densities are projected."""
LETTERS = "abcdef"
ROOM = 0.6
"""Inches of a row beside its images: ticks and labels."""


def views_of(solution: Solution) -> list[View]:
    """The planes in which a solution is shown."""
    planes = PLANES if solution.problem.grid.dimension == 3 else PLANES[:1]
    return [View.around_mass(solution, plane) for plane in planes]


def images_figure(solution: Solution) -> Figure:
    """Rows of images: rho_t (a row for each plane), U_t, and Q and R beside the convergence."""
    views, levels = views_of(solution), shown_levels(solution.times, SHOWN)
    heights = [_height(view) for view in [*views, views[0]]] + [max(1.4, _height(views[0]))]
    figure = new_figure(WIDTH, sum(heights) + ROOM * len(heights) + 0.5)
    shares = [height + ROOM for height in heights]
    rows = list(figure.subfigures(len(heights), 1, squeeze=False, height_ratios=shares)[:, 0])
    for row, view, letter in zip(rows, views, LETTERS, strict=False):
        panel_label(_density_row(row, solution, levels, view, titles=letter == "a"), letter)
    panel_label(_potential_row(rows[-2], solution, levels, views[0]), LETTERS[len(views)])
    _last_row(rows[-1], solution, views[0], LETTERS[len(views) + 1 :])
    heading(figure, solution)
    return figure


def _density_row(
    row: SubFigure, solution: Solution, levels: list[int], view: View, titles: bool
) -> Axes:
    grid = solution.problem.grid
    shown = [project(solution.rho[k], grid, view.plane) for k in levels]
    Q, top = project(solution.problem.Q, grid, view.plane), max(float(s.max()) for s in shown)
    panels = _panels(row, len(levels))
    for axes, k, density in zip(panels, levels, shown, strict=True):
        image = draw_density(axes, density, grid, view, top)
        draw_contours(axes, Q, grid, view, COLORS["Q"])
        if titles:
            if k == 0:
                draw_key(axes, "Q", density / top + Q / Q.max(), grid, view)
            axes.set_title(time_label(solution.times[k], bool(solution.flow)))
    _label(panels, view)
    (gone,) = {0, 1, 2} - set(view.plane)
    integral = rf"$\int\rho_t\,\mathrm{{d}}{AXES[gone]}$" if grid.dimension == 3 else r"$\rho_t$"
    _bar(row, image, panels, f"{integral} (per unit area)")
    return panels[0]


def _potential_row(row: SubFigure, solution: Solution, levels: list[int], view: View) -> Axes:
    """U_t, fading out with the mass, and the velocity that it drives; in 3-D on a cut."""
    grid = solution.problem.grid
    cut = cut_through(solution)
    U = np.array([solution.U[k][cut] for k in levels])
    rho = np.array([solution.rho[k][cut] for k in levels])
    low_high = finite_range(U, with_mass(rho))
    panels = _panels(row, len(levels))
    for axes, potential, density in zip(panels, U, rho, strict=True):
        image = draw_potential(axes, potential, density, grid, view, low_high)
    draw_arrows(panels, solution, levels, cut, view)
    _label(panels, view)
    where = f" at $z = {grid.centers(2)[cut[0]]:.2g}$" if cut else ""
    _bar(row, image, panels, f"$U_t${where} ({potential_unit(solution)})")
    return panels[0]


def _last_row(row: SubFigure, solution: Solution, view: View, letters: str) -> None:
    """Q and R, and the convergence."""
    grid = solution.problem.grid
    left, right = row.subfigures(1, 2, squeeze=False, width_ratios=[2.0, 3.0])[0]
    panels = _panels(left, 2)
    shown = [project(d, grid, view.plane) for d in (solution.problem.Q, solution.R)]
    top = max(float(density.max()) for density in shown)
    names = ("$Q$", last_name(solution))
    for axes, name, density in zip(panels, names, shown, strict=True):
        draw_density(axes, density, grid, view, top)
        axes.set_title(name)
    _label(panels, view)
    panel_label(panels[0], letters[0])
    axes = right.subplots()
    draw_convergence(axes, solution)
    panel_label(axes, letters[1])


def _panels(row: SubFigure, count: int) -> list[Axes]:
    return [row.add_subplot(1, count, i + 1) for i in range(count)]


def _label(panels: Sequence[Axes], view: View) -> None:
    across, up = (AXES[axis] for axis in view.plane)
    panels[0].set_ylabel(f"${up}$")
    for axes in panels:
        axes.set_xlabel(f"${across}$", labelpad=1.0)
    for axes in panels[1:]:
        axes.tick_params(labelleft=False)


def _bar(row: SubFigure, image: AxesImage, panels: Sequence[Axes], label: str) -> None:
    bar = row.colorbar(image, ax=panels, pad=0.01, aspect=14, shrink=0.85)
    bar.set_label(label, fontsize=8.0)
    bar.outline.set_linewidth(0.5)


def _height(view: View) -> float:
    """Inches that an image of this view needs, within what a page can bear."""
    across, up = (high - low for low, high in view.bounds)
    return float(np.clip(1.15 * up / across, 0.55, 2.2))
