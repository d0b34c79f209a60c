"""Pictures of a sweep: D between its limits over epsilon, and R_epsilon between P and Q."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mfgprox import atomic, hdf5
from mfgprox.plot.overview import NO_DATE
from mfgprox.plot.style import WIDTH, new_figure, panel_label, styled
from mfgprox.plot.sweep_minimisers import draw_curves, draw_images
from mfgprox.storage import StorageError

if TYPE_CHECKING:
    from mfgprox.sweeps import Limits, Row, Sweep

DASHES = (0, (4, 1.5))
DOTS = (0, (1, 1.5))
ENDS = ("lower", "upper")


def interpolation_figure(sweep: Sweep) -> Figure:
    """(a) D over epsilon with its two asymptotes, (b) D as a share of each of its limits."""
    with styled():
        figure = _interpolation(sweep)
        figure.draw_without_rendering()
    return figure


def minimisers_figure(sweep: Sweep) -> Figure:
    """R_epsilon for the values of epsilon, a row for each p: curves in 1-D, images otherwise."""
    with styled():
        figure = _minimisers(sweep)
        figure.draw_without_rendering()
    return figure


def save_sweep_figures(sweep: Sweep, suffix: str, dpi: float = 200.0) -> list[Path]:
    """Both figures in the directory of the sweep, by the suffix .png, .svg or .pdf.

    The same results give the same bytes. Raises OSError where the system refuses.
    """
    paths = []
    with styled():
        for name, draw in (("interpolation", _interpolation), ("minimisers", _minimisers)):
            buffer = io.BytesIO()
            figure = draw(sweep)
            figure.savefig(buffer, format=suffix[1:], dpi=dpi, metadata=NO_DATE[suffix])
            path = sweep.directory / f"{name}{suffix}"
            paths.append(atomic.write_bytes(path, buffer.getvalue()))
    return paths


def _interpolation(sweep: Sweep) -> Figure:
    figure = new_figure(WIDTH, 3.1)
    left, right = figure.subplots(1, 2)
    panel_label(left, "a")
    panel_label(right, "b")
    colors = _colors(len(sweep.ps))
    for found, color in zip(sweep.limits, colors, strict=True):
        rows = sweep.at(found.p)
        if rows:
            _draw_value(left, rows, found, color)
            _draw_shares(right, rows, found, color)
    _finish_value(left, sweep)
    _finish_shares(right)
    name = " ".join(sweep.problem.title.split())[:100].replace("$", r"\$")
    figure.suptitle(name or "Proximal optimal transport")
    return figure


def _draw_value(axes: Axes, rows: list[Row], found: Limits, color: str) -> None:
    """D with its bounds, epsilon D_f(P‖Q) and W_p^p(P, Q)."""
    epsilon = np.array([row.epsilon for row in rows])
    D = np.array([row.divergence for row in rows])
    axes.plot(epsilon, D, color=color, marker="o", markersize=3.0, label=f"$p = {found.p:g}$")
    low, high = (np.array([getattr(row, f"{end}_bound") for row in rows]) for end in ENDS)
    axes.vlines(epsilon, low, high, color=color, linewidth=3.0, alpha=0.35)
    wide = np.array([epsilon[0] / 3.0, epsilon[-1] * 3.0])
    if np.isfinite(found.information):
        axes.plot(wide, found.information * wide, color=color, linestyle=DOTS, linewidth=1.0)
    if np.isfinite(found.transport):
        axes.plot(wide, [found.transport] * 2, color=color, linestyle=DASHES, linewidth=1.0)


def _finish_value(axes: Axes, sweep: Sweep) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    D = np.array([row.divergence for row in sweep.rows if row.divergence > 0.0])
    if D.size:
        axes.set_ylim(D.min() / 2.0, D.max() * 2.5)
    axes.set_xlabel(r"$\varepsilon$")
    axes.set_ylabel(r"$D_\varepsilon(P\Vert Q)$")
    _explain(
        axes,
        [(DOTS, r"$\varepsilon\,D_f(P\Vert Q)$"), (DASHES, "$W_p^p(P, Q)$")],
    )


def _draw_shares(axes: Axes, rows: list[Row], found: Limits, color: str) -> None:
    epsilon = np.array([row.epsilon for row in rows])
    D = np.array([row.divergence for row in rows])
    if np.isfinite(found.information) and found.information > 0.0:
        share = D / (epsilon * found.information)
        axes.plot(epsilon, share, color=color, linestyle=DOTS, marker="o", markersize=2.5)
    if np.isfinite(found.transport) and found.transport > 0.0:
        axes.plot(
            epsilon, D / found.transport, color=color, linestyle=DASHES, marker="s", markersize=2.5
        )


def _finish_shares(axes: Axes) -> None:
    axes.axhline(1.0, color="black", linewidth=0.6)
    axes.set_xscale("log")
    axes.set_ylim(0.0, 1.08)
    axes.set_xlabel(r"$\varepsilon$")
    axes.set_ylabel("share of the limit")
    _explain(
        axes,
        [
            (DOTS, r"$D_\varepsilon/(\varepsilon\,D_f(P\Vert Q))$"),
            (DASHES, r"$D_\varepsilon/W_p^p(P, Q)$"),
        ],
    )


def _explain(axes: Axes, styles: Iterable[tuple[Any, str]]) -> None:
    """A legend of line styles in grey below that of the colours."""
    for style, text in styles:
        axes.plot([], [], color="0.35", linestyle=style, linewidth=1.0, label=text)
    axes.legend(loc="best")


def _minimisers(sweep: Sweep) -> Figure:
    rows = [(p, [(row.epsilon, _R(sweep, row)) for row in sweep.at(p)]) for p in sweep.ps]
    rows = [(p, found) for p, found in rows if found]
    one = sweep.problem.grid.dimension == 1
    return draw_curves(sweep.problem, rows) if one else draw_images(sweep.problem, rows)


def _R(sweep: Sweep, row: Row) -> np.ndarray:
    """The minimiser of a row, without the rest of its file."""
    with hdf5.reading(sweep.directory / row.file, StorageError) as file:
        return hdf5.read_array(file, "R", sweep.problem.grid.shape)


def _colors(count: int) -> list[str]:
    """Dark to light, never as pale as the paper."""
    shades = np.linspace(0.0, 0.82, count) if count > 1 else [0.0]
    return [matplotlib.colors.to_hex(matplotlib.colormaps["viridis"](s)) for s in shades]
