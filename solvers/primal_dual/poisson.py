"""The weighted Poisson equation of space and time: multigrid-preconditioned gradients.

The gradients are in double precision, the multigrid cycle that preconditions them in single: half
the memory to move, twice the numbers to a vector.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from mfgprox.kernels import space_time_multigrid as mg
from mfgprox.kernels.threads import over

SINGLE = np.float32


@dataclass
class Level:
    """One grid of the cycle: conductances and buffers, (slabs, cells), in single precision."""

    lengths: tuple[int, int, int]
    time: np.ndarray
    faces: list[np.ndarray]
    shifts: tuple[int, int, int] = (0, 0, 0)
    pivot: np.ndarray = field(default_factory=lambda: np.empty((0, 0), SINGLE))
    u: np.ndarray = field(default_factory=lambda: np.empty((0, 0), SINGLE))
    f: np.ndarray = field(default_factory=lambda: np.empty((0, 0), SINGLE))

    @property
    def rows(self) -> int:
        return self.lengths[1] * self.lengths[2]

    @property
    def work(self) -> int:
        return self.pivot.size

    def prepare(self) -> None:
        slabs, cells = self.time.shape[0] - 1, self.time.shape[1]
        self.pivot, self.u, self.f = (np.empty((slabs, cells), SINGLE) for _ in range(3))
        work = self.pivot.size
        over(mg.pivots, self.rows, work, self.time, *self.faces, *self.lengths, self.pivot)

    def smooth(self, u: np.ndarray, f: np.ndarray, colours: tuple[int, ...]) -> None:
        for colour in colours:
            over(
                mg.smooth, self.rows, self.work, colour, u, f,
                self.time, *self.faces, self.pivot, *self.lengths,
            )  # fmt: skip


class Poisson:
    """A u = f with A = D W D^T, for any numbers of cells; see the kernels for the operator.

    time: (slabs + 1, cells) conductances between slabs; faces: one (slabs, cells) array per axis
    x, y, z towards the next cell; spacing per axis in the order x, y, z (it decides which axes are
    merged first: the finest ones).
    """

    def __init__(
        self,
        lengths: tuple[int, int, int],
        spacing: tuple[float, float, float],
        time: np.ndarray,
        faces: list[np.ndarray],
    ) -> None:
        self.lengths, self.time, self.faces = lengths, time, faces
        # The cycle may have any scale; in this one no conductance leaves the range of its numbers.
        scale = 1.0 / max(time.max(), *(face.max() for face in faces))
        first = [(scale * values).astype(SINGLE) for values in (time, *faces)]
        self.levels = [Level(lengths, first[0], first[1:])]
        widths = [np.full(n, h) for n, h in zip(lengths, spacing, strict=True)]
        while max(self.levels[-1].lengths) > 1:
            widths = self._merge(self.levels[-1], widths)
        for level in self.levels:
            level.prepare()

    def _merge(self, fine: Level, widths: list[np.ndarray]) -> list[np.ndarray]:
        finest = min(w.max() for w, n in zip(widths, fine.lengths, strict=True) if n > 1)
        fine.shifts = tuple(
            int(n > 1 and w.max() < 1.5 * finest) for w, n in zip(widths, fine.lengths, strict=True)
        )  # type: ignore[assignment]
        lengths = tuple((n + s) >> s for n, s in zip(fine.lengths, fine.shifts, strict=True))
        merged = [
            np.add.reduceat(w, np.arange(0, w.size, 1 + s))
            for w, s in zip(widths, fine.shifts, strict=True)
        ]
        cells = math.prod(lengths)
        time = np.empty((fine.time.shape[0], cells), SINGLE)
        over(
            mg.merge_cells, len(time), fine.time.size, fine.time, *fine.lengths, *fine.shifts, time
        )
        faces = []
        for axis in range(3):
            if lengths[axis] == 1:
                faces.append(mg.nothing().astype(SINGLE))
                continue
            ratio = _distance_ratio(widths[axis], merged[axis], fine.shifts[axis])
            faces.append(np.empty((fine.time.shape[0] - 1, cells), SINGLE))
            over(
                mg.merge_faces, len(faces[-1]), fine.time.size,
                fine.faces[axis], axis, ratio, *fine.lengths, *fine.shifts, faces[-1],
            )  # fmt: skip
        self.levels.append(Level(lengths, time, faces))  # type: ignore[arg-type]
        return merged

    def _cycle(self, depth: int, u: np.ndarray, f: np.ndarray) -> None:
        """One V(1,1) from u = 0; symmetric, so that conjugate gradients may use it."""
        level = self.levels[depth]
        u[:] = 0.0
        if depth == len(self.levels) - 1:
            level.smooth(u, f, (0,))
            return
        level.smooth(u, f, (0, 1))
        coarse = self.levels[depth + 1]
        over(
            mg.restrict, len(u), level.work, u, f,
            level.time, *level.faces, *level.lengths, *level.shifts, coarse.f,
        )  # fmt: skip
        self._cycle(depth + 1, coarse.u, coarse.f)
        over(mg.prolong, len(u), level.work, coarse.u, *level.lengths, *level.shifts, u)
        level.smooth(u, f, (1, 0))

    def solve(self, u: np.ndarray, f: np.ndarray, tolerance: float, limit: int = 30) -> int:
        """Improve u until |f - A u| <= tolerance |f|; returns the iterations taken.

        Raises FloatingPointError when a value is not finite.
        """
        finest = self.levels[0]
        product, p = np.empty_like(f), np.zeros_like(f)
        z, scaled = finest.u, finest.f
        self.apply(u, product)
        r = f - product
        target = tolerance * math.sqrt(self.dot(f, f))
        old = 0.0
        for iteration in range(limit):
            size = math.sqrt(self.dot(r, r))
            if not math.isfinite(size):
                raise FloatingPointError("the potential of the projection is not finite")
            if size <= target:
                return iteration
            np.multiply(r, 1.0 / size, out=scaled, casting="same_kind")
            self._cycle(0, z, scaled)
            new = size * self.dot(r, z)
            self._add(size, z, new / old if iteration else 0.0, p)
            self.apply(p, product)
            curvature = self.dot(p, product)
            if curvature <= 0.0:  # only round-off is left
                return iteration
            self._add(new / curvature, p, 1.0, u)
            self._add(-new / curvature, product, 1.0, r)
            old = new
        return limit

    def apply(self, u: np.ndarray, out: np.ndarray) -> None:
        """out = A u."""
        over(mg.apply, len(u), u.size, u, self.time, *self.faces, *self.lengths, out)

    def dot(self, a: np.ndarray, b: np.ndarray) -> float:
        """Sum of a b in an order that does not depend on the number of threads."""
        partial = np.empty(len(a))
        over(mg.slab_dots, len(a), a.size, a, b, partial)
        return float(partial.sum())

    def _add(self, factor: float, a: np.ndarray, keep: float, out: np.ndarray) -> None:
        over(mg.add_scaled, len(a), a.size, factor, a, keep, out)


def _distance_ratio(fine: np.ndarray, coarse: np.ndarray, shift: int) -> np.ndarray:
    """For the face above each fine cell: fine over coarse distance of centres; 0 inside a merge."""
    ratio = np.zeros(fine.size)
    position = np.arange(fine.size - 1)
    owner = position >> shift
    crosses = owner != (position + 1) >> shift
    near = owner[crosses]
    between = 0.5 * (fine[position] + fine[position + 1])[crosses]
    ratio[:-1][crosses] = between / (0.5 * (coarse[near] + coarse[near + 1]))
    return ratio
