"""One look for all pictures: fonts, sizes, colours, and how fields are shown.

Colours are those of Okabe and Ito, colour maps are perceptually uniform: both survive colour
blindness and grey printers. Everything uses Matplotlib's objects and the Agg canvas: no window, no
global state.
"""

from __future__ import annotations

import io
from contextlib import AbstractContextManager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure

from mfgprox.solution import Solution

COLORS = {"P": "#0072B2", "Q": "#D55E00", "R": "#CC79A7"}
WIDTH = 7.2
"""Inches: the text width of a two-column journal page."""
RC: Any = {
    "font.family": ["STIXGeneral", "DejaVu Sans"],
    "mathtext.fontset": "stix",
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.labelsize": 9.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "figure.titlesize": 10.0,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "lines.linewidth": 1.3,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "axes.formatter.limits": (-3, 4),
    "axes.formatter.use_mathtext": True,
    "svg.hashsalt": "mfgprox",
    "pdf.fonttype": 42,
}


def styled() -> AbstractContextManager[None]:
    """The context in which pictures are made and drawn."""
    return matplotlib.rc_context(RC)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure with a canvas of its own, in inches."""
    figure = ShownFigure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


class ShownFigure(Figure):
    """A figure that a notebook shows, although pyplot does not know it."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        with styled():
            self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


def _density_map() -> Colormap:
    """From white through the darker part of viridis, lightness falling steadily: empty space costs
    no ink."""
    fade = np.linspace(0.0, 1.0, 118)[:, None]
    dark = matplotlib.colormaps["viridis"](np.linspace(0.6, 0.0, 139))
    colors = np.vstack([1.0 + fade[:-1] * (dark[:1] - 1.0), dark])
    return LinearSegmentedColormap.from_list("density", colors, N=512)


DENSITY_MAP = _density_map()
POTENTIAL_MAP = LinearSegmentedColormap.from_list(
    "potential", matplotlib.colormaps["plasma"](np.linspace(0.3, 1.0, 256)), N=256
)
TIME_MAP = matplotlib.colormaps["viridis"]


def time_color(share: float) -> tuple[float, ...]:
    """Dark at the first time, light green at the last, share 1, never as pale as the paper."""
    return TIME_MAP(0.88 * share)


def shown_levels(times: np.ndarray, count: int) -> list[int]:
    """Indices of about `count` levels whose times are spread most evenly, ends included."""
    wanted = np.linspace(0.0, times[-1], min(count, len(times)))
    return sorted({int(np.argmin(np.abs(times - t))) for t in wanted})


def heading(figure: Figure, solution: Solution) -> None:
    """The title and, below it, the problem, the value and how the solve ended."""
    problem = solution.problem
    norm = r"\Sigma_i|x_i-y_i|" if problem.cost.separable else "|x-y|"
    value = f"D = {_with_error(solution.divergence, solution.divergence_error)}"
    if solution.flow:
        energy = _with_exponent(f"{solution.divergence:.6g}")
        value = rf"\mathrm{{energy\ at}}\ t = {solution.times[-1]:g}:\ {energy}"
    line = rf"$\varepsilon = {problem.epsilon:g}$,  cost ${norm}^{{{problem.p:g}}}$,  ${value}$"
    state = "converged" if solution.converged else "not converged"
    name = " ".join(problem.title.split()).replace("$", r"\$")
    name = f"{name[:99]}…" if len(name) > 100 else name or "Proximal optimal transport"
    figure.suptitle(f"{name}\n{line},  {solution.solver}, {state}")


def digits_of(value: float, error: float) -> tuple[str, str]:
    """The value with the digits that its error allows, and the error; empty if it is not known."""
    if not (np.isfinite(error) and error > 0.0):
        return f"{value:.6g}", ""
    digits = int(np.clip(-np.floor(np.log10(error)), 1, 12))
    return f"{value:.{digits}f}", f"{error:.0e}"


def _with_error(value: float, error: float) -> str:
    known, unsure = digits_of(value, error)
    if not unsure:
        return known
    return rf"{known}\pm {_with_exponent(unsure)}"


def _with_exponent(number: str) -> str:
    """3e-05 as a formula."""
    digits, _, exponent = number.partition("e")
    return rf"{digits}\times 10^{{{int(exponent)}}}" if exponent else digits


def panel_label(axes: Axes, letter: str) -> None:
    """(a), (b), … above the upper left corner, clear of a title."""
    axes.annotate(
        f"({letter})",
        (0.0, 1.0),
        xytext=(-28, 4),
        xycoords="axes fraction",
        textcoords="offset points",
        fontweight="bold",
    )


def time_label(time: float, flow: bool = False) -> str:
    """t = 0.25, with what the ends of the path are; a flow has no end that is special."""
    ends = {0.0: r",  $\rho_0 = P$"} | ({} if flow else {1.0: r",  $\rho_1$"})
    return rf"$t = {time:.3g}${ends.get(float(time), '')}"


def last_name(solution: Solution) -> str:
    """What the last density is called: the minimiser, or where a flow has come."""
    return rf"$\rho_{{{solution.times[-1]:g}}}$" if solution.flow else "$R$"


def potential_unit(solution: Solution) -> str:
    """What stands beside the scale of U."""
    return "first variation" if solution.flow else "units of cost"


def finite_range(values: np.ndarray, where: np.ndarray) -> tuple[float, float]:
    """Smallest and largest finite value where there is mass; never an empty interval."""
    kept = values[where & np.isfinite(values)]
    if kept.size == 0:
        return 0.0, 1.0
    low, high = float(kept.min()), float(kept.max())
    margin = 0.04 * (high - low) or 0.5 * max(abs(low), 1.0)
    return low - margin, high + margin


def with_mass(rho: np.ndarray, share: float = 1e-3) -> np.ndarray:
    """Where each level of rho is at least this share of its largest value."""
    space = tuple(range(1, rho.ndim))
    return rho >= share * rho.max(axis=space, keepdims=True)
