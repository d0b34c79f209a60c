"""W_p^p of two densities on an interval by their monotone rearrangement."""

from __future__ import annotations

import numpy as np


def transport_cost_1d(
    mass_P: np.ndarray, mass_R: np.ndarray, lower: float, h: float, p: float
) -> float:
    """∫_0^1 |F_P^{-1} - F_R^{-1}|^p du of densities constant in each of the cells of width h.

    mass_P, mass_R: (n,), non-negative, not all zero; normalised here. Exact up to round-off.
    Source: Baptista et al., Proximal optimal transport divergences, (2.23) in one dimension.
    """
    levels = [np.concatenate([[0.0], np.cumsum(m)]) / m.sum() for m in (mass_P, mass_R)]
    cuts = np.unique(np.clip(np.concatenate(levels), 0.0, 1.0))
    width, middle = np.diff(cuts), 0.5 * (cuts[1:] + cuts[:-1])
    ends = []
    for F in levels:
        cell = np.clip(np.searchsorted(F, middle, side="right") - 1, 0, F.size - 2)
        step = F[cell + 1] - F[cell]
        inside = [
            np.divide(u - F[cell], step, out=np.zeros_like(u), where=step > 0.0)
            for u in (cuts[:-1], cuts[1:])
        ]
        ends.append([lower + h * (cell + np.clip(t, 0.0, 1.0)) for t in inside])
    a, b = (ends[0][i] - ends[1][i] for i in (0, 1))
    return float((width * _mean_power(a, b, p)).sum())


def _mean_power(a: np.ndarray, b: np.ndarray, p: float) -> np.ndarray:
    """∫_0^1 |a + (b - a) t|^p dt."""
    change = b - a
    steep = np.abs(change) > 1e-3 * (np.abs(a) + np.abs(b))
    exact = np.divide(
        b * np.abs(b) ** p - a * np.abs(a) ** p,
        (p + 1.0) * change,
        out=np.zeros_like(a),
        where=steep,
    )
    # Where the difference of the antiderivatives would cancel: Simpson, exact to (change/a)^4.
    simpson = (np.abs(a) ** p + 4.0 * np.abs(0.5 * (a + b)) ** p + np.abs(b) ** p) / 6.0
    return np.where(steep, exact, simpson)
