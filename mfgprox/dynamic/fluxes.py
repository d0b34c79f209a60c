"""The mass that passes the faces from one time level to the next, collected to the momentum."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from mfgprox.grid import Grid
from mfgprox.kernels.flux import exact_flux, guessed_flux


class Fluxes:
    """Fluxes of one path, filled step by step; see `kernels.flux`."""

    def __init__(self, grid: Grid) -> None:
        self.grid, d = grid, grid.dimension
        self.counts = np.array(grid.kernel_shape[::-1])
        single = tuple(a for a in range(3) if self.counts[a] == 1)
        others = (a for a in range(3) if self.counts[a] > 1)
        self.orders = np.array([single + o for o in permutations(others)])
        self.shapes = [
            (*grid.shape[: d - 1 - a], n + 1, *grid.shape[d - a :])
            for a, n in enumerate(grid.cells)
        ]
        self.passed = [np.zeros((grid.time_steps, *shape)) for shape in self.shapes]
        most = max(int(np.prod(shape)) for shape in self.shapes)
        self.guess, self.weight, self.flux = np.zeros((3, 3, most))
        self.excess = np.empty(grid.kernel_shape).ravel()
        self.lines = np.empty((3, max(grid.cells) + 1))

    def step(
        self,
        k: int,
        before: np.ndarray,
        after: np.ndarray,
        speed: np.ndarray | None = None,
        later: np.ndarray | None = None,
    ) -> None:
        """The flux of step k between masses (cells,), with velocities (3, cells) at both levels.

        One axis needs no velocities.
        """
        grid, inner = self.grid, 1
        if speed is not None and later is not None:
            for a, n in enumerate(grid.cells):
                guessed_flux(
                    before, after, speed[a], later[a], grid.dt / grid.spacing[a], inner, n,
                    self.guess[a], self.weight[a],
                )  # fmt: skip
                inner *= n
        exact_flux(
            before, after, self.guess, self.weight, self.orders, self.counts, self.excess,
            self.lines, self.flux,
        )  # fmt: skip
        for a, shape in enumerate(self.shapes):
            self.passed[a][k] = self.flux[a, : self.passed[a][k].size].reshape(shape)

    def momentum(self) -> tuple[np.ndarray, ...]:
        """Flux per area and time, an array (time_steps, *faces) per axis."""
        grid = self.grid
        for a, passed in enumerate(self.passed):
            passed *= grid.spacing[a] / (grid.dt * grid.cell_volume)
        return tuple(self.passed)
