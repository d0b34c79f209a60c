"""How much memory a solve will need, known before any array is made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from mfgprox.case.free_memory import free
from mfgprox.case.memory_bounds import carried, coupling, plan, share
from mfgprox.case.schema import CaseSettings, GridSettings

__all__ = ["estimate", "estimate_flow", "free", "in_words", "method_of", "share", "time_levels"]


@dataclass(frozen=True)
class Arrays:
    """Arrays of float64 that a run holds where it holds most, each (1-D, 2-D, 3-D).

    space: of one time level; in_time: of all time levels that the method works on. Fitted to the
    largest resident sizes of whole runs (`python -m benchmarks runs`).
    """

    space: tuple[float, float, float]
    in_time: tuple[float, float, float]

    def bytes_for(self, cells: int, levels: int, dimension: int) -> int:
        return int(8 * cells * (self.space[dimension - 1] + self.in_time[dimension - 1] * levels))


ARRAYS = {
    "newton": Arrays((100, 28, 47), (5, 7, 6)),
    "semi-discrete": Arrays((100, 56, 130), (5, 7, 6)),
    "back-and-forth": Arrays((60, 300, 1150), (5, 7, 6)),
    "primal-dual": Arrays((100, 60, 130), (30, 36, 44)),
    "fictitious-play": Arrays((100, 60, 130), (8, 8, 9)),
}
BESIDE = 28
"""Arrays of the cells beside those of the nodes below."""
BOUND_NODES = {(2, 4): 23.0, (2, 2): 23.0, (3, 4): 18.0, (3, 2): 13.0}
MOST_NODES = {4: 2**20, 2: 2**22}
"""Bounds of smooth data that do not close at once are summed over the nodes of cells that are
divided so many times per axis, while there are no more nodes than that: arrays per node, by
dimension and parts."""
WRITTEN = 1.7
"""Arrays of a written level, of each array that is written: a copy, and what it is packed to."""
STATIC = ("newton", "semi-discrete", "back-and-forth")
"""Methods that find the optimum without the path to it."""
SLICED = 4
"""Arrays of a level that transport along some axes only holds beside those of its method: what the
slices have given, and the same on the whole grid."""
FLOW_LEVEL = 9.5
"""Arrays of a level of a flow: density and potential, in the list, the stack and the file."""
BASE = 225 * 2**20
"""Interpreter, libraries and compiled kernels. While they are compiled, it is 180 MiB more."""


def estimate(settings: CaseSettings, carrying: float | None = None) -> int:
    """Bytes that the whole process will need, within a fifth where arrays outweigh the rest.

    carrying: the share of the cells that carries mass of P, if known better than from settings.

    For fictitious-play at most that: its time levels are those that mass would need which moves by
    the diameter of the box.
    """
    method = method_of(settings)
    cells, dimension = math.prod(settings.grid.cells), len(settings.grid.cells)
    levels = time_levels(settings)
    found = ARRAYS[method].bytes_for(cells, levels, dimension)
    if settings.transport is not None:
        found += 8 * cells * SLICED * levels
    held = int(8 * cells * ARRAYS[method].space[dimension - 1])
    carrying = carried(settings) if carrying is None else carrying
    further = _bounds_and_path(settings, method, carrying)
    return BASE + found + max(further - held, 0) + _written(settings, cells, levels, dimension)


def estimate_flow(settings: CaseSettings, steps: int) -> int:
    """Bytes that a flow of so many steps will need: those of a solve without path, and its levels.

    Fitted to flows by newton in the plane (`tests/reliability/memory_runs.py`).
    """
    output = settings.output.model_copy(update={"path": False})
    levels = int(8 * math.prod(settings.grid.cells) * FLOW_LEVEL * (max(steps, 0) + 1))
    return estimate(settings.model_copy(update={"output": output})) + levels


def _bounds_and_path(settings: CaseSettings, method: str, carrying: float) -> int:
    """Bytes that the bounds or the path hold where they hold most, those in time apart."""
    cells, dimension = math.prod(settings.grid.cells), len(settings.grid.cells)
    if settings.transport is not None:
        return 0
    if settings.f_divergence.lipschitz is not None:
        return int(8 * coupling(settings, carrying)) if settings.output.path else 0
    lattice = method in ("primal-dual", "fictitious-play")
    smooth = _both_smooth(settings) and settings.p == 2.0
    if dimension == 1 or (smooth and (method == "back-and-forth" or (lattice and dimension == 2))):
        return 0
    if smooth:
        if settings.f_divergence.kind == "kl" and method == "newton" and _closes(settings):
            return 0
        parts = next((k for k, n in MOST_NODES.items() if cells * k**dimension <= n), 1)
        each = BOUND_NODES.get((dimension, parts), 0.0)
        return int(8 * cells * (BESIDE + each * parts**dimension))
    path = settings.output.path and not lattice
    return int(8 * max(plan(settings, carrying), coupling(settings, carrying) if path else 0.0))


def _closes(settings: CaseSettings) -> bool:
    """Whether bounds of newton's smooth maps are taken to close over the cells as they are; not of
    what `auto` may find to be torn, nor in space."""
    normal = settings.P.kind == settings.Q.kind == "gaussian"
    named = settings.solver.method == "newton" and len(settings.grid.cells) == 2
    return normal or named


def _written(settings: CaseSettings, cells: int, levels: int, dimension: int) -> int:
    """Bytes for momentum, less what levels that are not written save."""
    if not settings.output.path:
        return 0
    written = settings.output.snapshots or settings.grid.time_steps + 1
    more = dimension * written if settings.output.momentum else 0
    saved = 2 * max(settings.grid.time_steps + 1 - written, 0)
    return int(8 * cells * WRITTEN * (more - min(saved, levels)))


def _both_smooth(settings: CaseSettings) -> bool:
    return all(_smooth(density, settings.grid) for density in (settings.P, settings.Q))


def _smooth(density: Any, grid: GridSettings) -> bool:
    """Whether a density has no edges, so that `auto` gives it to newton."""
    match density.kind:
        case "mixture":
            return all(_smooth(part, grid) for part in density.components)
        case "samples":
            return bool(density.bandwidth > 0.0)
        case "expression":
            return not _jumps(density.formula, grid)
    return bool(density.kind == "gaussian")


def _jumps(formula: str, grid: GridSettings) -> bool:
    from mfgprox.density.conditions import jumping
    from mfgprox.grid import Grid

    return (
        jumping(formula, Grid(tuple(grid.lower), tuple(grid.upper), tuple(grid.cells))) is not None
    )


def method_of(settings: CaseSettings) -> str:
    """The method that will do most of the work; what `auto` will choose, as far as one can tell."""
    method = settings.solver.method
    if method in ARRAYS:
        return method
    if settings.f_divergence.lipschitz is not None:
        return "back-and-forth"
    axes, p = len(settings.grid.cells), settings.p
    if _both_smooth(settings) and (p == 2.0 or (axes == 1 and 2.0 < p <= 8.0)):
        return "newton"
    return "semi-discrete" if p == 2.0 and axes <= 2 else "back-and-forth"


def time_levels(settings: CaseSettings) -> int:
    """Time levels of the arrays that the method works on."""
    grid, method = settings.grid, method_of(settings)
    if method == "fictitious-play":
        edges = [b - a for a, b in zip(grid.lower, grid.upper, strict=True)]
        rate = sum((n / edge) ** 2 for n, edge in zip(grid.cells, edges, strict=True))
        return math.ceil(math.sqrt(2.0 * rate) * math.hypot(*edges)) + 1
    if method in STATIC and not settings.output.path:
        return 2
    return grid.time_steps + 1


def in_words(size: int) -> str:
    """1.5 GiB."""
    for unit, scale in (("EiB", 60), ("PiB", 50), ("TiB", 40), ("GiB", 30)):
        if size >= 2**scale:
            return f"{size / 2**scale:.3g} {unit}"
    return f"{size / 2**20:.0f} MiB"
