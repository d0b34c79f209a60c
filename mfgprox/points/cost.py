"""Costs between the points of two clouds."""

from __future__ import annotations

import math

import numpy as np


def pairwise_cost(
    x: np.ndarray, y: np.ndarray, p: float = 2.0, cost: str = "euclidean"
) -> np.ndarray:
    """|x_i - y_j|^p, or Σ_k |x_ik - y_jk|^p for "separable"; x (N, d), y (M, d) -> (N, M).

    Raises ValueError for other shapes, points that are not finite, and p or cost unknown.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"points must be (N, d) and (M, d); got {x.shape} and {y.shape}")
    for name, points in (("x", x), ("y", y)):
        if not np.isfinite(points).all():
            row = int(np.argmin(np.isfinite(points).all(axis=1)))
            raise ValueError(f"{name} must be finite; got {name}[{row}] = {points[row].tolist()}")
    if not (math.isfinite(p) and p > 0.0) or cost not in ("euclidean", "separable"):
        raise ValueError(f"p must be above 0, cost euclidean or separable; got {p} and {cost!r}")
    total = np.zeros((len(x), len(y)))
    for axis in range(x.shape[1]):
        away = np.abs(x[:, axis, None] - y[:, axis])
        total += away**p if cost == "separable" else away * away
    return total if cost == "separable" or p == 2.0 else total ** (0.5 * p)
