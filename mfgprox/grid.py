"""The box, its cells and its time levels: where every array sits.

Lists per axis are in the order x, y, z. Arrays are indexed (…, z, y, x), x last and contiguous.
Kernels see every array with three space axes; those that a case does not have are of length one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

AXES = "xyz"


@dataclass(frozen=True)
class Grid:
    """A box divided into equal cells, and the time interval [0, 1] into equal steps.

    lower, upper, cells: one entry per axis, 1 to 3 axes, in the order x, y, z.
    time_steps: intervals between the written time levels.
    Raises ValueError for a box without volume or a count below one.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    cells: tuple[int, ...]
    time_steps: int = 32

    def __post_init__(self) -> None:
        for name, kind in (("lower", float), ("upper", float), ("cells", int)):
            object.__setattr__(self, name, tuple(kind(v) for v in getattr(self, name)))
        d = len(self.cells)
        if not 1 <= d <= 3 or len(self.lower) != d or len(self.upper) != d:
            raise ValueError(
                "grid: lower, upper and cells need one entry per axis, 1 to 3 axes; got "
                f"{len(self.lower)}, {len(self.upper)} and {d}"
            )
        for name, a, b, n in zip(AXES, self.lower, self.upper, self.cells, strict=False):
            if not (math.isfinite(a) and math.isfinite(b) and a < b):
                raise ValueError(f"grid: on axis {name} lower < upper must hold; got {a} and {b}")
            if n < 1:
                raise ValueError(f"grid: cells on axis {name} must be at least 1; got {n}")
        if self.time_steps < 1:
            raise ValueError(f"grid: time_steps must be at least 1; got {self.time_steps}")

    @property
    def dimension(self) -> int:
        """How many axes there are, 1 to 3."""
        return len(self.cells)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a density: ([nz,] [ny,] nx)."""
        return self.cells[::-1]

    @cached_property
    def spacing(self) -> tuple[float, ...]:
        """Cell widths in the order x, y, z."""
        return tuple(
            (b - a) / n for a, b, n in zip(self.lower, self.upper, self.cells, strict=True)
        )

    @property
    def cell_volume(self) -> float:
        """The product of the cell widths."""
        return math.prod(self.spacing)

    @property
    def diameter(self) -> float:
        """Euclidean diameter of the box."""
        return math.dist(self.lower, self.upper)

    @property
    def dt(self) -> float:
        """Length of a written time step."""
        return 1.0 / self.time_steps

    @cached_property
    def times(self) -> np.ndarray:
        """The time levels, (time_steps + 1,)."""
        return np.arange(self.time_steps + 1) / self.time_steps

    def centers(self, axis: int) -> np.ndarray:
        """Cell centres along an axis, 0 for x, (cells[axis],)."""
        return self.lower[axis] + self.spacing[axis] * (np.arange(self.cells[axis]) + 0.5)

    def edges(self, axis: int) -> np.ndarray:
        """Cell edges along an axis, 0 for x, (cells[axis] + 1,)."""
        return np.linspace(self.lower[axis], self.upper[axis], self.cells[axis] + 1)

    def coordinates(self) -> tuple[np.ndarray, ...]:
        """Cell centres in the order x, y, z, each shaped to broadcast against a density."""
        d = self.dimension
        return tuple(
            self.centers(i).reshape([-1 if a == d - 1 - i else 1 for a in range(d)])
            for i in range(d)
        )

    @property
    def kernel_shape(self) -> tuple[int, int, int]:
        """(nz, ny, nx) with ones for the axes that the case does not have."""
        return (1,) * (3 - self.dimension) + self.shape  # type: ignore[return-value]

    @property
    def kernel_spacing(self) -> tuple[float, float, float]:
        """(hz, hy, hx); an axis that the case does not have is one unit wide."""
        return (1.0,) * (3 - self.dimension) + self.spacing[::-1]  # type: ignore[return-value]

    def integrate(self, density: np.ndarray) -> float:
        """Midpoint rule over the box."""
        return float(density.sum() * self.cell_volume)

    def with_cells(self, cells: tuple[int, ...], time_steps: int | None = None) -> Grid:
        """The same box with other cells."""
        return Grid(self.lower, self.upper, cells, time_steps or self.time_steps)

    def coarsened(self) -> Grid:
        """Half as many cells per axis and half as many time steps, rounded up, at least one."""
        return self.with_cells(
            tuple(-(-n // 2) for n in self.cells), max(1, -(-self.time_steps // 2))
        )
