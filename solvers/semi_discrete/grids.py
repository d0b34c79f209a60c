"""The grids that a semi-discrete solve visits."""

from __future__ import annotations

import math

from mfgprox.density import has_edges
from mfgprox.grid import Grid
from mfgprox.problem import Problem

COARSEST = {1: 64, 2: 32}
"""Cells an axis of the first grid at most."""
BETWEEN = (0.625, 0.75, 0.875)
"""Cells an axis of the grids between two of the nested ones, as shares of the finer one's, where Q
has edges: on the finest grids, over OCTAVES halvings of the cells."""
OCTAVES = 2
FINER, SHARE, MOST_ATOMS, MOST_CELLS = 3.0, 0.5, 2**15, 2**20
"""Where Q has edges the finest grid has so many times the problem's own cells an axis at most, and
unless the problem's own has: no more atoms than this share of its cells, no more atoms and cells
than these."""
WIDEST = {True: 8.1, False: 2.1}
"""Of the grids that the extrapolation takes, the coarsest has cells so many times as wide as the
finest, with and without edges."""


def ladder(problem: Problem) -> list[Grid]:
    """The grids of a solve; the last is the problem's own.

    Coarsest first, each of half as many cells an axis as the next. Where Q has edges in the plane,
    how they cut cells makes the values scatter: more grids in between average that out, and finer
    ones reduce it, which cost little where Q is zero on most of the box.
    """
    own = problem.grid
    if not _scattered(problem):
        return _nested(own)
    finest = own.with_cells(tuple(round(_finer(problem) * n) for n in own.cells))
    found = _nested(finest)
    for above in found[: -OCTAVES - 1 : -1]:
        between = [
            above.with_cells(tuple(math.ceil(share * n) for n in above.cells)) for share in BETWEEN
        ]
        place = found.index(above)
        found[place:place] = between
    return [grid for grid in found if grid != own] + [own]


def needed(problem: Problem) -> int:
    """The first grid that the extrapolation takes."""
    grids = ladder(problem)
    finest = max(max(grid.cells) for grid in grids)
    widest = WIDEST[_scattered(problem)]
    return next(k for k, grid in enumerate(grids) if widest * max(grid.cells) >= finest)


def after(grids: list[Grid], level: int, hard: bool) -> int:
    """The grid that follows in a ladder; hard: none that is finer than the last one."""
    last = len(grids) - 1
    finer = max(grids[level + 1].cells) > max(grids[last].cells)
    return last if hard and finer else level + 1


def ratio(coarse: Grid, fine: Grid) -> float:
    """How much wider the cells of one grid are, in the geometric mean over the axes that change."""
    parts = [f / c for c, f in zip(coarse.cells, fine.cells, strict=True) if f != c]
    return math.exp(sum(map(math.log, parts)) / len(parts)) if parts else 1.0


def _nested(finest: Grid) -> list[Grid]:
    grids = [finest]
    while max(grids[0].cells) > COARSEST[finest.dimension]:
        grids.insert(0, finest.with_cells(grids[0].coarsened().cells))
    return grids


def _scattered(problem: Problem) -> bool:
    return problem.grid.dimension == 2 and has_edges(problem.densities[1], problem.grid)


def _finer(problem: Problem) -> float:
    atoms, cells = int((problem.Q > 0.0).sum()), problem.Q.size
    more = min(min(SHARE * cells, MOST_ATOMS) / atoms, MOST_CELLS / cells)
    return max(1.0, min(FINER, math.sqrt(more)))
