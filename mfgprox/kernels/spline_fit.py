"""Coefficients of the quintic B-spline through lattice values, by LU factors without pivots.

Rows: (c[i-2] + 26 c[i-1] + 66 c[i] + 26 c[i+1] + c[i+2])/120 = value, and two vanishing sixth
differences of c at either end (not-a-knot). The factors do not depend on the values and settle
within a few dozen rows.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit

PAD = 2
"""Coefficients beyond the values at either end of an axis."""
ROW = np.array([1.0, 26.0, 66.0, 26.0, 1.0]) / 120.0
END = np.array([1.0, -6.0, 15.0, -20.0, 15.0, -6.0, 1.0])
LEAST = 16
"""Cells from which the factors are used; the ends must not touch."""
SETTLED = 96
FELT = 56
"""Cells beyond a wall after which a spline does not feel how it ends: 0.43^FELT < 1e-20."""
SLOPE_AT_WALL = np.array([-81.0, -139.0, 134.0, 90.0, -5.0, 1.0]) / 384.0
"""Of the first six coefficients: the slope per cell half a cell before the first centre."""


@lru_cache(maxsize=64)
def spline_factors(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For n >= LEAST cells, m = n + 4 rows: lower (m, 2), upper (m, 7), and the multipliers of the
    last two rows (2, 7), all by distance from the diagonal, nearest last in lower and `last`."""
    m = n + 2 * PAD
    lower, upper, last = np.zeros((m, 2)), np.zeros((m, 7)), np.zeros((2, 7))
    upper[0] = END
    # Row 1 is [0 1 -6 15 …]: nothing to eliminate, its diagonal is its first entry.
    upper[1] = END
    for i in range(2, m - 2):
        if i > SETTLED:
            lower[i : m - 2], upper[i : m - 2] = lower[i - 1], upper[i - 1]
            break
        row = np.zeros(9)
        row[:5] = ROW
        for k in range(2):
            above = i - 2 + k
            lower[i, k] = row[k] / upper[above, 0]
            row[k : k + 7] -= lower[i, k] * upper[above]
        upper[i] = row[2:]
    for k in range(2):
        # The rows end at the last column but one and at the last one.
        row = np.zeros(16)
        start = m - 8 + k
        row[:7] = END
        for q in range(6):
            above = start + q
            last[k, q] = row[q] / upper[above, 0]
            row[q : q + 7] -= last[k, q] * upper[above]
        upper[m - 2 + k, : 2 - k] = row[6 : 8 - k]
    return lower, upper, last


@njit(cache=True)
def solve_splines(values, lower, upper, last, out):
    """Coefficients out (outer, n + 4, inner) along the middle axis of values (outer, n, inner)."""
    outer, n, inner = values.shape
    m = n + 4
    for o in range(outer):
        c = out[o]
        for k in range(inner):
            c[0, k] = 0.0
            c[1, k] = 0.0
        if inner == 1:
            before, here = 0.0, 0.0
            for i in range(2, m - 2):
                new = values[o, i - 2, 0] - lower[i, 0] * before - lower[i, 1] * here
                before, here = here, new
                c[i, 0] = new
        else:
            for i in range(2, m - 2):
                s, t = lower[i, 0], lower[i, 1]
                for k in range(inner):
                    c[i, k] = values[o, i - 2, k] - s * c[i - 2, k] - t * c[i - 1, k]
        for row in range(2):
            for k in range(inner):
                total = 0.0
                for q in range(6):
                    total -= last[row, q] * c[m - 8 + row + q, k]
                c[m - 2 + row, k] = total
        for k in range(inner):
            c[m - 1, k] /= upper[m - 1, 0]
            c[m - 2, k] = (c[m - 2, k] - upper[m - 2, 1] * c[m - 1, k]) / upper[m - 2, 0]
        if inner == 1:
            here, after = c[m - 2, 0], c[m - 1, 0]
            for i in range(m - 3, 5, -1):
                new = (c[i, 0] - upper[i, 1] * here - upper[i, 2] * after) / upper[i, 0]
                here, after = new, here
                c[i, 0] = new
        else:
            for i in range(m - 3, 5, -1):
                s, t, r = upper[i, 1], upper[i, 2], 1.0 / upper[i, 0]
                for k in range(inner):
                    c[i, k] = (c[i, k] - s * c[i + 1, k] - t * c[i + 2, k]) * r
        for i in range(5, -1, -1):
            for k in range(inner):
                for q in range(1, 7):
                    c[i, k] -= upper[i, q] * c[i + q, k]
                c[i, k] /= upper[i, 0]


@lru_cache(maxsize=32)
def short_inverse(n: int) -> np.ndarray:
    """(n + 4, n): coefficients from values on a short axis, differences of order min(6, n) at the
    ends: the polynomial through the values where n <= 6."""
    order = min(6, n)
    end = np.array([1.0])
    for _ in range(order):
        end = np.convolve(end, [1.0, -1.0])
    m = n + 2 * PAD
    matrix = np.zeros((m, m))
    for k in range(2):
        matrix[k, k : k + order + 1] = end
        matrix[m - 1 - k, m - 1 - k - order : m - k] = end
    for i in range(PAD, m - PAD):
        matrix[i, i - 2 : i + 3] = ROW
    return np.linalg.inv(matrix)[:, PAD:-PAD]


def fit_axis(values: np.ndarray, axis: int) -> np.ndarray:
    """Coefficients along one axis, four more entries there; values (nz, ny, nx)."""
    shape = values.shape
    n = shape[axis]
    lines = np.ascontiguousarray(values, float).reshape(int(np.prod(shape[:axis])), n, -1)
    out = np.zeros((lines.shape[0], n + 2 * PAD, lines.shape[2]))
    if n >= LEAST:
        solve_splines(lines, *spline_factors(n), out)
    else:
        inverse = short_inverse(n)
        for i in range(n + 2 * PAD):
            for j in range(n):
                out[:, i] += inverse[i, j] * lines[:, j]
    return out.reshape(*shape[:axis], n + 2 * PAD, *shape[axis + 1 :])


def spline_coefficients(values: np.ndarray) -> np.ndarray:
    """Coefficients with four more entries on every axis longer than one; values (nz, ny, nx)."""
    for axis, n in enumerate(values.shape):
        if n > 1:
            values = fit_axis(values, axis)
    return values


@lru_cache(maxsize=32)
def wall_slope(n: int) -> np.ndarray:
    """(min(n, FELT) + 4,): coefficients of the spline that is zero at the cell centres, has slope
    one per cell at the first wall and one vanishing sixth difference there. n >= LEAST."""
    n = min(n, FELT)
    m = n + 2 * PAD
    matrix = np.zeros((m, m))
    matrix[0, :6], matrix[1, :7] = SLOPE_AT_WALL, END
    matrix[m - 2, m - 8 : m - 1], matrix[m - 1, m - 7 :] = END, END
    for i in range(PAD, m - PAD):
        matrix[i, i - 2 : i + 3] = ROW
    return np.linalg.solve(matrix, np.eye(m)[0])


def reflecting_coefficients(values: np.ndarray) -> np.ndarray:
    """`spline_coefficients`, but no slope across the walls. Axes of 1 or >= LEAST cells."""
    for axis, n in enumerate(values.shape):
        if n > 1:
            values = fit_axis(values, axis)
            for lines in (np.moveaxis(values, axis, 0), np.flip(np.moveaxis(values, axis, 0), 0)):
                slope = sum(s * line for s, line in zip(SLOPE_AT_WALL, lines, strict=False))
                for i, amount in enumerate(wall_slope(n)):
                    lines[i] -= amount * slope
    return values
