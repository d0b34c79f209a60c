"""Which pairs of points a problem is restricted to: those that may carry mass, and a few more."""

from __future__ import annotations

import numpy as np

MORE = 3
"""Pairs of negative reduced cost in a row that are taken, in units of `least`."""


def candidates(C: np.ndarray, psi: np.ndarray, least: int) -> np.ndarray:
    """Flat indices of pairs, sorted: the `least` of smallest reduced cost of each row and column.

    C (N, M), psi (M,). The reduced cost C_ij - psi_j - phi_i is 0 at the least entry of a row.
    """
    reduced = C - psi
    reduced -= reduced.min(axis=1)[:, None]
    rows, columns = C.shape
    across = _smallest(reduced, min(least, columns))
    down = _smallest(np.ascontiguousarray(reduced.T), min(least, rows))
    first = across + np.arange(rows)[:, None] * columns
    second = down * columns + np.arange(columns)[:, None]
    return np.unique(np.concatenate([first.ravel(), second.ravel()]))


def _smallest(values: np.ndarray, count: int) -> np.ndarray:
    if count == values.shape[1]:
        return np.broadcast_to(np.arange(count), values.shape)
    return np.argpartition(values, count - 1, axis=1)[:, :count]


def missing(C: np.ndarray, psi: np.ndarray, phi: np.ndarray, least: int) -> np.ndarray:
    """Flat indices of pairs with C_ij < phi_i + psi_j, the lowest MORE · least of each row."""
    reduced = C - psi
    reduced -= phi[:, None]
    lowest = _smallest(reduced, min(MORE * least, C.shape[1]))
    i = np.repeat(np.arange(len(C)), lowest.shape[1])
    j = lowest.ravel()
    chosen = reduced[i, j] < 0.0
    return i[chosen] * C.shape[1] + j[chosen]
