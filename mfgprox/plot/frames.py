"""What moves in a film: a figure that can show any of the time levels of a solution."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from mfgprox.plot.curves import finite, mass_interval
from mfgprox.plot.fields import draw_contours, draw_density, draw_key, project
from mfgprox.plot.images import views_of
from mfgprox.plot.style import (
    COLORS,
    finite_range,
    heading,
    last_name,
    new_figure,
    potential_unit,
    with_mass,
)
from mfgprox.solution import Solution

Show = Callable[[int], None]


def film_of(solution: Solution) -> tuple[Figure, Show]:
    """A figure and what makes it show time level k."""
    return _curves(solution) if solution.problem.grid.dimension == 1 else _images(solution)


def _curves(solution: Solution) -> tuple[Figure, Show]:
    """rho_t over P, Q and R, and U_t below."""
    problem, x = solution.problem, solution.problem.grid.centers(0)
    base = [x[0], *x, x[-1]]
    figure = new_figure(6.4, 5.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[1.5, 1.0])
    for name, density in (("P", problem.P), ("Q", problem.Q), ("R", solution.R)):
        label = last_name(solution) if name == "R" else f"${name}$"
        upper.plot(x, density, color=COLORS[name], linewidth=1.0, label=label)
    (curve,) = upper.plot(x, solution.rho[0], color="black", linewidth=1.6, label=r"$\rho_t$")
    (area,) = upper.fill(x, 0.0 * x, color="0.5", alpha=0.25, linewidth=0)
    upper.set_ylim(0.0, 1.06 * max(solution.rho.max(), problem.Q.max(), solution.R.max()))
    upper.set_ylabel(r"density $\rho_t$ (per unit length)")
    upper.legend(loc="upper right")
    mass = with_mass(solution.rho)
    (thin,) = lower.plot(x, x * 0.0, color="0.6", linewidth=0.7)
    (strong,) = lower.plot(x, x * 0.0, color="black", linewidth=1.6)
    lower.set_ylim(*finite_range(solution.U, mass))
    lower.set_xlim(*mass_interval(solution))
    lower.set_ylabel(f"potential $U_t$ ({potential_unit(solution)})")
    lower.set_xlabel("$x$")
    heading(figure, solution)
    clock = upper.text(0.02, 0.95, "", transform=upper.transAxes, va="top", fontsize=11.0)

    def show(k: int) -> None:
        curve.set_ydata(solution.rho[k])
        area.set_xy(np.column_stack([base, [0.0, *solution.rho[k], 0.0]]))
        thin.set_ydata(finite(solution.U[k]))
        strong.set_ydata(finite(solution.U[k], mass[k]))
        clock.set_text(rf"$t = {solution.times[k]:.3f}$")

    return figure, show


def _images(solution: Solution) -> tuple[Figure, Show]:
    """rho_t, in 3-D its three projections, with contours of Q, and of R unless it is
    where a flow has come."""
    grid, views = solution.problem.grid, views_of(solution)
    sides = [(high - low for low, high in view.bounds) for view in views]
    aspect = max(up / across for across, up in sides)
    width = 4.6 if len(views) == 1 else 9.0
    room = (width - 0.8) / len(views) - 0.6
    figure = new_figure(width + 0.4, float(np.clip(room * aspect, 1.6, 6.5)) + 1.5)
    images, shown = [], []
    for number, view in enumerate(views):
        axes = figure.add_subplot(1, len(views), number + 1)
        fields = np.array([project(rho, grid, view.plane) for rho in solution.rho])
        Q, R = (project(d, grid, view.plane) for d in (solution.problem.Q, solution.R))
        images.append(draw_density(axes, fields[0], grid, view, float(fields.max())))
        shown.append(fields)
        draw_contours(axes, Q, grid, view, COLORS["Q"])
        if not solution.flow:
            draw_contours(axes, R, grid, view, COLORS["R"])
        seen = sum(d / d.max() for d in (fields[0], Q, R))
        draw_key(axes, "Q" if solution.flow else "QR", seen, grid, view)
        axes.set_xlabel(f"${'xyz'[view.plane[0]]}$")
        axes.set_ylabel(f"${'xyz'[view.plane[1]]}$")
    label = r"$\rho_t$" if grid.dimension == 2 else r"projections of $\rho_t$"
    bar = figure.colorbar(images[-1], ax=figure.axes, shrink=0.85, pad=0.02)
    bar.set_label(f"{label} (per unit area)")
    heading(figure, solution)
    clock = figure.axes[0].set_title("")

    def show(k: int) -> None:
        for image, fields in zip(images, shown, strict=True):
            image.set_data(fields[k])
        clock.set_text(rf"$t = {solution.times[k]:.3f}$")

    return figure, show
