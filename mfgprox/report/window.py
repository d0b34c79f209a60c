"""The part of the box that a page shows, and how finely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfgprox.solution import Solution

VISIBLE = 2e-3
"""Share of its maximum from which a density is worth a place in the picture."""
MARGIN = 0.06


@dataclass(frozen=True)
class Window:
    """Blocks of cells on each axis: starts, counts of blocks and cells to a block, x first."""

    starts: tuple[int, ...]
    counts: tuple[int, ...]
    size: tuple[int, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]

    @classmethod
    def around_mass(cls, solution: Solution, most: int) -> Window:
        """Where P, Q, R or the densities between are to be seen, at most `most` blocks an axis."""
        problem, grid = solution.problem, solution.problem.grid
        densities = (problem.P, problem.Q, solution.R, solution.rho.max(axis=0))
        seen = np.any([d >= VISIBLE * d.max() for d in densities], axis=0)
        starts, counts, sizes, lower, upper = [], [], [], [], []
        for axis, cells in enumerate(grid.cells):
            others = tuple(i for i in range(seen.ndim) if i != seen.ndim - 1 - axis)
            places = np.flatnonzero(seen.any(axis=others))
            margin = max(1, round(MARGIN * (places[-1] + 1 - places[0])))
            start, stop = max(0, places[0] - margin), min(cells, places[-1] + 1 + margin)
            size = -(-(stop - start) // most)
            # Whole blocks only: a part of one at the end would bend the axis.
            count = min(-(-(stop - start) // size), cells // size)
            start = min(start, cells - count * size)
            edges = grid.edges(axis)
            starts.append(int(start))
            counts.append(int(count))
            sizes.append(int(size))
            lower.append(float(edges[start]))
            upper.append(float(edges[start + count * size]))
        return cls(tuple(starts), tuple(counts), tuple(sizes), tuple(lower), tuple(upper))

    def mean(self, field: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
        """Means over blocks of ([z,] [y,] x); of known values only, nan where there are none."""
        if known is None:
            return self._sums(field) / np.prod(self.size)
        weight = self._sums(known.astype(float))
        total = self._sums(np.where(known, field, 0.0))
        return np.divide(total, weight, out=np.full(total.shape, np.nan), where=weight > 0.0)

    def _sums(self, field: np.ndarray) -> np.ndarray:
        axes = range(len(self.counts))[::-1]
        cut = tuple(
            slice(self.starts[a], self.starts[a] + self.counts[a] * self.size[a]) for a in axes
        )
        blocks = [n for a in axes for n in (self.counts[a], self.size[a])]
        return field[cut].reshape(blocks).sum(axis=tuple(range(1, 2 * len(self.counts), 2)))
