"""How much memory a solve will need, known before any array is made."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mfgprox.case.free_memory import free
from mfgprox.case.schema import CaseSettings

__all__ = ["estimate", "free", "in_words", "method_of", "time_levels"]


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
    "newton": Arrays((100, 28, 130), (5, 7, 6)),
    "semi-discrete": Arrays((100, 56, 130), (5, 7, 6)),
    "back-and-forth": Arrays((60, 300, 1150), (5, 7, 6)),
    "primal-dual": Arrays((100, 60, 130), (30, 36, 44)),
    "fictitious-play": Arrays((100, 60, 130), (8, 8, 9)),
}
BOUND_NODES = 23.5
MOST_NODES = {4: 2**20, 2: 2**22}
"""In the plane the bounds of semi-discrete are summed over the nodes of cells that are divided so
many times per axis, while there are no more nodes than that: arrays per node."""
STATIC = ("newton", "semi-discrete", "back-and-forth")
"""Methods that find the optimum without the path to it."""
BASE = 225 * 2**20
"""Interpreter, libraries and compiled kernels. While they are compiled, it is 180 MiB more."""
SMOOTH = ("gaussian", "mixture", "expression")
"""Kinds of densities that `auto` gives to newton."""


def estimate(settings: CaseSettings) -> int:
    """Bytes that the whole process will need, within a fifth where arrays outweigh the rest.

    For fictitious-play at most that: its time levels are those that mass would need which moves by
    the diameter of the box.
    """
    method = method_of(settings)
    cells, dimension = math.prod(settings.grid.cells), len(settings.grid.cells)
    found = BASE + ARRAYS[method].bytes_for(cells, time_levels(settings), dimension)
    if method == "semi-discrete" and dimension == 2:
        parts = next((k for k, most in MOST_NODES.items() if cells * k**2 <= most), 1)
        found += int(8 * cells * BOUND_NODES * parts**2)
    return found


def method_of(settings: CaseSettings) -> str:
    """The method that will do most of the work; what `auto` will choose, as far as one can tell."""
    method = settings.solver.method
    if method in ARRAYS:
        return method
    if settings.f_divergence.lipschitz is not None:
        return "back-and-forth"
    axes, p = len(settings.grid.cells), settings.p
    smooth = all(density.kind in SMOOTH for density in (settings.P, settings.Q))
    if smooth and (p == 2.0 or (axes == 1 and 2.0 < p <= 8.0)):
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
