"""Coefficients of the cubic B-spline through lattice values, by LU factors without pivots.

Rows: c[i-1]/6 + 4 c[i]/6 + c[i+1]/6 = value, and a vanishing fourth difference of c at either end
(not-a-knot). The factors do not depend on the values and settle within a few dozen rows.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit

LEAST = 8
"""Cells from which the factors are used; the ends must not touch."""
SETTLED = 64


@lru_cache(maxsize=64)
def spline_factors(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """lower (n + 2,), upper (n + 2, 5) and the last row's multipliers (4,) for n >= LEAST cells."""
    m = n + 2
    lower, upper = np.zeros(m), np.zeros((m, 5))
    upper[0] = 1.0, -4.0, 6.0, -4.0, 1.0
    for i in range(1, m - 1):
        if i > SETTLED:
            lower[i:-1], upper[i:-1] = lower[i - 1], upper[i - 1]
            break
        lower[i] = 1.0 / (6.0 * upper[i - 1, 0])
        upper[i, :2] = 4.0 / 6.0, 1.0 / 6.0
        upper[i, :4] -= lower[i] * upper[i - 1, 1:]
    # The last row [1 -4 6 -4 1] loses its first four entries to the rows above, one after another.
    row, last = np.array([1.0, -4.0, 6.0, -4.0, 1.0]), np.zeros(4)
    for k in range(4):
        last[k] = row[k] / upper[m - 5 + k, 0]
        row[k : k + 2] -= last[k] * upper[m - 5 + k, :2]
    upper[m - 1, 0] = row[4]
    return lower, upper, last


@njit(cache=True)
def solve_splines(values, lower, upper, last, out):
    """Coefficients out (outer, n + 2, inner) along the middle axis of values (outer, n, inner)."""
    outer, n, inner = values.shape
    m = n + 2
    for o in range(outer):
        c = out[o]
        for k in range(inner):
            c[0, k] = 0.0
        if inner == 1:
            before = 0.0
            for i in range(1, m - 1):
                before = values[o, i - 1, 0] - lower[i] * before
                c[i, 0] = before
        else:
            for i in range(1, m - 1):
                s = lower[i]
                for k in range(inner):
                    c[i, k] = values[o, i - 1, k] - s * c[i - 1, k]
        for k in range(inner):
            total = 0.0
            for q in range(4):
                total -= last[q] * c[m - 5 + q, k]
            c[m - 1, k] = total / upper[m - 1, 0]
        if inner == 1:
            after = c[m - 1, 0]
            for i in range(m - 2, 3, -1):
                after = (c[i, 0] - upper[i, 1] * after) / upper[i, 0]
                c[i, 0] = after
        else:
            for i in range(m - 2, 3, -1):
                s, r = upper[i, 1], 1.0 / upper[i, 0]
                for k in range(inner):
                    c[i, k] = (c[i, k] - s * c[i + 1, k]) * r
        for i in range(3, -1, -1):
            for k in range(inner):
                for q in range(1, 5):
                    c[i, k] -= upper[i, q] * c[i + q, k]
                c[i, k] /= upper[i, 0]


@lru_cache(maxsize=16)
def short_inverse(n: int) -> np.ndarray:
    """(n + 2, n): coefficients from values on a short axis, the ends' difference of order <= n."""
    order = min(4, n)
    end = np.array([1.0])
    for _ in range(order):
        end = np.convolve(end, [1.0, -1.0])
    matrix = np.zeros((n + 2, n + 2))
    matrix[0, : order + 1], matrix[-1, -order - 1 :] = end, end
    for i in range(1, n + 1):
        matrix[i, i - 1 : i + 2] = 1.0 / 6.0, 4.0 / 6.0, 1.0 / 6.0
    return np.linalg.inv(matrix)[:, 1:-1]


def spline_coefficients(values: np.ndarray) -> np.ndarray:
    """Coefficients with two more entries on every axis longer than one; values (nz, ny, nx)."""
    for axis, n in enumerate(values.shape):
        if n == 1:
            continue
        shape = values.shape
        lines = np.ascontiguousarray(values, float).reshape(int(np.prod(shape[:axis])), n, -1)
        out = np.zeros((lines.shape[0], n + 2, lines.shape[2]))
        if n >= LEAST:
            solve_splines(lines, *spline_factors(n), out)
        else:
            inverse = short_inverse(n)
            for i in range(n + 2):
                for j in range(n):
                    out[:, i] += inverse[i, j] * lines[:, j]
        values = out.reshape(*shape[:axis], n + 2, *shape[axis + 1 :])
    return values
