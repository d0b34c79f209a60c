"""min over the box of |x - y|² - psi(y) for a smooth psi: Newton on a quintic spline.

psi = spline + ½ w·H w + g·w + constant, w = y - centre, as in `monge_ampere`. Places in units of
cells, 0 at the first centre, so that the box is [-½, n - ½] per axis; axes in the order x, y, z.
Every x is independent of the others.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mfgprox.kernels.quintic_blocks import BLOCK, block_curvatures, block_jet, block_weights

STEPS = 12
CLOSE = 1e-5
"""A Newton step this short, as a share of the box, leaves a value that is exact to its cube."""


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
    n, h = (nx, ny, nz), box[1]
    close = CLOSE * np.array((float(nx), float(ny), float(nz)))
    flat, many = c.reshape(c.size), (c.shape[2], c.shape[1], c.shape[0])
    at, u, moving = np.empty((3, BLOCK)), np.empty((3, BLOCK)), np.empty(BLOCK, np.bool_)
    corner, w = np.empty((3, BLOCK), np.int64), np.empty((3, 18, BLOCK))
    for begin in range(first, last, BLOCK):
        count = min(BLOCK, last - begin)
        for j in range(count):
            rest = nodes[begin + j]
            fx = rest % (nx * sub[0])
            rest //= nx * sub[0]
            fy, fz = rest % (ny * sub[1]), rest // (ny * sub[1])
            near = start[fz // sub[2], fy // sub[1], fx // sub[0]]
            at[0, j] = (fx + 0.5) / sub[0] - 0.5
            at[1, j] = (fy + 0.5) / sub[1] - 0.5
            at[2, j] = (fz + 0.5) / sub[2] - 0.5
            u[0, j], u[1, j], u[2, j] = near % nx, near // nx % ny, near // (nx * ny)
            values[begin + j] = np.inf
            moving[j] = True
        left = count
        for _ in range(STEPS):
            if left == 0:
                break
            for a in range(3):
                block_weights(u[a, :count], n[a], corner[a], w[a])
                block_curvatures(u[a, :count], n[a], corner[a], w[a, 12:])
            for j in range(count):
                if not moving[j]:
                    continue
                ux, uy, uz = u[0, j], u[1, j], u[2, j]
                f, sx, sy, sz, xx, yy, zz, xy, xz, yz = block_jet(flat, many, j, corner, w)
                wx = box[0, 0] + (ux + 0.5) * h[0] - box[2, 0]
                wy = box[0, 1] + (uy + 0.5) * h[1] - box[2, 1]
                wz = box[0, 2] + (uz + 0.5) * h[2] - box[2, 2]
                tx = H[0, 0] * wx + H[0, 1] * wy + H[0, 2] * wz
                ty = H[1, 0] * wx + H[1, 1] * wy + H[1, 2] * wz
                tz = H[2, 0] * wx + H[2, 1] * wy + H[2, 2] * wz
                vx, vy, vz = h[0] * (ux - at[0, j]), h[1] * (uy - at[1, j]), h[2] * (uz - at[2, j])
                f += constant + (0.5 * tx + g[0]) * wx
                f += (0.5 * ty + g[1]) * wy + (0.5 * tz + g[2]) * wz
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
                small = abs(dx) < close[0] and abs(dy) < close[1] and abs(dz) < close[2]
                k = begin + j
                if value < values[k]:
                    values[k] = value
                    places[k, 0], places[k, 1], places[k, 2] = ux, uy, uz
                    if convex and small:
                        values[k] -= 0.5 * (rx * dx + ry * dy + rz * dz)
                        places[k, 0], places[k, 1], places[k, 2] = ux + dx, uy + dy, uz + dz
                if small:
                    moving[j] = False
                    left -= 1
                    continue
                t = 1.0 / max(abs(dx), abs(dy), abs(dz), 1.0)
                u[0, j] = min(max(ux + t * dx, -0.5), nx - 0.5)
                u[1, j] = min(max(uy + t * dy, -0.5), ny - 0.5)
                u[2, j] = min(max(uz + t * dz, -0.5), nz - 0.5)
