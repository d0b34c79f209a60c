"""A grid whose mass moves along some axes only: one slice for every cell of the other axes.

Fields (…, z, y, x) become stacks of slices (slices, …) and fields again. Slices are numbered with
the last of the other axes in the order z, y, x running fastest.
Source: Baptista et al., Proximal optimal transport divergences, section 5.4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mfgprox.grid import AXES, Grid


def moving_axes(names: Sequence[str] | None, dimension: int) -> tuple[int, ...] | None:
    """The axes that mass moves along, 0 for x, in ascending order; None if it moves along all.

    Raises ValueError for a list that is empty, names an axis twice or one that the grid lacks.
    """
    if names is None:
        return None
    known = ", ".join(f'"{a}"' for a in AXES[:dimension])
    names = list(names)
    if not names or any(name not in AXES[:dimension] or name == "" for name in names):
        raise ValueError(f"transport_axes must be one or more of {known}; got {names}")
    if len(set(names)) < len(names):
        raise ValueError(f"transport_axes must name each axis once; got {names}")
    found = tuple(sorted(AXES.index(name) for name in names))
    return None if len(found) == dimension else found


@dataclass(frozen=True)
class Split:
    """The slices of a grid; moving: the axes within a slice, 0 for x, ascending."""

    grid: Grid
    moving: tuple[int, ...]

    @property
    def fixed(self) -> tuple[int, ...]:
        """The axes across slices, 0 for x, ascending."""
        return tuple(i for i in range(self.grid.dimension) if i not in self.moving)

    @cached_property
    def slice_grid(self) -> Grid:
        """The grid of one slice."""
        g = self.grid
        lower, upper = (tuple(ends[i] for i in self.moving) for ends in (g.lower, g.upper))
        return Grid(lower, upper, tuple(g.cells[i] for i in self.moving), g.time_steps)

    @cached_property
    def count(self) -> int:
        """How many slices there are."""
        return math.prod(self.grid.cells[i] for i in self.fixed)

    @property
    def thickness(self) -> float:
        """Volume of a cell of the other axes."""
        return math.prod(self.grid.spacing[i] for i in self.fixed)

    def slices(self, field: np.ndarray, faces: int | None = None) -> np.ndarray:
        """(slices, leading axes…, slice) of a field (leading axes…, grid.shape).

        faces: the moving axis, 0 for x, along which the field sits on faces.
        """
        lead = field.ndim - self.grid.dimension
        order = [
            lead + self.grid.dimension - 1 - i for i in (*self.fixed[::-1], *self.moving[::-1])
        ]
        n = len(self.fixed)
        moved = field.transpose(*order[:n], *range(lead), *order[n:])
        return moved.reshape(self.count, *field.shape[:lead], *self.shape(faces))

    def field(self, slices: np.ndarray, faces: int | None = None) -> np.ndarray:
        """(leading axes…, grid.shape) of a stack of slices: the inverse of `slices`."""
        d, n, m = self.grid.dimension, len(self.fixed), len(self.moving)
        across = tuple(self.grid.cells[i] for i in self.fixed[::-1])
        lead = slices.shape[1 : slices.ndim - m]
        whole = slices.reshape(*across, *lead, *self.shape(faces))
        order = list(range(n, n + len(lead)))
        for i in range(d - 1, -1, -1):
            if i in self.fixed:
                order.append(self.fixed[::-1].index(i))
            else:
                order.append(n + len(lead) + self.moving[::-1].index(i))
        return np.ascontiguousarray(whole.transpose(order))

    def shape(self, faces: int | None = None) -> tuple[int, ...]:
        """Of a field on one slice, on the faces of a moving axis if one is given."""
        return tuple(self.grid.cells[i] + (i == faces) for i in self.moving[::-1])

    def log_marginal(self, log_density: np.ndarray) -> np.ndarray:
        """Logarithm of the density of the other axes, (slices,), -inf where there is no mass."""
        from scipy.special import logsumexp  # reading a case does not need it

        rows = self.slices(log_density).reshape(self.count, -1)
        with np.errstate(divide="ignore"):
            return np.asarray(logsumexp(rows, axis=1)) + math.log(self.slice_grid.cell_volume)

    def index(self, number: int) -> tuple[int, ...]:
        """Which cell of each of the other axes a slice is, in the order of `fixed`."""
        across = tuple(self.grid.cells[i] for i in self.fixed[::-1])
        return tuple(int(k) for k in np.unravel_index(number, across))[::-1]

    def place(self, number: int) -> str:
        """Where a slice is, in words: y = 0.5, z = 1."""
        return ", ".join(
            f"{AXES[axis]} = {self.grid.centers(axis)[k]:g}"
            for axis, k in zip(self.fixed, self.index(number), strict=True)
        )
