"""What moves in a page: panels and the arrays that they show, as the script of the page takes them.

Image panels name an array (time, up, across); slices are taken from arrays (time, z, y, x).
"""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np

from mfgprox.grid import AXES
from mfgprox.plot.style import DENSITY_MAP, POTENTIAL_MAP, finite_range, with_mass
from mfgprox.report.contours import contour_lines
from mfgprox.report.pack import as_bytes, as_colors, as_floats
from mfgprox.report.trajectories import trajectories
from mfgprox.report.window import Window
from mfgprox.solution import Solution
from mfgprox.storage import kept_levels

MOST_BLOCKS = {1: 1024, 2: 256, 3: 56}
"""Blocks an axis that are embedded."""
MOST_BYTES = 5_000_000
"""Of fields, before they are deflated."""
PLANES = ((0, 1), (0, 2), (1, 2))
AREA = "per unit area"
Scene = dict[str, Any]


def scene(solution: Solution) -> Scene:
    """Times, axes, panels, arrays and colour maps of a solution."""
    dimension = solution.problem.grid.dimension
    window = Window.around_mass(solution, MOST_BLOCKS[dimension])
    fields = 2 if dimension < 3 else 3
    cells = int(np.prod(window.counts))
    levels = kept_levels(len(solution.times), max(2, MOST_BYTES // (fields * cells)))
    made: Scene = {
        "dimension": dimension,
        "times": solution.times[levels].tolist(),
        "lower": window.lower,
        "upper": window.upper,
        "axes": list(AXES[:dimension]),
        "end": "R" if not solution.flow else "ρ",
        "maps": _maps(),
        "arrays": {"paths": as_floats(trajectories(solution, levels))},
    }
    panels = {1: _line, 2: _plane, 3: _space}[dimension]
    made["panels"] = panels(solution, window, levels, made["arrays"])
    return made


def _line(solution: Solution, window: Window, levels: list[int], arrays: Scene) -> list[Scene]:
    problem = solution.problem
    rho = np.array([window.mean(solution.rho[k]) for k in levels])
    mass = with_mass(solution.rho)
    U = np.array([window.mean(solution.U[k], np.isfinite(solution.U[k])) for k in levels])
    low, high = finite_range(solution.U[levels], mass[levels])
    arrays["rho"], arrays["U"] = as_floats(rho), as_floats(U)
    fixed = {"P": problem.P, "Q": problem.Q, "R": solution.R}
    for name, density in fixed.items():
        arrays[name] = as_floats(window.mean(density)[None])
    top = 1.05 * max(float(rho.max()), *(float(window.mean(d).max()) for d in fixed.values()))
    names = ["P", "Q"] if solution.flow else list(fixed)
    return [
        {
            "title": "density ρₜ",
            "unit": "per unit length",
            "kind": "curves",
            "array": "rho",
            "range": [0.0, top],
            "fixed": names,
        },
        {
            "title": "potential Uₜ",
            "unit": _unit(solution),
            "kind": "curves",
            "array": "U",
            "range": [low, high],
            "mass": "rho",
            "fixed": [],
        },
        {
            "title": "ρ in space and time",
            "unit": "per unit length",
            "kind": "history",
            "array": "rho",
            "map": "density",
            "range": [0.0, float(rho.max())],
        },
    ]


def _plane(solution: Solution, window: Window, levels: list[int], arrays: Scene) -> list[Scene]:
    rho = np.array([window.mean(solution.rho[k]) for k in levels])
    arrays["rho"] = as_bytes(rho, 0.0, float(rho.max()))
    arrays["U"] = _potential(solution, window, levels)
    density = _image("rho", "density ρₜ", AREA, arrays, (0, 1))
    density["contours"] = _contours(solution, window, (0, 1))
    potential = _image("U", "potential Uₜ", _unit(solution), arrays, (0, 1))
    return [density, {**potential, "map": "potential"}]


def _space(solution: Solution, window: Window, levels: list[int], arrays: Scene) -> list[Scene]:
    """Projections onto three planes, and slices of rho and U across any axis."""
    rho = np.array([window.mean(solution.rho[k]) for k in levels])
    panels = []
    for plane in PLANES:
        name = f"rho_{AXES[plane[0]]}{AXES[plane[1]]}"
        projected = _projected(rho, window, plane)
        arrays[name] = as_bytes(projected, 0.0, float(projected.max()))
        (gone,) = {0, 1, 2} - set(plane)
        title = f"ρₜ summed along {AXES[gone]}"
        panel = _image(name, title, AREA, arrays, plane)
        panels.append({**panel, "contours": _contours(solution, window, plane)})
    arrays["rho"] = as_bytes(rho, 0.0, float(rho.max()))
    arrays["U"] = _potential(solution, window, levels)
    density = _image("rho", "slice of ρₜ", "per unit volume", arrays, (0, 1))
    potential = _image("U", "slice of Uₜ", _unit(solution), arrays, (0, 1))
    panels += [{**density, "kind": "slice"}, {**potential, "kind": "slice", "map": "potential"}]
    return panels


def _image(name: str, title: str, unit: str, arrays: Scene, plane: tuple[int, int]) -> Scene:
    limits = [arrays[name]["low"], arrays[name]["high"]]
    shown = {"title": title, "unit": unit, "kind": "image", "array": name, "map": "density"}
    return {**shown, "range": limits, "plane": list(plane)}


def _potential(solution: Solution, window: Window, levels: list[int]) -> Scene:
    """U_t where rho_t has mass: elsewhere it says where mass would go that is not there."""
    mass = with_mass(solution.rho[levels])
    U = np.where(np.isfinite(solution.U[levels]), solution.U[levels], np.nan)
    shown = mass & np.isfinite(U)
    means = np.array([window.mean(u, s) for u, s in zip(U, shown, strict=True)])
    kept = means[np.isfinite(means)]
    limits = (float(kept.min()), float(kept.max())) if kept.size else (0.0, 1.0)
    return as_bytes(means, *limits)


def _projected(density: np.ndarray, window: Window, plane: tuple[int, int]) -> np.ndarray:
    (gone,) = {0, 1, 2} - set(plane)
    step = (window.upper[gone] - window.lower[gone]) / window.counts[gone]
    return density.sum(axis=density.ndim - 1 - gone) * step


def _contours(solution: Solution, window: Window, plane: tuple[int, int]) -> Scene:
    named = {"Q": solution.problem.Q} | ({} if solution.flow else {"R": solution.R})
    extents = [(window.lower[axis], window.upper[axis]) for axis in plane]
    lines = {}
    for name, density in named.items():
        field = window.mean(density)
        if len(window.counts) == 3:
            field = _projected(field, window, plane)
        lines[name] = contour_lines(field, extents[0], extents[1])
    return lines


def _unit(solution: Solution) -> str:
    return "units of cost" if not solution.flow else "first variation of the energy"


def _maps() -> Scene:
    """For a light page from white to dark, for a dark one from dark to bright."""
    at = np.linspace(0.0, 1.0, 255)
    on_dark = matplotlib.colormaps["viridis"](np.linspace(0.0, 1.0, 255))
    # From the colour of the page to the dark end of the map, lightness rising throughout.
    page, fade = np.array([0.07, 0.08, 0.10, 1.0]), np.linspace(0.0, 1.0, 24)[:, None]
    on_dark[:24] = page + fade * (on_dark[24] - page)
    potential = as_colors(POTENTIAL_MAP(at))
    return {
        "density": {"light": as_colors(DENSITY_MAP(at)), "dark": as_colors(on_dark)},
        "potential": {"light": potential, "dark": potential},
    }
