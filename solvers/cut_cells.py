"""Q within the cells of a grid, where edges of a known shape cut them."""

from __future__ import annotations

import numpy as np

from mfgprox.density import DensityError, Ring, Uniform, sample
from mfgprox.density.base import Density
from mfgprox.problem import Problem

PARTS = 4
"""Parts of a cell an axis in which a density with edges is looked up."""


def in_parts(problem: Problem) -> np.ndarray | None:
    """Q on the grid of PARTS times as many cells; None for densities without such edges."""
    density, grid = problem.densities[1], problem.grid
    if not _has_edges(density):
        return None
    try:
        return sample(density, grid.with_cells(tuple(n * PARTS for n in grid.cells))).values
    except DensityError:
        return None


def _has_edges(density: Density) -> bool:
    components = getattr(density, "components", (density,))
    return any(isinstance(c, Ring | Uniform) for c in components)
