"""Restriction and prolongation between nested grids of any cell counts, on flat arrays.

Cells lie behind each other from `start` on, x fastest; shapes are nz, ny, nx; tables per axis in
the order x, y, z.
"""

from __future__ import annotations

from numba import njit

TAPS = 4
"""Fine cells that a coarse one overlaps at most: it is at most twice as wide."""


@njit(cache=True)
def restrict(fine, start, shape, coarse, coarse_start, coarse_shape, taps, weights):
    """Cell averages of a level on the next coarser one.

    taps (3, n): first fine cell that a coarse one overlaps, per axis x, y, z; weights (3, n, TAPS).
    """
    ny, nx = shape[1], shape[2]
    for z in range(coarse_shape[0]):
        for y in range(coarse_shape[1]):
            row = coarse_start + (z * coarse_shape[1] + y) * coarse_shape[2]
            for x in range(coarse_shape[2]):
                coarse[row + x] = 0.0
            for k in range(TAPS):
                wz = weights[2, z, k]
                if wz == 0.0:
                    continue
                for m in range(TAPS):
                    w = wz * weights[1, y, m]
                    if w == 0.0:
                        continue
                    base = start + ((taps[2, z] + k) * ny + taps[1, y] + m) * nx
                    for x in range(coarse_shape[2]):
                        i = base + taps[0, x]
                        total = 0.0
                        for q in range(TAPS):
                            if weights[0, x, q] != 0.0:
                                total += weights[0, x, q] * fine[i + q]
                        coarse[row + x] += w * total


@njit(cache=True)
def prolong_add(u, start, shape, coarse_start, coarse_shape, left, share, line):
    """u on a level += the linear interpolation of u on the next coarser one.

    left (3, n): the coarse centre before a fine one, per axis x, y, z; share (3, n): weight of the
    one after it.
    """
    cy, cx = coarse_shape[1], coarse_shape[2]
    for z in range(shape[0]):
        for y in range(shape[1]):
            for x in range(cx):
                line[x] = 0.0
            for k in range(2):
                wz = share[2, z] if k == 1 else 1.0 - share[2, z]
                if wz == 0.0:
                    continue
                for m in range(2):
                    w = wz * (share[1, y] if m == 1 else 1.0 - share[1, y])
                    if w == 0.0:
                        continue
                    base = coarse_start + ((left[2, z] + k) * cy + left[1, y] + m) * cx
                    for x in range(cx):
                        line[x] += w * u[base + x]
            line[cx] = 0.0
            row = start + (z * shape[1] + y) * shape[2]
            for x in range(shape[2]):
                i = left[0, x]
                t = share[0, x]
                u[row + x] += (1.0 - t) * line[i] + t * line[i + 1]
