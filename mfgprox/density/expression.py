"""Densities given by a formula."""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy.special import logsumexp

from mfgprox.density.base import DensityError
from mfgprox.density.conditions import jumping
from mfgprox.density.cut_means import Jumps, crossed, means, means_of_points, mixed
from mfgprox.density.formula import evaluate, parse, shown
from mfgprox.grid import AXES, Grid

SLAB = 2**17
"""Cells on which a formula is evaluated at a time: 1 MiB for each of its parts."""
MOST = {1: 2048, 2: 256, 3: 32}
"""Cells an axis of the box, by dimension, from which the share outside is estimated: even."""
MANY, EVERYWHERE = 2048, 0.4
"""Cells, and share of the cells, above which edges that cut them are not looked for one by one: the
formula changes faster than from cell to cell."""
NODES, FEWER = {1: 4, 2: 4, 3: 3}, 2
"""Of Gauss between two edges, by dimension; for the parts of a cell, which only tell where its mass
is."""


class Expression:
    """A density given by a formula in x, y, z, sampled at cell centres.

    Where the formula jumps within the box, by a `where` or to 0, the cells that such an edge cuts
    have their mean, and exact zeros are next to them. `smooth` is what it is without edges.

    Raises FormulaError (a DensityError) for what is not allowed, and on a grid DensityError where
    the formula is negative or not finite.
    """

    smooth = True

    def __init__(self, formula: str) -> None:
        parse(formula, 3)
        self.formula = formula

    def log_density(self, grid: Grid) -> np.ndarray:
        log = self._at_centers(grid)
        cells, log_means = self._cut(grid)
        log.ravel()[cells] = log_means
        return log

    def has_edges(self, grid: Grid) -> bool:
        """Whether the formula jumps within the box, whatever the cells."""
        return jumping(self.formula, grid) is not None

    def cut(self, grid: Grid) -> np.ndarray:
        """The cells that edges cut, grid.shape, bool."""
        out = np.zeros(grid.shape, bool)
        out.ravel()[self._cut(grid)[0]] = True
        return out

    def log_means(self, grid: Grid, low: list[np.ndarray], high: list[np.ndarray]) -> np.ndarray:
        """Logarithms of the means of the formula over m boxes; low, high: (m,) for each axis."""
        found = self._log([0.5 * (a + b) for a, b in zip(low, high, strict=True)])
        jumps = self._jumps(grid)
        if jumps is None:
            return found
        some = np.flatnonzero(mixed(jumps, low, high).any(axis=0))
        cut, log_means = means(jumps, [a[some] for a in low], [b[some] for b in high], FEWER)
        found[some[cut]] = log_means[cut]
        return found

    def _cut(self, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
        """Flat indices of the cells that edges cut, and the logarithms of their means."""
        return _cut_cells(self.formula, grid)

    def _jumps(self, grid: Grid) -> Jumps | None:
        conditions = jumping(self.formula, grid)
        if conditions is None:
            return None
        return Jumps(
            lambda at: conditions.margins(dict(zip(AXES, at, strict=False))),
            self._log,
            conditions.work,
        )

    def _log(self, at: list[np.ndarray]) -> np.ndarray:
        """At points, (m,) for each axis, x first."""
        tree, out = parse(self.formula, len(at)), np.empty(at[0].size)
        for start in range(0, out.size, SLAB):
            part = slice(start, start + SLAB)
            number = evaluate(tree, dict(zip(AXES, [x[part] for x in at], strict=False)))
            out[part] = number.log
            negative = np.signbit(number.value) & (number.log > -np.inf)
            wrong = np.isnan(number.log) | (number.log == np.inf)
            for bad, what in ((wrong, "is not finite"), (negative, "is negative")):
                which = np.flatnonzero(np.broadcast_to(bad, out[part].shape))
                if which.size:
                    raise self._error(what, [float(x[start + which[0]]) for x in at])
        return out

    def _at_centers(self, grid: Grid) -> np.ndarray:
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
        raise self._error(what, [float(grid.centers(i)[k]) for i, k in enumerate(index)])

    def _error(self, what: str, at: list[float]) -> DensityError:
        place = ", ".join(f"{name} = {x:g}" for name, x in zip(AXES, at, strict=False))
        return DensityError(f'"{shown(self.formula, 60)}" {what} at {place}')

    def cut_off(self, grid: Grid) -> float:
        """The share outside the box, if the formula is integrable as far as can be seen.

        Masses in the box and in boxes two and four times as wide: where the second increase is not
        clearly smaller than the first, or the formula makes no sense out there, the box is its
        domain and nothing is cut off. The rest of the tail is added as a geometric series. Where
        the formula jumps cells are the same on any grid: edges lie alike in all three sums.
        """
        if self.has_edges(grid):
            return _cut_off(self.formula, grid.with_cells((MOST[grid.dimension],) * grid.dimension))
        return self._outside(grid)

    def _outside(self, grid: Grid) -> float:
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
        most = MOST[grid.dimension]
        middle = [0.5 * (a + b) for a, b in zip(grid.lower, grid.upper, strict=True)]
        half = [0.5 * scale * (b - a) for a, b in zip(grid.lower, grid.upper, strict=True)]
        wide = Grid(
            tuple(m - h for m, h in zip(middle, half, strict=True)),
            tuple(m + h for m, h in zip(middle, half, strict=True)),
            tuple(scale * min(n, most) for n in grid.cells),
        )
        return float(logsumexp(self._at_centers(wide))) + math.log(wide.cell_volume)


@functools.lru_cache(maxsize=64)
def _cut_off(formula: str, grid: Grid) -> float:
    return Expression(formula)._outside(grid)


@functools.lru_cache(maxsize=16)
def _cut_cells(formula: str, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices of the cells that edges of a formula cut, and the logarithms of their means."""
    jumps = Expression(formula)._jumps(grid)
    if jumps is None:
        return np.empty(0, int), np.empty(0)
    index = crossed(jumps, grid)
    edges = [grid.edges(i) for i in range(grid.dimension)]
    low, high = ([e[k + j] for e, k in zip(edges, index, strict=True)] for j in (0, 1))
    if low[0].size > max(MANY, EVERYWHERE * math.prod(grid.cells)):
        cut, log_means = np.ones(low[0].size, bool), means_of_points(jumps, low, high)
    else:
        cut, log_means = means(jumps, low, high, NODES[grid.dimension])
    cells = np.ravel_multi_index(tuple(k[cut] for k in index[::-1]), grid.shape)
    return cells, log_means[cut]
