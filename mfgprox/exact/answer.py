"""What an exact answer offers, whichever method found it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mfgprox.grid import Grid


@dataclass(frozen=True, eq=False)
class ExactAnswer:
    """The answer to one problem.

    name: the method, for a table. divergence, transport_cost, information_divergence: D, W_p^p and
    D_f(R‖Q). error: the estimated accuracy of `divergence`, absolute, what the box cuts off
    included. minimiser, path, slope: what `R`, `rho` and `gradient` call; None where unknown.
    """

    name: str
    divergence: float
    transport_cost: float
    information_divergence: float
    error: float
    minimiser: Callable[[Grid], np.ndarray | None] | None = None
    path: Callable[[float, Grid], np.ndarray | None] | None = None
    slope: Callable[[float, Grid], list[np.ndarray] | None] | None = None

    def R(self, grid: Grid) -> np.ndarray | None:
        """The minimiser on the cells, grid.shape, per unit volume; None where unknown."""
        return None if self.minimiser is None else self.minimiser(grid)

    def rho(self, t: float, grid: Grid) -> np.ndarray | None:
        """rho_t on the cells, grid.shape, per unit volume; None where unknown."""
        return None if self.path is None else self.path(t, grid)

    def gradient(self, t: float, grid: Grid) -> list[np.ndarray] | None:
        """∇U_t at the cell centres, one array of grid.shape per axis; None where unknown."""
        return None if self.slope is None else self.slope(t, grid)
