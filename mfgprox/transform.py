"""The c-transform of a potential on the cells of a grid: over the centres, and over the whole box.

psi^c(x) = min_y c(x, y) - psi(y). Over the centres it is exact; over the box psi is the spline
through its values, and the minimum is found from the lattice argmin.
Source: Baptista et al., Proximal optimal transport divergences, Theorem 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import solve_banded

from mfgprox.cost import Cost
from mfgprox.kernels.polish import polish, polish_threaded
from mfgprox.kernels.quintic import spline_lines
from mfgprox.kernels.threads import over
from mfgprox.kernels.transforms import (
    COLUMNS,
    composed,
    euclidean_pairs,
    power_lines,
    quadratic_axis,
)

THREADED_NODES = 30_000


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


def spline_coefficients(values: np.ndarray) -> np.ndarray:
    """Coefficients of the cubic B-spline through values on a lattice, not-a-knot at the ends.

    values: (nz, ny, nx), finite. Returns two more entries per axis; an axis of length one stays so.
    Axes of two and three cells get the polynomial through them.
    """
    for axis in range(values.ndim):
        n = values.shape[axis]
        if n == 1:
            continue
        lines = np.moveaxis(values, axis, 0)
        right = np.zeros((n + 2, *lines.shape[1:]))
        right[1:-1] = lines
        solved = solve_banded((4, 4), _spline_matrix(n), right.reshape(n + 2, -1))
        values = np.moveaxis(solved.reshape(right.shape), 0, axis)
    return np.ascontiguousarray(values)


def _spline_matrix(n: int) -> np.ndarray:
    """Interpolation rows and, first and last, a vanishing difference of order min(4, n)."""
    order = min(4, n)
    end = np.array([1.0])
    for _ in range(order):
        end = np.convolve(end, [1.0, -1.0])
    band = np.zeros((9, n + 2))
    band[5, :-2], band[4, 1:-1], band[3, 2:] = 1.0 / 6.0, 4.0 / 6.0, 1.0 / 6.0
    for k in range(order + 1):
        band[4 - k, k] = end[k]
        band[4 + k, n + 1 - k] = end[k]
    return band


def lines_at(
    coefficients: np.ndarray, cells: tuple[int, ...], divided: tuple[int, ...]
) -> np.ndarray:
    """A quintic spline at the centres of other equal cells of the same box, (nz, ny, nx) of them.

    coefficients: of `kernels.spline_fit` on `cells` (nz, ny, nx).
    """
    for axis, (m, n) in enumerate(zip(cells, divided, strict=True)):
        if m == 1:
            continue
        lines = np.ascontiguousarray(np.moveaxis(coefficients, axis, 0))
        out = np.empty((n, lines[0].size))
        spline_lines(lines.reshape(len(lines), -1), m, out)
        coefficients = np.moveaxis(out.reshape(n, *lines.shape[1:]), 0, axis)
    return np.ascontiguousarray(coefficients)


@dataclass(frozen=True, eq=False)
class SplinePotential:
    """A potential on the whole box: the cubic spline through finite values at the cell centres.

    values: (nz, ny, nx); spacing: (hz, hy, hx).
    """

    values: np.ndarray
    cost: Cost
    spacing: tuple[float, ...]

    @cached_property
    def coefficients(self) -> np.ndarray:
        return spline_coefficients(self.values)

    @cached_property
    def lattice_argmin(self) -> np.ndarray:
        """Flat index of the centre that attains the c-transform over centres, (nz, ny, nx)."""
        return c_transform(self.values, self.cost, self.spacing)[1]

    def parts(self, parts: int) -> tuple[int, int, int]:
        """Parts per axis when every cell is divided; an axis of one cell stays undivided."""
        return tuple(parts if n > 1 else 1 for n in self.values.shape)  # type: ignore[return-value]

    def refined(self, parts: int) -> np.ndarray:
        """The spline at the centres of cells divided into `parts` per axis."""
        values = self.coefficients
        for axis, n in enumerate(self.values.shape):
            if n == 1:
                continue
            u = (np.arange(n * parts) + 0.5) / parts - 0.5
            i = np.clip(np.floor(u).astype(int), 0, n - 2)
            weights = _basis(u - i)
            shape = [-1 if a == axis else 1 for a in range(3)]
            values = sum(w.reshape(shape) * values.take(i + k, axis) for k, w in enumerate(weights))
        return values

    def c_transform(
        self, parts: int = 1, nodes: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """min over the box of |x - y|^p - psi(y), and where it is attained.

        x: the centres of the cells divided into `parts` per axis, or those of them whose flat
        indices are `nodes`. Returns values (len(nodes),) and places (len(nodes), 3), y in units of
        cells in the order z, y, x, 0 at the first centre.
        """
        sub = np.array(self.parts(parts))
        if nodes is None:
            nodes = np.arange(self.values.size * int(sub.prod()))
        values, places = np.empty(nodes.size), np.empty((nodes.size, 3))
        arguments = (
            nodes,
            self.values,
            self.coefficients,
            self.lattice_argmin,
            sub,
            np.array(self.spacing),
            self.cost.p,
            self.cost.separable,
            values,
            places,
        )
        if nodes.size > THREADED_NODES:
            polish_threaded(*arguments)
        else:
            polish(0, nodes.size, *arguments)
        return values, places


def _basis(a: np.ndarray) -> tuple[np.ndarray, ...]:
    b = 1.0 - a
    return (
        b**3 / 6.0,
        (4.0 - 6.0 * a**2 + 3.0 * a**3) / 6.0,
        (4.0 - 6.0 * b**2 + 3.0 * b**3) / 6.0,
        a**3 / 6.0,
    )
