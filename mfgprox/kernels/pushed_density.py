"""log P(S) det DS for S(y) = y - ½∇psi, more accurately than the equation that psi solves: p = 2.

psi as in `monge_ampere`: chi by differences of eighth order, the quadratic part exactly; log P by a
quintic spline. Arrays (nz, ny, nx), axes in the order x, y, z. Every row is independent.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mfgprox.kernels.quintic_blocks import BLOCK, block_sum, block_weights

HALO = 4
FIRST = np.array([3.0, -32.0, 168.0, -672.0, 0.0, 672.0, -168.0, 32.0, -3.0]) / 840.0
SECOND = np.array([-9.0, 128.0, -1008.0, 8064.0, -14350.0, 8064.0, -1008.0, 128.0, -9.0]) / 5040.0


@njit(cache=True)
def _add(p, z, y, x0, weight, out):
    here = p[z, y, x0 : x0 + out.size]
    for x in range(out.size):
        out[x] += weight * here[x]


@njit(cache=True)
def _row(p, z, y, halo, h, scratch, out):
    """Differences of chi along a row: out (9, nx) = gradient x, y, z; xx, yy, zz; xy, xz, yz.

    p: chi with a reflected halo of `halo` cells (3,); scratch (nx + 2 HALO,).
    """
    z, y, x0 = z + halo[2], y + halo[1], halo[0]
    out[:, :] = 0.0
    for a in range(3):
        if halo[a] == 0:
            continue
        for k in range(-HALO, HALO + 1):
            kz, ky, kx = k * (a == 2), k * (a == 1), k * (a == 0)
            _add(p, z + kz, y + ky, x0 + kx, FIRST[HALO + k] / h[a], out[a])
            _add(p, z + kz, y + ky, x0 + kx, SECOND[HALO + k] / (h[a] * h[a]), out[3 + a])
        for b in range(a + 1, 3):
            if halo[b] == 0:
                continue
            # The difference along b for all that the one along a then needs.
            for i in range(-HALO if a == 1 else 0, HALO + 1 if a == 1 else 1):
                scratch[:] = 0.0
                for k in range(-HALO, HALO + 1):
                    weight = FIRST[HALO + k] / h[b]
                    _add(p, z + k * (b == 2), y + i + k * (b == 1), 0, weight, scratch)
                for k in range(-HALO if a == 0 else i, HALO + 1 if a == 0 else i + 1):
                    start = x0 + k if a == 0 else x0
                    difference = scratch[start : start + out.shape[1]]
                    for x in range(out.shape[1]):
                        out[5 + a + b, x] += FIRST[HALO + k] / h[a] * difference[x]


@njit(cache=True)
def _determinant(xx, yy, zz, xy, xz, yz):
    """0 where the matrix is not positive definite."""
    minor = xx * yy - xy * xy
    det = zz * minor - xx * yz * yz - yy * xz * xz + 2.0 * xy * xz * yz
    return det if xx > 0.0 and minor > 0.0 and det > 0.0 else 0.0


@njit(cache=True, nogil=True)
def pushed_density(first, last, p, halo, log_P, box, H, g, log_R, sums):
    """log_R = log P(S) det DS in (z, y) rows, sums (rows, 2) = of R' and R'|S - y|² over cells.

    p: chi with a reflected halo of `halo` cells (3,), HALO or 0; log_P: spline coefficients; box,
    H, g: as in `monge_ampere.linearise`. log_R stays -inf where it is that, and becomes it where S
    leaves the box or is no map.
    """
    nz, ny, nx = log_R.shape
    n, h = (nx, ny, nz), box[1]
    row, line = np.empty((9, nx)), np.empty(p.shape[2])
    u, shift = np.empty((3, BLOCK)), np.empty((3, BLOCK))
    corner, weights = np.empty((3, BLOCK), np.int64), np.empty((3, 12, BLOCK))
    flat, many = log_P.reshape(log_P.size), (log_P.shape[2], log_P.shape[1], log_P.shape[0])
    active = halo / HALO
    for index in range(first, last):
        z, y = index // ny, index % ny
        out = log_R[z, y]
        mass, cost = 0.0, 0.0
        if out.max() > -np.inf:
            _row(p, z, y, halo, h, line, row)
            wy = box[0, 1] + (y + 0.5) * h[1] - box[2, 1]
            wz = box[0, 2] + (z + 0.5) * h[2] - box[2, 2]
            for x0 in range(0, nx, BLOCK):
                count = min(BLOCK, nx - x0)
                for j in range(count):
                    x = x0 + j
                    wx = box[0, 0] + (x + 0.5) * h[0] - box[2, 0]
                    for a in range(3):
                        slope = row[a, x] + g[a] + H[a, 0] * wx + H[a, 1] * wy + H[a, 2] * wz
                        shift[a, j] = -0.5 * active[a] * slope
                    u[0, j] = x + shift[0, j] / h[0]
                    u[1, j], u[2, j] = y + shift[1, j] / h[1], z + shift[2, j] / h[2]
                for a in range(3):
                    block_weights(u[a, :count], n[a], corner[a], weights[a])
                for j in range(count):
                    x = x0 + j
                    inside = -0.5 <= u[0, j] <= nx - 0.5 and -0.5 <= u[1, j] <= ny - 0.5
                    if not (inside and -0.5 <= u[2, j] <= nz - 0.5 and out[x] > -np.inf):
                        out[x] = -np.inf
                        continue
                    det = _determinant(
                        1.0 - 0.5 * (row[3, x] + H[0, 0]),
                        1.0 - 0.5 * (row[4, x] + H[1, 1]),
                        1.0 - 0.5 * (row[5, x] + H[2, 2]),
                        -0.5 * (row[6, x] + H[0, 1]),
                        -0.5 * (row[7, x] + H[0, 2]),
                        -0.5 * (row[8, x] + H[1, 2]),
                    )
                    out[x] = np.log(det) if det > 0.0 else -np.inf
                    out[x] += block_sum(flat, many, j, corner, weights)[0]
                    density = np.exp(out[x])
                    mass += density
                    length = shift[0, j] ** 2 + shift[1, j] ** 2 + shift[2, j] ** 2
                    cost += density * length
        sums[index, 0], sums[index, 1] = mass, cost
