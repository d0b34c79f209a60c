"""Grids on which densities are compared with oracles, and the points to ask the oracles at."""

import numpy as np

from mfgprox.grid import Grid

GRIDS = {
    1: Grid((-3.0,), (3.5,), (61,)),
    2: Grid((-3.0, -2.5), (3.5, 3.0), (37, 30)),
    3: Grid((-3.0, -2.5, -4.0), (3.5, 3.0, 3.0), (19, 17, 21)),
}
LINE = Grid((-4.0,), (4.0,), (50,))
SQUARE = Grid((0.0, 0.0), (1.0, 1.0), (4, 4))
SPACE = Grid((-1.0, -2.0, 0.5), (1.0, 2.0, 2.0), (8, 6, 5))


def points(grid):
    """Cell centres, (cells, axes), in the order of a raveled density."""
    axes = [grid.centers(i) for i in reversed(range(grid.dimension))]
    mesh = np.meshgrid(*axes, indexing="ij")
    return np.stack([m.ravel() for m in reversed(mesh)], axis=1)
