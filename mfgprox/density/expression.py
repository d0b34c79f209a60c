"""Densities given by a formula."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import logsumexp

from mfgprox.density.base import DensityError
from mfgprox.density.formula import evaluate, parse, shown
from mfgprox.grid import AXES, Grid

SLAB = 2**17
"""Cells on which a formula is evaluated at a time: 1 MiB for each of its parts."""


class Expression:
    """A density given by a formula in x, y, z, sampled at cell centres.

    Jumps are sampled at the centres too: they lie where the cells allow, to half a cell; the kinds
    uniform, ring, image and array average their edges over the cells.

    Raises FormulaError (a DensityError) for what is not allowed, and on a grid DensityError where
    the formula is negative or not finite.
    """

    smooth = True

    def __init__(self, formula: str) -> None:
        parse(formula, 3)
        self.formula = formula

    def log_density(self, grid: Grid) -> np.ndarray:
        tree = parse(self.formula, grid.dimension)
        log, negative = np.empty(grid.shape), np.empty(grid.shape, bool)
        # In slabs, since a formula of many parts holds an array for each of them.
        rows = max(1, SLAB * grid.shape[0] // math.prod(grid.shape))
        for start in range(0, grid.shape[0], rows):
            slab = slice(start, start + rows)
            number = evaluate(tree, self._coordinates(grid, slab))
            log[slab] = number.log
            negative[slab] = np.signbit(number.value) & (number.log > -np.inf)
        self._refuse(np.isnan(log) | (log == np.inf), "is not finite", grid)
        self._refuse(negative, "is negative", grid)
        return log

    @staticmethod
    def _coordinates(grid: Grid, slab: slice) -> dict[str, np.ndarray]:
        """Of some of the cells along the first axis of arrays, which is the last of x, y, z."""
        *others, last = grid.coordinates()
        return dict(zip(AXES, [*others, last[slab]], strict=False))

    def _refuse(self, bad: np.ndarray, what: str, grid: Grid) -> None:
        if not bad.any():
            return
        index = np.unravel_index(int(np.argmax(bad)), bad.shape)[::-1]
        place = ", ".join(
            f"{name} = {grid.centers(i)[index[i]]:g}"
            for i, name in enumerate(AXES[: grid.dimension])
        )
        raise DensityError(f'"{shown(self.formula, 60)}" {what} at {place}')

    def cut_off(self, grid: Grid) -> float:
        """The share outside the box, if the formula is integrable as far as can be seen.

        Masses in the box and in boxes two and four times as wide: where the second increase is not
        clearly smaller than the first, or the formula makes no sense out there, the box is its
        domain and nothing is cut off. The rest of the tail is added as a geometric series.
        """
        try:
            masses = [self._log_mass(grid, scale) for scale in (1, 2, 4)]
        except DensityError:
            return 0.0
        one, two, four = np.exp(np.array(masses) - max(masses))
        first, second = two - one, four - two
        if not (first > 0.0 and second < 0.75 * first):
            return 0.0
        ratio = max(second, 0.0) / first
        outside = first + max(second, 0.0) / (1.0 - ratio)
        return float(outside / (one + outside))

    def _log_mass(self, grid: Grid, scale: int) -> float:
        most = (2048, 256, 32)[grid.dimension - 1]
        middle = [0.5 * (a + b) for a, b in zip(grid.lower, grid.upper, strict=True)]
        half = [0.5 * scale * (b - a) for a, b in zip(grid.lower, grid.upper, strict=True)]
        wide = Grid(
            tuple(m - h for m, h in zip(middle, half, strict=True)),
            tuple(m + h for m, h in zip(middle, half, strict=True)),
            tuple(scale * min(n, most) for n in grid.cells),
        )
        return float(logsumexp(self.log_density(wide))) + math.log(wide.cell_volume)
