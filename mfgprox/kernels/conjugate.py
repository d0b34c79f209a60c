"""min over the box of |x - y|² - psi(y) for a smooth psi: Newton on a quintic spline.

psi = spline + ½ w·H w + g·w + constant, w = y - centre, as in `monge_ampere`. Places in units of
cells, 0 at the first centre, so that the box is [-½, n - ½] per axis; axes in the order x, y, z.
Every x is independent of the others.
"""

from __future__ import annotations

import numpy as np
from numba import njit

VALUE, SLOPE = 1.0 / 3840.0, 1.0 / 1920.0
"""Common denominators of the weights of a quintic spline, and of those of its derivatives."""
STEPS = 12
CLOSE = 2e-3
"""A Newton step this short (cells) leaves a value that is exact to its cube."""


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


@njit(cache=True)
def _solve(xx, yy, zz, xy, xz, yz, rx, ry, rz):
    """M⁻¹ r for a symmetric positive definite M; false first if it is not."""
    second = xx * yy - xy * xy
    cxx, cxy, cxz = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
    det = xx * cxx + xy * cxy + xz * cxz
    if not (xx > 0.0 and second > 0.0 and det > 0.0):
        return False, 0.0, 0.0, 0.0
    cyy, czz, cyz = xx * zz - xz * xz, second, xy * xz - yz * xx
    return (
        True,
        (cxx * rx + cxy * ry + cxz * rz) / det,
        (cxy * rx + cyy * ry + cyz * rz) / det,
        (cxz * rx + cyz * ry + czz * rz) / det,
    )


@njit(cache=True, nogil=True)
def conjugate(first, last, nodes, sub, start, c, box, H, g, constant, scale, values, places):
    """values[k] = min over y of |x - y|² - scale psi(y), places[k] (3,) = its y, for k in a range.

    nodes (m,): flat indices of x in the lattice of cells divided sub (3,) times per axis; start
    (nz, ny, nx): flat index of the y to begin from for each cell; c: coefficients of the spline;
    box (3, 3): lower ends, widths of cells, centre. The value is a true minimum near the start,
    found by Newton steps of at most one cell; the best of what was met, if they do not settle.
    """
    nz, ny, nx = start.shape
    n = (nx, ny, nz)
    h = box[1]
    w = np.empty((3, 3, 6))
    for k in range(first, last):
        rest = nodes[k]
        fx = rest % (nx * sub[0])
        rest //= nx * sub[0]
        fy, fz = rest % (ny * sub[1]), rest // (ny * sub[1])
        at = start[fz // sub[2], fy // sub[1], fx // sub[0]]
        px = (fx + 0.5) / sub[0] - 0.5
        py = (fy + 0.5) / sub[1] - 0.5
        pz = (fz + 0.5) / sub[2] - 0.5
        ux, uy, uz = float(at % nx), float(at // nx % ny), float(at // (nx * ny))
        best = np.inf
        for _ in range(STEPS):
            f, sx, sy, sz, xx, yy, zz, xy, xz, yz = jet(c, n, ux, uy, uz, w)
            wx = box[0, 0] + (ux + 0.5) * h[0] - box[2, 0]
            wy = box[0, 1] + (uy + 0.5) * h[1] - box[2, 1]
            wz = box[0, 2] + (uz + 0.5) * h[2] - box[2, 2]
            tx = H[0, 0] * wx + H[0, 1] * wy + H[0, 2] * wz
            ty = H[1, 0] * wx + H[1, 1] * wy + H[1, 2] * wz
            tz = H[2, 0] * wx + H[2, 1] * wy + H[2, 2] * wz
            vx, vy, vz = h[0] * (ux - px), h[1] * (uy - py), h[2] * (uz - pz)
            f += constant + (0.5 * tx + g[0]) * wx + (0.5 * ty + g[1]) * wy + (0.5 * tz + g[2]) * wz
            value = vx * vx + vy * vy + vz * vz - scale * f
            rx = scale * (sx + h[0] * (g[0] + tx)) - 2.0 * h[0] * vx
            ry = scale * (sy + h[1] * (g[1] + ty)) - 2.0 * h[1] * vy
            rz = scale * (sz + h[2] * (g[2] + tz)) - 2.0 * h[2] * vz
            xx = h[0] * h[0] * (2.0 - scale * H[0, 0]) - scale * xx
            yy = h[1] * h[1] * (2.0 - scale * H[1, 1]) - scale * yy
            zz = h[2] * h[2] * (2.0 - scale * H[2, 2]) - scale * zz
            xy = -scale * (xy + h[0] * h[1] * H[0, 1])
            xz = -scale * (xz + h[0] * h[2] * H[0, 2])
            yz = -scale * (yz + h[1] * h[2] * H[1, 2])
            # Axes held at a wall, or of one cell, do not move.
            if nx == 1 or (ux <= -0.5 and rx < 0.0) or (ux >= nx - 0.5 and rx > 0.0):
                rx, xx, xy, xz = 0.0, 1.0, 0.0, 0.0
            if ny == 1 or (uy <= -0.5 and ry < 0.0) or (uy >= ny - 0.5 and ry > 0.0):
                ry, yy, xy, yz = 0.0, 1.0, 0.0, 0.0
            if nz == 1 or (uz <= -0.5 and rz < 0.0) or (uz >= nz - 0.5 and rz > 0.0):
                rz, zz, xz, yz = 0.0, 1.0, 0.0, 0.0
            convex, dx, dy, dz = _solve(xx, yy, zz, xy, xz, yz, rx, ry, rz)
            if not convex:
                dx, dy, dz = (
                    rx / (2.0 * h[0] * h[0]), ry / (2.0 * h[1] * h[1]), rz / (2.0 * h[2] * h[2])
                )  # fmt: skip
            size = max(abs(dx), abs(dy), abs(dz))
            if value < best:
                best = value
                places[k, 0], places[k, 1], places[k, 2] = ux, uy, uz
                if convex and size < CLOSE:
                    best -= 0.5 * (rx * dx + ry * dy + rz * dz)
                    places[k, 0], places[k, 1], places[k, 2] = ux + dx, uy + dy, uz + dz
            if size < CLOSE:
                break
            t = 1.0 / max(size, 1.0)
            ux = min(max(ux + t * dx, -0.5), nx - 0.5)
            uy = min(max(uy + t * dy, -0.5), ny - 0.5)
            uz = min(max(uz + t * dz, -0.5), nz - 0.5)
        values[k] = best
