"""Cubic splines on the lattice of cell centres: values, slopes and curvatures anywhere.

Coefficients (nz+2, ny+2, nx+2), an axis of one cell has one; places in units of cells, in the order
z, y, x, 0 at the first centre: the box is [-1/2, n - 1/2] per axis.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def _weights(u, n, w):
    """Weights of value, slope and curvature at u, w (3, 4); returns the first coefficient."""
    if n == 1:
        w[:, :] = 0.0
        w[0, 0] = 1.0
        return 0
    i = min(max(int(np.floor(u)), 0), n - 2)
    a = u - i
    b = 1.0 - a
    w[0, 0] = b * b * b / 6.0
    w[0, 1] = (4.0 - 6.0 * a * a + 3.0 * a * a * a) / 6.0
    w[0, 2] = (4.0 - 6.0 * b * b + 3.0 * b * b * b) / 6.0
    w[0, 3] = a * a * a / 6.0
    w[1, 0] = -0.5 * b * b
    w[1, 1] = -2.0 * a + 1.5 * a * a
    w[1, 2] = 2.0 * b - 1.5 * b * b
    w[1, 3] = 0.5 * a * a
    w[2, 0] = b
    w[2, 1] = 3.0 * a - 2.0
    w[2, 2] = 3.0 * b - 2.0
    w[2, 3] = a
    return i


@njit(cache=True)
def spline_jet(c, n, u, h, w, jet):
    """jet = value, gradient (z, y, x), curvatures zz, yy, xx, zy, zx, yx; per unit length."""
    iz = _weights(u[0], n[0], w[0])
    iy = _weights(u[1], n[1], w[1])
    ix = _weights(u[2], n[2], w[2])
    jet[:] = 0.0
    for k in range(4 if n[0] > 1 else 1):
        for l in range(4 if n[1] > 1 else 1):
            f0 = 0.0
            f1 = 0.0
            f2 = 0.0
            for m in range(4 if n[2] > 1 else 1):
                q = c[iz + k, iy + l, ix + m]
                f0 += w[2, 0, m] * q
                f1 += w[2, 1, m] * q
                f2 += w[2, 2, m] * q
            jet[0] += w[0, 0, k] * w[1, 0, l] * f0
            jet[1] += w[0, 1, k] * w[1, 0, l] * f0
            jet[2] += w[0, 0, k] * w[1, 1, l] * f0
            jet[3] += w[0, 0, k] * w[1, 0, l] * f1
            jet[4] += w[0, 2, k] * w[1, 0, l] * f0
            jet[5] += w[0, 0, k] * w[1, 2, l] * f0
            jet[6] += w[0, 0, k] * w[1, 0, l] * f2
            jet[7] += w[0, 1, k] * w[1, 1, l] * f0
            jet[8] += w[0, 1, k] * w[1, 0, l] * f1
            jet[9] += w[0, 0, k] * w[1, 1, l] * f1
    for a in range(3):
        jet[1 + a] /= h[a]
        jet[4 + a] /= h[a] * h[a]
    jet[7] /= h[0] * h[1]
    jet[8] /= h[0] * h[2]
    jet[9] /= h[1] * h[2]


@njit(cache=True)
def spline_points(c, n, h, places, out):
    """out[k] = the spline at places[k]; outside the box its second-order expansion at the edge.

    c: coefficients; n, h (3,): cells and widths; places (m, 3) in units of cells; out (m,).
    """
    w = np.empty((3, 3, 4))
    jet = np.empty(10)
    u = np.empty(3)
    d = np.empty(3)
    for k in range(places.shape[0]):
        for a in range(3):
            u[a] = min(max(places[k, a], -0.5), n[a] - 0.5)
            d[a] = (places[k, a] - u[a]) * h[a]
        spline_jet(c, n, u, h, w, jet)
        out[k] = jet[0]
        for a in range(3):
            out[k] += jet[1 + a] * d[a] + 0.5 * jet[4 + a] * d[a] * d[a]
        out[k] += jet[7] * d[0] * d[1] + jet[8] * d[0] * d[2] + jet[9] * d[1] * d[2]
