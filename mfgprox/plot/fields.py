"""How one field of two axes is drawn: density, contours, potential, velocity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from scipy.ndimage import binary_erosion

from mfgprox.grid import Grid
from mfgprox.plot.style import COLORS, DENSITY_MAP, POTENTIAL_MAP
from mfgprox.solution import Solution

SHARES = (0.05, 0.25, 0.5, 0.75)
"""Contours of a density, as shares of its maximum."""
EDGE = 1e-3
"""Share of its maximum below which a density no longer shows a potential."""
VISIBLE = 2e-3
"""Share of its maximum from which a density is worth a place in the picture."""


@dataclass(frozen=True)
class View:
    """A plane, (horizontal, vertical) axes, and the part of it that is shown."""

    plane: tuple[int, int]
    bounds: tuple[tuple[float, float], tuple[float, float]]

    @classmethod
    def around_mass(cls, solution: Solution, plane: tuple[int, int]) -> View:
        """The part of the box in which P, Q or R is to be seen, with a margin."""
        problem = solution.problem
        return cls.around(problem.grid, [problem.P, problem.Q, solution.R], plane)

    @classmethod
    def around(cls, grid: Grid, densities: Sequence[np.ndarray], plane: tuple[int, int]) -> View:
        """The part of the box in which any of the densities is to be seen, with a margin."""
        seen = np.any([d >= VISIBLE * d.max() for d in densities], axis=0)
        bounds = []
        for axis in plane:
            others = tuple(i for i in range(seen.ndim) if i != seen.ndim - 1 - axis)
            cells = np.flatnonzero(seen.any(axis=others))
            edges = grid.edges(axis)
            low, high = edges[cells[0]], edges[cells[-1] + 1]
            margin = 0.06 * (high - low)
            bounds.append((max(edges[0], low - margin), min(edges[-1], high + margin)))
        return cls(plane, (bounds[0], bounds[1]))


def project(density: np.ndarray, grid: Grid, plane: tuple[int, int]) -> np.ndarray:
    """The density of a plane's two axes, the third integrated out: (vertical, horizontal)."""
    if grid.dimension == 2:
        return density
    (gone,) = {0, 1, 2} - set(plane)
    return density.sum(axis=2 - gone) * grid.spacing[gone]


def cut_through(solution: Solution) -> tuple[int, ...]:
    """Index of the plane in which potentials are shown: all of a 2-D field, the z of R's mean."""
    if solution.problem.grid.dimension == 2:
        return ()
    share = solution.R.sum(axis=(1, 2))
    return (round(float(share @ np.arange(len(share)) / share.sum())),)


def draw_density(
    axes: Axes, density: np.ndarray, grid: Grid, view: View, top: float | None = None
) -> AxesImage:
    """An image of a density of two axes, as upright as the box, colours from zero to `top`."""
    return _image(axes, density, grid, view, cmap=DENSITY_MAP, vmin=0.0, vmax=top)


def draw_contours(axes: Axes, density: np.ndarray, grid: Grid, view: View, color: str) -> None:
    """Contour lines of a density at shares of its maximum; one line where its edges are hard."""
    if min(density.shape) < 2:
        return
    across, up = (grid.centers(axis) for axis in view.plane)
    top = density.max()
    seen, between = density >= SHARES[0] * top, density < SHARES[-1] * top
    hard_edges = np.count_nonzero(seen & between) < 0.3 * np.count_nonzero(seen)
    levels = [share * top for share in ((0.5,) if hard_edges else SHARES)]
    axes.contour(across, up, density, levels=levels, colors=color, linewidths=0.7)


def draw_key(axes: Axes, names: str, seen: np.ndarray, grid: Grid, view: View) -> None:
    """Name contours by their colours, in the corner that has the least of what is to be seen."""
    axis_up, axis_across = view.plane[1], view.plane[0]
    (left, right), (bottom, top) = view.bounds
    across, up = np.meshgrid(grid.centers(axis_across), grid.centers(axis_up))
    corners = {}
    for horizontal, x in (
        (0.04, across < left + 0.35 * (right - left)),
        (0.96, across > right - 0.35 * (right - left)),
    ):
        for vertical, y in (
            (0.95, up > top - 0.3 * (top - bottom)),
            (0.05, up < bottom + 0.3 * (top - bottom)),
        ):
            corners[horizontal, vertical] = float(seen[x & y].sum())
    horizontal, vertical = min(corners, key=lambda corner: corners[corner])
    ordered = names if horizontal < 0.5 else names[::-1]
    for number, name in enumerate(ordered):
        shift = 0.09 * number * (1 if horizontal < 0.5 else -1)
        axes.text(
            horizontal + shift,
            vertical,
            f"${name}$",
            color=COLORS[name],
            ha="left" if horizontal < 0.5 else "right",
            va="top" if vertical > 0.5 else "bottom",
            transform=axes.transAxes,
        )


def draw_potential(
    axes: Axes,
    potential: np.ndarray,
    density: np.ndarray,
    grid: Grid,
    view: View,
    low_high: tuple[float, float],
) -> AxesImage:
    """An image of a potential that fades out where the density does."""
    low, high = low_high
    finite = np.isfinite(potential)
    share = density / density.max()
    alpha = np.clip(np.log10(share / EDGE, where=share > 0.0, out=np.zeros_like(share)) / 0.4, 0, 1)
    shown = np.clip(np.where(finite, potential, low), low, high)
    image = _image(axes, shown, grid, view, cmap=POTENTIAL_MAP, vmin=low, vmax=high)
    image.set_alpha(alpha * finite)
    kept = np.where(finite & (share >= EDGE), potential, np.nan)
    if min(kept.shape) > 1 and np.isfinite(kept).any():
        across, up = (grid.centers(axis) for axis in view.plane)
        levels = np.linspace(low, high, 14)[1:-1]
        axes.contour(
            across, up, kept, levels=levels, colors="white", linewidths=0.5, linestyles="solid"
        )
    return image


def draw_arrows(
    panels: Sequence[Axes], solution: Solution, levels: list[int], cut: tuple[int, ...], view: View
) -> None:
    """Arrows as long as the velocity is high, on one scale, where there is mass at these levels."""
    grid = solution.problem.grid
    if min(grid.cells) < 2:
        return
    lattice, step = _lattice(grid, view)
    across, up = np.meshgrid(grid.centers(0), grid.centers(1))
    arrows = []
    for k in levels:
        velocity = [v[cut] for v in _velocity(solution, k)]
        density = solution.rho[k][cut]
        # Differences across the edge of the mass say nothing about its velocity.
        inside = binary_erosion(density >= 0.02 * density.max(), border_value=1)
        kept = lattice & inside & np.isfinite(sum(velocity))
        arrows.append((across[kept], up[kept], velocity[0][kept], velocity[1][kept]))
    speeds = np.concatenate([np.hypot(a[2], a[3]) for a in arrows])
    fastest = float(np.quantile(speeds, 0.95)) if speeds.size else 0.0
    if fastest <= 0.0:
        return
    for axes, arrow in zip(panels, arrows, strict=True):
        axes.quiver(
            *arrow,
            angles="xy",
            scale_units="xy",
            scale=fastest / (1.2 * step),
            width=0.007,
            headwidth=3.5,
            headlength=3.5,
            headaxislength=3.2,
            minlength=0.0,
            color="black",
        )


def _velocity(solution: Solution, k: int) -> list[np.ndarray]:
    """The components along x and y of the velocity that U drives at level k."""
    U = np.where(np.isfinite(solution.U[k]), solution.U[k], np.nan)
    gradient = list(np.gradient(U, *solution.problem.grid.spacing[::-1]))[::-1]
    split = solution.problem.split
    if split is not None:
        gradient = [g if i in split.moving else np.zeros_like(g) for i, g in enumerate(gradient)]
    return solution.problem.cost.velocity(gradient)[:2]


def _lattice(grid: Grid, view: View) -> tuple[np.ndarray, float]:
    """Every so many cells, about twelve arrows along the longer side, and their distance."""
    step = max(high - low for low, high in view.bounds) / 12.0
    strides = [max(1, round(step / grid.spacing[axis])) for axis in view.plane]
    chosen = np.zeros((grid.cells[view.plane[1]], grid.cells[view.plane[0]]), bool)
    chosen[strides[1] // 2 :: strides[1], strides[0] // 2 :: strides[0]] = True
    return chosen, step


def _image(axes: Axes, field: np.ndarray, grid: Grid, view: View, **options) -> AxesImage:
    extent = [bound for axis in view.plane for bound in (grid.lower[axis], grid.upper[axis])]
    image = axes.imshow(
        field,
        origin="lower",
        extent=tuple(extent),  # type: ignore[arg-type]
        interpolation="bilinear",
        aspect="equal",
        **options,
    )
    axes.set_xlim(*view.bounds[0])
    axes.set_ylim(*view.bounds[1])
    axes.tick_params(direction="out", length=2.0)
    axes.locator_params(nbins=4)
    return image
