"""From one grid to another: local cubic interpolation, axis by axis."""

from __future__ import annotations

import numpy as np
import scipy.sparse

from mfgprox.grid import Grid


def cubic(old: np.ndarray, new: np.ndarray) -> scipy.sparse.csr_matrix:
    """Matrix (new, old) of four-point Lagrange interpolation; linear beyond the outermost points.

    old: strictly increasing positions; with fewer than four, the polynomial through all of them.
    """
    points = min(4, old.size)
    start = np.clip(np.searchsorted(old, new) - points // 2, 0, old.size - points)
    inside = np.clip(new, old[0], old[-1])
    weights = np.ones((new.size, points))
    for i in range(points):
        for j in range(points):
            if i != j:
                a, b = old[start + i], old[start + j]
                weights[:, i] *= (inside - b) / (a - b)
    rows = np.repeat(np.arange(new.size), points)
    columns = (start[:, None] + np.arange(points)).ravel()
    matrix = scipy.sparse.coo_matrix(
        (weights.ravel(), (rows, columns)), shape=(new.size, old.size)
    ).tocsr()
    return matrix + _outward(old, new) if old.size > 1 else matrix


def _outward(old: np.ndarray, new: np.ndarray) -> scipy.sparse.csr_matrix:
    """(new - end) × slope of the outermost interval, for the points beyond the ends."""
    before, after = np.flatnonzero(new < old[0]), np.flatnonzero(new > old[-1])
    left = (new[before] - old[0]) / (old[1] - old[0])
    right = (new[after] - old[-1]) / (old[-1] - old[-2])
    n = old.size
    rows = np.concatenate([before, before, after, after])
    columns = np.repeat([0, 1, n - 2, n - 1], [before.size] * 2 + [after.size] * 2)
    values = np.concatenate([-left, left, -right, right])
    return scipy.sparse.coo_matrix((values, (rows, columns)), shape=(new.size, n)).tocsr()


def along(matrix: scipy.sparse.csr_matrix, values: np.ndarray, axis: int) -> np.ndarray:
    """The matrix applied along one axis of an array."""
    moved = np.moveaxis(values, axis, 0)
    result = matrix @ np.ascontiguousarray(moved).reshape(moved.shape[0], -1)
    return np.moveaxis(result.reshape(-1, *moved.shape[1:]), 0, axis)


def in_space(values: np.ndarray, old: Grid, new: Grid) -> np.ndarray:
    """values (time, *old.shape) at cell centres -> (time, *new.shape)."""
    for axis in range(new.dimension):
        before, after = old.centers(axis), new.centers(axis)
        if not np.array_equal(before, after):
            matrix = cubic(before, after)
            values = along(matrix, values, values.ndim - 1 - axis)
    return np.ascontiguousarray(values)


def in_time(values: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """values (old.size, …) at the times old -> at the times new."""
    if old.size == new.size and np.array_equal(old, new):
        return values
    return np.ascontiguousarray(along(cubic(old, new), values, 0))
