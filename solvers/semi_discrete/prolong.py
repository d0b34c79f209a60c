"""A potential on the sites of one lattice, carried to those of another one over the same box."""

from __future__ import annotations

import numpy as np

LAYERS = 5
"""Cells beyond the known ones that get an extrapolated value."""
TRUST = (1.0, 1e-2, 1e-5)
"""Weights of quadratic, linear and constant extrapolation."""
STEPS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))


def extended(field: np.ndarray, layers: int = LAYERS) -> np.ndarray:
    """nan entries near known ones by extrapolation along rows, columns and diagonals, layer by
    layer; the others by the mean of the known ones."""
    for _ in range(layers):
        missing = np.isnan(field)
        if not missing.any():
            return field
        total, weight = np.zeros(field.shape), np.zeros(field.shape)
        padded = np.pad(field, 3, constant_values=np.nan)
        for dy, dx in STEPS:
            a, b, c = (_shifted(padded, k * dy, k * dx, field.shape) for k in (1, 2, 3))
            for trust, guess in zip(TRUST, (3.0 * (a - b) + c, 2.0 * a - b, a), strict=True):
                known = missing & np.isfinite(guess)
                w = trust / (abs(dy) + abs(dx))
                total[known] += w * guess[known]
                weight[known] += w
        found = weight > 0.0
        if not found.any():
            break
        field = np.where(found, total / np.where(found, weight, 1.0), field)
    return np.where(np.isnan(field), np.nanmean(field), field)


def _shifted(padded: np.ndarray, dy: int, dx: int, shape: tuple[int, ...]) -> np.ndarray:
    return padded[3 + dy : 3 + dy + shape[0], 3 + dx : 3 + dx + shape[1]]


def interpolated(field: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Cubic interpolation of values (ny, nx) at the nodes 0, 1, …; nan where there is none.

    x, y: places in units of nodes, at most a node outside. An axis of length one is constant.
    """
    pad = [2 if n > 1 else 0 for n in field.shape]
    padded = np.pad(field, [(p, p) for p in pad], constant_values=np.nan)
    padded = extended(padded)
    rows, wy = _stencil(y, padded.shape[0], pad[0])
    columns, wx = _stencil(x, padded.shape[1], pad[1])
    total = np.zeros(x.shape)
    for row, v in zip(rows, wy, strict=True):
        for column, w in zip(columns, wx, strict=True):
            total += v * w * padded[row, column]
    return total


def _stencil(at: np.ndarray, n: int, pad: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    if n == 1:
        return [np.zeros(at.shape, int)], [np.ones(at.shape)]
    first = np.clip(np.floor(at).astype(int) + pad - 1, 0, n - 4)
    s = at + pad - first
    nodes = range(4)
    weights = []
    for k in nodes:
        w = np.ones(at.shape)
        for m in nodes:
            if m != k:
                w = w * (s - m) / (k - m)
        weights.append(w)
    return [first + k for k in nodes], weights
