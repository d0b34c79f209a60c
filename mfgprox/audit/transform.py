"""c-transforms by trying every pair.

Source: Baptista et al., Proximal optimal transport divergences, Theorem 3.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

PAIRS_AT_ONCE = 1 << 24


def axes_first(values: np.ndarray) -> list[int]:
    """Array axes in the order x, y, z: arrays are (…, z, y, x)."""
    return list(range(values.ndim))[::-1]


def minimum_over_lattice(
    psi: np.ndarray,
    places: Sequence[np.ndarray],
    x: Sequence[np.ndarray],
    p: float,
    separable: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """min over the y of a lattice of |x - y|^p - psi(y), for the x of another, and flat argmins.

    psi: on the y lattice, -inf where y is excluded; places, x: coordinates per axis in the order
    x, y, z. Both results have the shape of the x lattice, (…, z, y, x).
    """
    if p == 2.0 or separable or psi.ndim == 1:
        return _axis_by_axis(psi, places, x, p)
    y, points = _points(places), _points(x)
    held = np.flatnonzero(np.isfinite(psi.ravel()))
    y, values = y[:, held], psi.ravel()[held]
    out, argmin = np.empty(points.shape[1]), np.empty(points.shape[1], np.int64)
    step = max(1, PAIRS_AT_ONCE // held.size)
    for first in range(0, out.size, step):
        part = slice(first, first + step)
        square = sum((a[part, None] - b) ** 2 for a, b in zip(points, y, strict=True))
        total = square ** (0.5 * p) - values
        best = total.argmin(axis=1)
        out[part] = np.take_along_axis(total, best[:, None], 1)[:, 0]
        argmin[part] = held[best]
    shape = tuple(c.size for c in x[::-1])
    return out.reshape(shape), argmin.reshape(shape)


def minimum_over_finer_lattice(
    psi: np.ndarray,
    places: Sequence[np.ndarray],
    coarse: np.ndarray,
    rise: np.ndarray,
    x: Sequence[np.ndarray],
    p: float,
) -> tuple[np.ndarray, np.ndarray]:
    """`minimum_over_lattice` for the Euclidean norm where all pairs would be too many.

    coarse: a potential on every r-th node of the finer lattice, walls included, r even; rise: no
    finer node nearest to a coarse one is better than the coarse one by more. Only the neighbourhood
    of coarse nodes that may matter is searched.
    """
    steps = [(a - 1) // (b - 1) for a, b in zip(psi.shape, coarse.shape, strict=True)]
    sparse = [c[::r] for c, r in zip(places, steps[::-1], strict=True)]
    nodes, y, points = _points(places), _points(sparse), _points(x)
    offsets = list(product(*(range(-(r // 2), r // 2 + 1) for r in steps)))
    out, argmin = np.empty(points.shape[1]), np.empty(points.shape[1], np.int64)
    chunk = max(1, PAIRS_AT_ONCE // y.shape[1])
    for first in range(0, out.size, chunk):
        part = slice(first, first + chunk)
        square = sum((a[part, None] - b) ** 2 for a, b in zip(points, y, strict=True))
        total = square ** (0.5 * p) - coarse.ravel()
        best = total.min(axis=1)
        row, column = np.nonzero(total - rise.ravel() <= best[:, None])
        middle = np.unravel_index(column, coarse.shape)
        lowest, where = np.full(row.size, np.inf), np.zeros(row.size, np.int64)
        for offset in offsets:
            index = [
                np.clip(r * m + o, 0, n - 1)
                for m, o, r, n in zip(middle, offset, steps, psi.shape, strict=True)
            ]
            node = np.ravel_multi_index(tuple(index), psi.shape)
            square = sum(
                (a[first + row] - b[node]) ** 2 for a, b in zip(points, nodes, strict=True)
            )
            value = square ** (0.5 * p) - psi.ravel()[node]
            where = np.where(value < lowest, node, where)
            lowest = np.minimum(value, lowest)
        order = np.lexsort((lowest, row))
        _, leader = np.unique(row[order], return_index=True)
        out[part], argmin[part] = lowest[order][leader], where[order][leader]
    shape = tuple(c.size for c in x[::-1])
    return out.reshape(shape), argmin.reshape(shape)


def _points(axes: Sequence[np.ndarray]) -> np.ndarray:
    """Coordinates of the nodes of a lattice in the order z, y, x: (axes, nodes)."""
    return np.stack([c.ravel() for c in np.meshgrid(*axes[::-1], indexing="ij")])


def _axis_by_axis(
    psi: np.ndarray, places: Sequence[np.ndarray], x: Sequence[np.ndarray], p: float
) -> tuple[np.ndarray, np.ndarray]:
    f, choices = -np.asarray(psi, float), []
    for i, axis in enumerate(axes_first(psi)):
        cost = np.abs(x[i][:, None] - places[i]) ** p
        lines = np.moveaxis(f, axis, -1)
        flat = lines.reshape(-1, lines.shape[-1])
        out = np.empty((len(flat), len(cost)))
        best = np.empty(out.shape, np.int64)
        step = max(1, PAIRS_AT_ONCE // cost.size)
        for first in range(0, len(flat), step):
            total = flat[first : first + step, None, :] + cost
            best[first : first + step] = total.argmin(axis=-1)
            out[first : first + step] = total.min(axis=-1)
        shape = (*lines.shape[:-1], len(cost))
        f, choice = (np.moveaxis(a.reshape(shape), -1, axis) for a in (out, best))
        choices.append((axis, choice))
    index: list[np.ndarray] = list(np.ogrid[tuple(slice(n) for n in f.shape)])
    for axis, choice in choices[::-1]:
        index[axis] = choice[tuple(np.broadcast_arrays(*index))]
    flat_index = np.ravel_multi_index(tuple(np.broadcast_arrays(*index)), psi.shape)
    return f, flat_index
