"""Quintic splines at many places at once: weights in loops that the compiler vectorises.

Coefficients, places and axes as in `kernels.quintic`, whose weights these are.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mfgprox.kernels.quintic import SLOPE, VALUE

BLOCK = 64
"""Places whose weights are computed at once."""


@njit(cache=True)
def block_weights(u, n, first, w):
    """`spline_weights` of many places at once: first (many,), w (12, many), values, then slopes."""
    if n == 1:
        first[:] = 0
        w[:, :] = 0.0
        w[0, :] = 1.0
        return
    w0, w1, w2, w3, w4, w5 = w[0], w[1], w[2], w[3], w[4], w[5]
    s0, s1, s2, s3, s4, s5 = w[6], w[7], w[8], w[9], w[10], w[11]
    for j in range(u.size):
        i = np.floor(u[j])
        i = i if i > 0.0 else 0.0  # nan becomes 0: its results are nan, not out of bounds
        i = i if i < n - 2.0 else n - 2.0
        first[j] = int(i)
        a = u[j] - i
        b = 1.0 - a
        s = a - 0.5
        x = s * s
        a4, b4 = a * a * a * a, b * b * b * b
        w0[j], w5[j] = VALUE * 32.0 * b4 * b, VALUE * 32.0 * a4 * a
        even = VALUE * (237.0 + x * (840.0 - 240.0 * x))
        odd = VALUE * s * (-750.0 + x * (-240.0 + 160.0 * x))
        w1[j], w4[j] = even + odd, even - odd
        even = VALUE * (1682.0 + x * (-880.0 + 160.0 * x))
        odd = VALUE * s * (-1540.0 + x * (1120.0 - 320.0 * x))
        w2[j], w3[j] = even + odd, even - odd
        s0[j], s5[j] = SLOPE * -80.0 * b4, SLOPE * 80.0 * a4
        even = SLOPE * (-375.0 + x * (-360.0 + 400.0 * x))
        odd = SLOPE * s * (840.0 - 480.0 * x)
        s1[j], s4[j] = odd + even, odd - even
        even = SLOPE * (-770.0 + x * (1680.0 - 800.0 * x))
        odd = SLOPE * s * (-880.0 + 320.0 * x)
        s2[j], s3[j] = odd + even, odd - even


@njit(cache=True)
def block_curvatures(u, n, first, w):
    """Weights of curvatures, w (6, many), for places u whose `block_weights` gave `first`."""
    if n == 1:
        w[:, :] = 0.0
        return
    w0, w1, w2, w3, w4, w5 = w[0], w[1], w[2], w[3], w[4], w[5]
    for j in range(u.size):
        a = u[j] - first[j]
        b = 1.0 - a
        s = a - 0.5
        x = s * s
        w0[j], w5[j] = SLOPE * 320.0 * b * b * b, SLOPE * 320.0 * a * a * a
        even, odd = SLOPE * (840.0 - 1440.0 * x), SLOPE * s * (-720.0 + 1600.0 * x)
        w1[j], w4[j] = even + odd, even - odd
        even, odd = SLOPE * (-880.0 + 960.0 * x), SLOPE * s * (3360.0 - 3200.0 * x)
        w2[j], w3[j] = even + odd, even - odd


@njit(cache=True)
def block_jet(c, many, j, first, w):
    """`jet` at place j of a block; arguments as `block_sum`, w (3, 18, …) with the curvatures."""
    f, fx, fy, fz = 0.0, 0.0, 0.0, 0.0
    fxx, fyy, fzz, fxy, fxz, fyz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(6 if many[2] > 1 else 1):
        start = ((first[2, j] + k) * many[1] + first[1, j]) * many[0] + first[0, j]
        g, gx, gy, gxx, gyy, gxy = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for l in range(6 if many[1] > 1 else 1):
            if many[0] > 1:
                r = c[start : start + 6]
                v = w[0, 0, j] * r[0] + w[0, 1, j] * r[1] + w[0, 2, j] * r[2]
                v += w[0, 3, j] * r[3] + w[0, 4, j] * r[4] + w[0, 5, j] * r[5]
                s = w[0, 6, j] * r[0] + w[0, 7, j] * r[1] + w[0, 8, j] * r[2]
                s += w[0, 9, j] * r[3] + w[0, 10, j] * r[4] + w[0, 11, j] * r[5]
                b = w[0, 12, j] * r[0] + w[0, 13, j] * r[1] + w[0, 14, j] * r[2]
                b += w[0, 15, j] * r[3] + w[0, 16, j] * r[4] + w[0, 17, j] * r[5]
            else:
                v, s, b = c[start], 0.0, 0.0
            g += w[1, l, j] * v
            gx += w[1, l, j] * s
            gy += w[1, 6 + l, j] * v
            gxx += w[1, l, j] * b
            gyy += w[1, 12 + l, j] * v
            gxy += w[1, 6 + l, j] * s
            start += many[0]
        f += w[2, k, j] * g
        fx += w[2, k, j] * gx
        fy += w[2, k, j] * gy
        fxx += w[2, k, j] * gxx
        fyy += w[2, k, j] * gyy
        fxy += w[2, k, j] * gxy
        fz += w[2, 6 + k, j] * g
        fzz += w[2, 12 + k, j] * g
        fxz += w[2, 6 + k, j] * gx
        fyz += w[2, 6 + k, j] * gy
    return f, fx, fy, fz, fxx, fyy, fzz, fxy, fxz, fyz


@njit(cache=True)
def block_sum(c, many, j, first, w):
    """Value and slopes x, y, z, per cell, at place j of a block: first (3, BLOCK), w (3, 12, …).

    c: the coefficients, flat; many (3,): how many there are per axis.
    """
    f, fx, fy, fz = 0.0, 0.0, 0.0, 0.0
    a0, a1, a2, a3, a4, a5 = w[0, 0, j], w[0, 1, j], w[0, 2, j], w[0, 3, j], w[0, 4, j], w[0, 5, j]
    b0, b1, b2, b3, b4, b5 = (
        w[0, 6, j],
        w[0, 7, j],
        w[0, 8, j],
        w[0, 9, j],
        w[0, 10, j],
        w[0, 11, j],
    )
    for k in range(6 if many[2] > 1 else 1):
        start = ((first[2, j] + k) * many[1] + first[1, j]) * many[0] + first[0, j]
        g, gx, gy = 0.0, 0.0, 0.0
        for l in range(6 if many[1] > 1 else 1):
            if many[0] > 1:
                r = c[start : start + 6]
                v = (a0 * r[0] + a1 * r[1] + a2 * r[2]) + (a3 * r[3] + a4 * r[4] + a5 * r[5])
                s = (b0 * r[0] + b1 * r[1] + b2 * r[2]) + (b3 * r[3] + b4 * r[4] + b5 * r[5])
            else:
                v, s = c[start], 0.0
            g += w[1, l, j] * v
            gx += w[1, l, j] * s
            gy += w[1, 6 + l, j] * v
            start += many[0]
        f += w[2, k, j] * g
        fx += w[2, k, j] * gx
        fy += w[2, k, j] * gy
        fz += w[2, 6 + k, j] * g
    return f, fx, fy, fz
