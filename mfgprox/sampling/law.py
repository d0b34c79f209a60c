"""A density as a law of points: boxes chosen by their mass, and a place within each.

Cells, or parts of cells where the logarithm of a smooth density is known between the centres.
Within a box the density is a product of linear functions, their slopes limited such that it stays
positive.
Places are in units of cells, 0 at the first centre, axes in the order x, y, z.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mfgprox.grid import Grid
from mfgprox.kernels.spline_fit import spline_coefficients
from mfgprox.splines import lines_at

MOST_PARTS, MOST_BOXES = 4, 2**21
"""Largest division of a cell per axis, and boxes that it may lead to."""
STEEPEST = 1.5
"""Largest change of the density within a box, relative to its mean there."""
NOTHING = 1e-16
"""Boxes with less than this share of the largest mass are not drawn."""


@dataclass(frozen=True, eq=False)
class Law:
    """masses: (nz, ny, nx) of the boxes, sum one, zeros allowed; parts: boxes per cell and axis."""

    masses: np.ndarray
    parts: int

    @cached_property
    def sums(self) -> np.ndarray:
        """Masses up to the end of each box."""
        return np.cumsum(self.masses.ravel())

    @cached_property
    def rises(self) -> tuple[np.ndarray, ...]:
        """Relative change of the density within the boxes along x, y, z; None where one box is."""
        return tuple(_rises(self.masses, axis).ravel() for axis in (2, 1, 0))

    def boxes(self, u: np.ndarray) -> np.ndarray:
        """Flat indices of the boxes that hold the quantiles u in [0, 1); never one without mass."""
        last = int(np.flatnonzero(self.masses)[-1])
        found = np.searchsorted(self.sums, u * self.sums[-1], side="right")
        return np.minimum(found, last)

    def places(self, boxes: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Places (many, 3) at the quantiles w (many, 3) within the boxes, axis by axis."""
        index = np.unravel_index(boxes, self.masses.shape)[::-1]
        out = np.zeros((boxes.size, 3))
        for axis, n in enumerate(self.masses.shape[::-1]):
            if n > 1:
                inner = _within(self.rises[axis][boxes], w[:, axis])
                out[:, axis] = (index[axis] + inner) / self.parts - 0.5
        return out

    def quantile(self, places: np.ndarray) -> np.ndarray:
        """In one dimension: the mass on the left of places (many, 3)."""
        at = (places[:, 0] + 0.5) * self.parts
        box = np.clip(np.floor(at).astype(int), 0, self.masses.size - 1)
        s, rise = np.clip(at - box, 0.0, 1.0), self.rises[0][box]
        rest = 1.0 - (s - 0.5 * rise * s * (1.0 - s))
        return np.clip((self.sums[box] - rest * self.masses.ravel()[box]) / self.sums[-1], 0.0, 1.0)

    def at_quantile(self, q: np.ndarray) -> np.ndarray:
        """In one dimension: the places (many, 3) with the mass q on their left."""
        box = self.boxes(np.minimum(q, np.nextafter(1.0, 0.0)))
        mass = self.masses.ravel()[box]
        w = np.clip(1.0 - (self.sums[box] - q * self.sums[-1]) / mass, 0.0, 1.0)
        return self.places(box, np.repeat(w[:, None], 3, axis=1))


def law(values: np.ndarray, log_values: np.ndarray, smooth: bool, grid: Grid) -> Law:
    """The law of a density on the grid; log_values count where it is smooth and positive."""
    shape = grid.kernel_shape
    values = values.reshape(shape)
    held = np.where(values > NOTHING * values.max(), values, 0.0)
    if not (smooth and bool(np.isfinite(log_values).all())):
        return Law(held / held.sum(), 1)
    parts = MOST_PARTS
    while parts > 1 and values.size * parts**grid.dimension > MOST_BOXES:
        parts -= 1
    divided = tuple(n * parts if n > 1 else 1 for n in shape)
    log_fine = lines_at(spline_coefficients(log_values.reshape(shape)), shape, divided)
    masses = _averages(np.exp(log_fine - log_fine.max()))
    for axis, n in enumerate(shape):
        held = np.repeat(held, parts if n > 1 else 1, axis)
    masses = np.where(held > 0.0, masses, 0.0)
    return Law(masses / masses.sum(), parts)


def _averages(centred: np.ndarray) -> np.ndarray:
    """Averages over boxes from values at their centres, of fourth order; positive if they are."""
    out = centred.copy()
    for axis in range(3):
        padded = np.concatenate([centred.take([0], axis), centred, centred.take([-1], axis)], axis)
        out += np.diff(padded, 2, axis) / 24.0
    return out


def _rises(masses: np.ndarray, axis: int) -> np.ndarray:
    """Limited harmonic means of the differences to both neighbours; 0 at an edge of the mass."""
    step = np.diff(masses, axis=axis)
    first, second = (
        step.take(range(a, step.shape[axis] + a - 1), axis) if step.shape[axis] > 1 else step[:0]
        for a in (0, 1)
    )
    change = np.zeros_like(masses)
    if first.size:
        product, total = first * second, first + second
        inner = [slice(None)] * 3
        inner[axis] = slice(1, -1)
        change[tuple(inner)] = np.divide(
            2.0 * product, total, out=np.zeros_like(total), where=product > 0.0
        )
    relative = np.divide(change, masses, out=np.zeros_like(masses), where=masses > 0.0)
    return np.clip(relative, -STEEPEST, STEEPEST)


def _within(rise: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Where in [0, 1] a density 1 + rise (s - 1/2) has the mass w on its left."""
    flat = 1.0 - 0.5 * rise
    return np.minimum(2.0 * w / (flat + np.sqrt(flat**2 + 2.0 * rise * w)), 1.0)
