"""The c-transform of a potential over the centres of the cells of a grid, exactly.

psi^c(x) = min_y c(x, y) - psi(y); over the whole box `splines.SplinePotential` has it.
Source: Baptista et al., Proximal optimal transport divergences, Theorem 3.1.
"""

from __future__ import annotations

import numpy as np

from mfgprox.cost import Cost
from mfgprox.kernels.threads import over
from mfgprox.kernels.transforms import (
    COLUMNS,
    composed,
    euclidean_pairs,
    power_lines,
    quadratic_axis,
)


def c_transform(
    psi: np.ndarray, cost: Cost, spacing: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """min_y |x - y|^p - psi(y) over cell centres, and the flat index of a y that attains it.

    psi: (nz, ny, nx), -inf where y is excluded; spacing: (hz, hy, hx). Returns values and argmin
    (int64) of the shape of psi. Raises ValueError for nan, +inf, or if every y is excluded.
    """
    f = -np.asarray(psi, float)
    if np.isnan(f).any() or np.isneginf(f).any() or not np.isfinite(f).any():
        raise ValueError("psi must be finite or -inf, and finite somewhere")
    if cost.p == 2.0:
        return _quadratic(np.ascontiguousarray(f), spacing)
    if cost.separable or sum(n > 1 for n in f.shape) <= 1:
        return _axis_by_axis(f, cost.p, spacing)
    return _euclidean(f, cost.p, spacing)


def _quadratic(f: np.ndarray, spacing: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """f is overwritten."""
    nz, ny, nx = f.shape
    choice = [np.zeros(f.shape, np.int32) for _ in range(3)]
    for axis in (2, 1, 0):
        if f.shape[axis] == 1:
            continue
        # Lines along z run across rows as those along y do, all planes being one row.
        shape = (1, nz, ny * nx) if axis == 0 else f.shape
        units = nz * ny if axis == 2 else shape[0] * -(-shape[2] // COLUMNS)
        over(
            quadratic_axis, units, f.size, f.reshape(shape), 2 if axis == 2 else 1, spacing[axis],
            choice[axis].reshape(shape),
        )  # fmt: skip
    out = np.empty(f.shape, np.int64)
    over(composed, nz * ny, f.size, *choice, out)
    return f, out


def _axis_by_axis(
    f: np.ndarray, p: float, spacing: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    choice = {}
    for axis in (2, 1, 0):
        if f.shape[axis] == 1:
            choice[axis] = np.zeros(f.shape, np.int64)
            continue
        turned = np.ascontiguousarray(np.moveaxis(f, axis, -1))
        lines = turned.reshape(-1, turned.shape[-1])
        out, arg = np.empty_like(lines), np.empty(lines.shape, np.int64)
        power_lines(lines, (spacing[axis] * np.arange(lines.shape[1])) ** p, out, arg)
        f, choice[axis] = (
            np.ascontiguousarray(np.moveaxis(a.reshape(turned.shape), -1, axis)) for a in (out, arg)
        )
    z, y, x = np.ogrid[: f.shape[0], : f.shape[1], : f.shape[2]]
    z = choice[0]
    y = choice[1][z, y, x]
    x = choice[2][z, y, x]
    return f, np.ravel_multi_index((z, y, x), f.shape)


def _euclidean(
    f: np.ndarray, p: float, spacing: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    order = longest_last(f.shape)
    squares = [(spacing[a] * np.arange(f.shape[a])) ** 2 for a in order]
    g = (squares[0][:, None, None] + squares[1][:, None] + squares[2]) ** (0.5 * p)
    return by_line_pairs(np.ascontiguousarray(f.transpose(order)), g, order)


def longest_last(shape: tuple[int, ...]) -> list[int]:
    """The monotone search runs along the longest axis; the others make the pairs of lines."""
    longest = int(np.argmax(shape))
    return [a for a in range(3) if a != longest] + [longest]


def by_line_pairs(
    turned: np.ndarray, g: np.ndarray, order: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """min_y g[|x - y|] + f(y) and a flat index that attains it, g convex in the distance.

    turned, g: f and the costs of displacements by so many cells, axes in the given order. Returns
    arrays of the shape of f.
    """
    out, arg = np.empty_like(turned), np.empty(turned.shape, np.int64)
    euclidean_pairs(turned, g, _offsets_by_distance(g[:, :, 0]), out, arg)
    return turned_back(out, arg, order)


def turned_back(
    out: np.ndarray, arg: np.ndarray, order: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Values and flat indices with axes in this order, both for axes z, y, x."""
    places = np.unravel_index(arg, arg.shape)
    back = np.argsort(order)
    shape = tuple(arg.shape[b] for b in back)
    flat = np.ravel_multi_index([places[b] for b in back], shape)
    return np.ascontiguousarray(out.transpose(back)), np.ascontiguousarray(flat.transpose(back))


def _offsets_by_distance(least: np.ndarray) -> np.ndarray:
    nz, ny = least.shape
    dz, dy = np.meshgrid(np.arange(1 - nz, nz), np.arange(1 - ny, ny), indexing="ij")
    order = np.argsort(least[abs(dz), abs(dy)], axis=None, kind="stable")
    return np.stack([dz.ravel()[order], dy.ravel()[order]], axis=1).astype(np.int64)
