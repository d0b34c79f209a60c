"""Splines through values at the centres of cells: a potential on the whole box, its c-transform.

The potential is a cubic spline; the minimum of c(x, y) - psi(y) over the box is found from the
centre that attains it over the centres. `lines_at` evaluates the quintic ones of `kernels`.
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
from mfgprox.transform import c_transform

THREADED_NODES = 30_000
"""Nodes from which the search over the box is shared among threads."""


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


def _basis(a: np.ndarray) -> tuple[np.ndarray, ...]:
    b = 1.0 - a
    return (
        b**3 / 6.0,
        (4.0 - 6.0 * a**2 + 3.0 * a**3) / 6.0,
        (4.0 - 6.0 * b**2 + 3.0 * b**3) / 6.0,
        a**3 / 6.0,
    )
