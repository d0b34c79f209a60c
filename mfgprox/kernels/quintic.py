"""Quintic splines on the lattice of cell centres: values, slopes and curvatures anywhere.

Coefficients (nz + 4, ny + 4, nx + 4) from `spline_fit`, an axis of one cell has one; places in
units of cells, 0 at the first centre; axes in the order x, y, z.
"""

from __future__ import annotations

import numpy as np
from numba import njit

VALUE, SLOPE = 1.0 / 3840.0, 1.0 / 1920.0
"""Common denominators of the weights of a quintic spline, and of those of its derivatives."""


@njit(cache=True)
def spline_weights(u, n, w):
    """First coefficient; w (3, 6): the first two rows become the weights of value and slope at u.

    The weights of the far side mirror those of the near side: both come from the even and the odd
    part of one polynomial in the distance from the middle.
    """
    if n == 1:
        w[:] = 0.0
        w[0, 0] = 1.0
        return 0
    i = min(max(int(np.floor(u)), 0), n - 2)
    a = u - i
    b = 1.0 - a
    s = a - 0.5
    x = s * s
    a4, b4 = a * a * a * a, b * b * b * b
    w[0, 0], w[0, 5] = VALUE * 32.0 * b4 * b, VALUE * 32.0 * a4 * a
    even = VALUE * (237.0 + x * (840.0 - 240.0 * x))
    odd = VALUE * s * (-750.0 + x * (-240.0 + 160.0 * x))
    w[0, 1], w[0, 4] = even + odd, even - odd
    even = VALUE * (1682.0 + x * (-880.0 + 160.0 * x))
    odd = VALUE * s * (-1540.0 + x * (1120.0 - 320.0 * x))
    w[0, 2], w[0, 3] = even + odd, even - odd
    w[1, 0], w[1, 5] = SLOPE * -80.0 * b4, SLOPE * 80.0 * a4
    even = SLOPE * (-375.0 + x * (-360.0 + 400.0 * x))
    odd = SLOPE * s * (840.0 - 480.0 * x)
    w[1, 1], w[1, 4] = odd + even, odd - even
    even = SLOPE * (-770.0 + x * (1680.0 - 800.0 * x))
    odd = SLOPE * s * (-880.0 + 320.0 * x)
    w[1, 2], w[1, 3] = odd + even, odd - even
    return i


@njit(cache=True)
def _curvature_weights(a, n, w):
    """The third row of w (3, 6): weights of the curvature at a distance a from the first value."""
    if n == 1:
        return
    b = 1.0 - a
    s = a - 0.5
    x = s * s
    w[2, 0], w[2, 5] = SLOPE * 320.0 * b * b * b, SLOPE * 320.0 * a * a * a
    even, odd = SLOPE * (840.0 - 1440.0 * x), SLOPE * s * (-720.0 + 1600.0 * x)
    w[2, 1], w[2, 4] = even + odd, even - odd
    even, odd = SLOPE * (-880.0 + 960.0 * x), SLOPE * s * (3360.0 - 3200.0 * x)
    w[2, 2], w[2, 3] = even + odd, even - odd


@njit(cache=True)
def spline_lines(c, m, out):
    """Splines of m cells, coefficients c (m + 4, many), at n equal cells: out (n, many)."""
    n, many = out.shape
    w = np.empty((3, 6))
    for i in range(n):
        first = spline_weights((i + 0.5) * m / n - 0.5, m, w)
        out[i] = 0.0
        for k in range(6):
            for j in range(many):
                out[i, j] += w[0, k] * c[first + k, j]


@njit(cache=True)
def six(w, r):
    """w·r of six entries."""
    near = w[0] * r[0] + w[1] * r[1] + w[2] * r[2]
    return near + (w[3] * r[3] + w[4] * r[4] + w[5] * r[5])


@njit(cache=True)
def jet(c, n, ux, uy, uz, w):
    """Value, slopes x, y, z, curvatures xx, yy, zz, xy, xz, yz of a spline, per cell.

    c: coefficients of `spline_fit`; n: cells; w (3, 3, 6): scratch; order x, y, z.
    """
    ix = spline_weights(ux, n[0], w[0])
    iy = spline_weights(uy, n[1], w[1])
    iz = spline_weights(uz, n[2], w[2])
    _curvature_weights(ux - ix, n[0], w[0])
    _curvature_weights(uy - iy, n[1], w[1])
    _curvature_weights(uz - iz, n[2], w[2])
    f, fx, fy, fz = 0.0, 0.0, 0.0, 0.0
    fxx, fyy, fzz, fxy, fxz, fyz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    w0, w1, w2 = w[0, 0], w[0, 1], w[0, 2]
    for k in range(6 if n[2] > 1 else 1):
        g, gx, gy, gxx, gyy, gxy = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for l in range(6 if n[1] > 1 else 1):
            if n[0] > 1:
                r = c[iz + k, iy + l, ix : ix + 6]
                v, s, b = six(w0, r), six(w1, r), six(w2, r)
            else:
                v, s, b = c[iz + k, iy + l, 0], 0.0, 0.0
            g += w[1, 0, l] * v
            gx += w[1, 0, l] * s
            gy += w[1, 1, l] * v
            gxx += w[1, 0, l] * b
            gyy += w[1, 2, l] * v
            gxy += w[1, 1, l] * s
        f += w[2, 0, k] * g
        fx += w[2, 0, k] * gx
        fy += w[2, 0, k] * gy
        fz += w[2, 1, k] * g
        fxx += w[2, 0, k] * gxx
        fyy += w[2, 0, k] * gyy
        fxy += w[2, 0, k] * gxy
        fzz += w[2, 2, k] * g
        fxz += w[2, 1, k] * gx
        fyz += w[2, 1, k] * gy
    return f, fx, fy, fz, fxx, fyy, fzz, fxy, fxz, fyz
