"""One space axis: densities and potentials as curves, the path as an image over space and time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure

from mfgprox.plot.convergence import draw_convergence
from mfgprox.plot.style import (
    COLORS,
    DENSITY_MAP,
    WIDTH,
    finite_range,
    heading,
    last_name,
    new_figure,
    panel_label,
    potential_unit,
    shown_levels,
    time_color,
    with_mass,
)
from mfgprox.solution import Solution

QUANTILES = np.linspace(0.05, 0.95, 10)
SHOWN = 9


def curves_figure(solution: Solution) -> Figure:
    """P, Q, R and rho_t; rho over space and time with its quantiles; U_t; convergence."""
    figure = new_figure(WIDTH, 5.6)
    panels = figure.subplots(2, 2)
    for panel, letter in zip(panels.flat, "abcd", strict=True):
        panel_label(panel, letter)
    draw_densities(panels[0, 0], solution)
    _time_bar(figure, panels[0, 0], solution.times[-1])
    draw_space_time(panels[0, 1], solution)
    draw_potentials(panels[1, 0], solution)
    draw_convergence(panels[1, 1], solution)
    panels[1, 0].sharex(panels[0, 0])
    panels[0, 0].set_xlim(*mass_interval(solution))
    heading(figure, solution)
    return figure


def draw_densities(axes: Axes, solution: Solution) -> None:
    """rho_t at several times, between P and R, with Q dashed."""
    x = solution.problem.grid.centers(0)
    for k in shown_levels(solution.times, SHOWN)[1:-1]:
        share = solution.times[k] / solution.times[-1]
        axes.plot(x, solution.rho[k], color=time_color(share), linewidth=0.9)
    problem = solution.problem
    axes.fill_between(x, problem.Q, color=COLORS["Q"], alpha=0.13, linewidth=0)
    axes.plot(x, problem.Q, color=COLORS["Q"], linestyle=(0, (4, 1.5)), label="$Q$")
    axes.plot(x, problem.P, color=time_color(0.0), linewidth=1.8, label=r"$P = \rho_0$")
    end = f"{last_name(solution)}, $t={solution.times[-1]:g}$"
    axes.plot(x, solution.R, color=time_color(1.0), linewidth=1.8, label=end)
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("$x$")
    axes.set_ylabel(r"density $\rho_t$ (per unit length)")
    axes.legend()


def draw_space_time(axes: Axes, solution: Solution) -> None:
    """rho over (x, t), with the lines that the quantiles of rho_t follow: optimal trajectories."""
    grid, times = solution.problem.grid, solution.times
    mesh = axes.pcolormesh(
        grid.edges(0), time_edges(times), solution.rho, cmap=DENSITY_MAP, vmin=0.0, rasterized=True
    )
    for path in quantile_paths(solution).T:
        axes.plot(path, times, color="black", linewidth=0.5, alpha=0.75)
    axes.set_xlim(*mass_interval(solution))
    axes.set_ylim(0.0, times[-1])
    axes.set_xlabel("$x$")
    axes.set_ylabel("time $t$")
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02)
    bar.set_label(r"$\rho_t$ (per unit length)")
    bar.outline.set_linewidth(0.5)


def draw_potentials(axes: Axes, solution: Solution) -> None:
    """U_t at several times, strong where rho_t has mass, thin elsewhere."""
    x = solution.problem.grid.centers(0)
    mass = with_mass(solution.rho)
    levels = shown_levels(solution.times, SHOWN)
    for k in levels:
        color = time_color(solution.times[k] / solution.times[-1])
        axes.plot(x, finite(solution.U[k]), color=color, linewidth=0.5, alpha=0.5)
        axes.plot(x, finite(solution.U[k], mass[k]), color=color, linewidth=1.5)
    axes.set_ylim(*finite_range(solution.U[levels], mass[levels]))
    axes.set_xlabel("$x$")
    axes.set_ylabel(f"potential $U_t$ ({potential_unit(solution)})")


def quantile_paths(solution: Solution) -> np.ndarray:
    """The quantiles of rho_t in time, (levels, quantiles)."""
    grid = solution.problem.grid
    paths = []
    for density in solution.rho:
        cumulative = np.concatenate([[0.0], np.cumsum(density)])
        paths.append(np.interp(QUANTILES, cumulative / cumulative[-1], grid.edges(0)))
    return np.array(paths)


def mass_interval(solution: Solution) -> tuple[float, float]:
    """The part of the box worth showing: where P, Q or R is above a thousandth of its top."""
    problem = solution.problem
    edges = problem.grid.edges(0)
    seen = np.flatnonzero(
        np.any([d > 1e-3 * d.max() for d in (problem.P, problem.Q, solution.R)], axis=0)
    )
    margin = max(2, (seen[-1] - seen[0]) // 20)
    return edges[max(0, seen[0] - margin)], edges[min(len(edges) - 1, seen[-1] + 1 + margin)]


def time_edges(times: np.ndarray) -> np.ndarray:
    """Edges of the bands in which an image shows its time levels, from 0 to the last."""
    return np.concatenate([[0.0], 0.5 * (times[1:] + times[:-1]), times[-1:]])


def finite(values: np.ndarray, where: np.ndarray | bool = True) -> np.ndarray:
    """The values, nan (not drawn) where they are infinite or not wanted."""
    return np.where(np.isfinite(values) & where, values, np.nan)


def _time_bar(figure: Figure, axes: Axes, end: float) -> None:
    colors = ListedColormap([time_color(t) for t in np.linspace(0.0, 1.0, 256)])
    bar = figure.colorbar(ScalarMappable(Normalize(0.0, end), colors), ax=axes, pad=0.02)
    bar.set_label("time $t$")
    bar.outline.set_linewidth(0.5)
