"""Displacement interpolation by formula where the map is smooth, p = 2.

With psi = -U_1 the particle that ends in y came from S(y) = y - ½∇psi(y) and passes through
z = y - ½(1-t)∇psi(y), so that rho_t(z) = P(S(y)) det(I - ½D²psi) / det(I - ½(1-t)D²psi).
Places in units of cells, 0 at the first centre; axes in the order x, y, z.
Source: Baptista et al., Proximal optimal transport divergences, (2.23)-(2.25).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mfgprox.kernels.quintic import jet, six, spline_weights

HELD = 0.01
"""Distance, in cells, from a stationary point of the cost beyond which y is held by a wall."""


@njit(cache=True)
def _value(c, n, ux, uy, uz, w):
    """The spline of coefficients c at the nearest place of the box; arguments as `jet`."""
    ix = spline_weights(min(max(ux, -0.5), n[0] - 0.5), n[0], w[0])
    iy = spline_weights(min(max(uy, -0.5), n[1] - 0.5), n[1], w[1])
    iz = spline_weights(min(max(uz, -0.5), n[2] - 0.5), n[2], w[2])
    f = 0.0
    for k in range(6 if n[2] > 1 else 1):
        for l in range(6 if n[1] > 1 else 1):
            row = c[iz + k, iy + l]
            if n[0] > 1:
                v = six(w[0, 0], row[ix : ix + 6])
            else:
                v = row[0]
            f += w[2, 0, k] * w[1, 0, l] * v
    return f


@njit(cache=True)
def _determinant(s, xx, yy, zz, xy, xz, yz):
    """det(I - s M) of a symmetric M."""
    a, b, c = 1.0 - s * xx, 1.0 - s * yy, 1.0 - s * zz
    mixed = xy * (xy * c + s * xz * yz) + xz * (s * xy * yz + xz * b)
    return a * (b * c - (s * yz) ** 2) - s * s * mixed


@njit(cache=True)
def _motion(y, z, slope, h, left):
    """Velocity along an axis, and whether y is held there: at a wall, psi is not stationary."""
    v = 0.5 * slope / h
    held = left > 0.0 and abs(z + left * v / h - y) > HELD
    return (h * (y - z) / left if held else v), held


@njit(cache=True, nogil=True)
def displaced(first, last, places, left, psi, log_P, h, n, rho, velocity):
    """rho_t and its velocity at the cells first to last.

    places (cells, 3): the y at which the particles end that are at the cell centres at time t;
    left = 1 - t; psi, log_P: spline coefficients; h, n (3,): widths and numbers of cells. Written:
    rho (cells,); velocity (3, cells), lengths per unit time. What ends at a wall is compressed by
    1 - t on its way.
    """
    w = np.empty((3, 3, 6))
    for k in range(first, last):
        ux, uy, uz = places[k, 0], places[k, 1], places[k, 2]
        _, gx, gy, gz, xx, yy, zz, xy, xz, yz = jet(psi, n, ux, uy, uz, w)
        vx, held_x = _motion(ux, k % n[0], gx, h[0], left)
        vy, held_y = _motion(uy, k // n[0] % n[1], gy, h[1], left)
        vz, held_z = _motion(uz, k // (n[0] * n[1]), gz, h[2], left)
        velocity[0, k], velocity[1, k], velocity[2, k] = vx, vy, vz
        closer = 1.0
        if held_x:
            closer, xx, xy, xz = closer / left, 0.0, 0.0, 0.0
        if held_y:
            closer, yy, xy, yz = closer / left, 0.0, 0.0, 0.0
        if held_z:
            closer, zz, xz, yz = closer / left, 0.0, 0.0, 0.0
        xx, yy, zz = xx / (h[0] * h[0]), yy / (h[1] * h[1]), zz / (h[2] * h[2])
        xy, xz, yz = xy / (h[0] * h[1]), xz / (h[0] * h[2]), yz / (h[1] * h[2])
        whole = _determinant(0.5, xx, yy, zz, xy, xz, yz)
        rest = _determinant(0.5 * left, xx, yy, zz, xy, xz, yz)
        came_from = _value(log_P, n, ux - vx / h[0], uy - vy / h[1], uz - vz / h[2], w)
        rho[k] = np.exp(came_from) * closer * abs(whole / rest) if rest != 0.0 else 0.0
