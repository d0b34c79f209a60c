"""The path in one dimension, where the optimal map is the monotone one for every p.

Quantiles move on straight lines, X_t(q) = (1-t) F_P⁻¹(q) + t F_R⁻¹(q), torn or not; the mass of a
cell at time t is the share of them that are in it. P and R are taken as linear within each cell,
with slopes limited such that they stay positive.
Source: (2.23)-(2.25) of Baptista et al., Proximal optimal transport divergences, in one dimension.
"""

from __future__ import annotations

import numpy as np

PARTS = 8
"""Quantiles per piece that lies in one cell of P and in one cell of R."""
STEEPEST = 1.5
"""Largest change of a density within a cell, relative to its mean there."""


class Quantiles:
    """Moving quantiles of masses P to masses R, each (cells,) with the sum one; unit cells."""

    def __init__(self, P: np.ndarray, R: np.ndarray) -> None:
        self.cells = P.size
        # Tails on the right are sums of what is on their right: small numbers stay exact.
        self.halves = [_knots(P, R), _knots(P[::-1], R[::-1])]

    def masses(self, t: float) -> np.ndarray:
        """Masses of the cells at time t, (cells,)."""
        left, right = (np.diff(self._below(t, *half)) for half in self.halves)
        middle = int(np.searchsorted(np.cumsum(left), 0.5))
        out = np.concatenate([left[: middle + 1], right[::-1][middle + 1 :]])
        out[np.argmax(out)] += 1.0 - out.sum()
        return out

    def _below(self, t: float, q: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Mass to the left of the faces, (cells + 1,)."""
        return np.interp(np.arange(self.cells + 1.0), (1.0 - t) * x + t * y, q, left=0.0)


def _knots(P: np.ndarray, R: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """q, F_P⁻¹(q), F_R⁻¹(q): both ends of every piece and points within, so that jumps are kept."""
    sums = [np.concatenate([[0.0], np.cumsum(a)]) for a in (P, R)]
    ends = np.unique(np.concatenate(sums))
    ends = ends[ends <= min(s[-1] for s in sums)]
    share = np.arange(PARTS + 1) / PARTS
    q = ends[:-1, None] + np.diff(ends)[:, None] * share
    middle = 0.5 * (ends[:-1] + ends[1:])
    x, y = (_places(a, s, q, middle) for a, s in zip((P, R), sums, strict=True))
    return q.ravel(), x.ravel(), y.ravel()


def _places(mass: np.ndarray, sums: np.ndarray, q: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """F⁻¹ of the quantiles q (pieces, PARTS + 1), each piece in the cell that holds its middle."""
    held = np.flatnonzero(mass)
    cell = held[np.clip(np.searchsorted(sums[held], middle, side="right") - 1, 0, held.size - 1)]
    rise = _rises(mass)[cell][:, None]
    w = np.clip((q - sums[cell][:, None]) / mass[cell][:, None], 0.0, 1.0)
    flat = 1.0 - 0.5 * rise
    return cell[:, None] + 2.0 * w / (flat + np.sqrt(flat**2 + 2.0 * rise * w))


def _rises(mass: np.ndarray) -> np.ndarray:
    """Change of the density within each cell, relative to its mean: limited harmonic means."""
    step = np.diff(mass)
    product = step[1:] * step[:-1]
    total = step[1:] + step[:-1]
    change = np.zeros_like(mass)
    monotone = product > 0.0
    change[1:-1][monotone] = 2.0 * product[monotone] / total[monotone]
    relative = np.divide(change, mass, out=np.zeros_like(mass), where=mass > 0.0)
    return np.clip(relative, -STEEPEST, STEEPEST)
