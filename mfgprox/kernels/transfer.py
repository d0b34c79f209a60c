"""Restriction and prolongation between nested grids of any cell counts, on flat arrays.

Cells lie behind each other from `start` on, x fastest; shapes are nz, ny, nx; tables per axis in
the order x, y, z. Kernels with `first, last` take part in `threads.over`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

TAPS = 4
"""Fine cells that a coarse one overlaps at most: it is at most twice as wide."""


@njit(cache=True)
def average(line, taps, weights, w, out):
    """out[x] += w × the average of the fine cells that the coarse cell x overlaps along a row.

    line: a fine row and TAPS more entries, finite; taps, weights: those of the axis x.
    """
    for x in range(out.size):
        i = taps[x]
        near = weights[x, 0] * line[i] + weights[x, 1] * line[i + 1]
        out[x] += w * (near + (weights[x, 2] * line[i + 2] + weights[x, 3] * line[i + 3]))


@njit(cache=True, nogil=True)
def restrict(first, last, rows, start, shape, coarse_start, coarse_shape, taps, weights):
    """Cell averages of a level on the next coarser one, in (z, y) rows of that level.

    rows (k, cells): k quantities, each with all its levels; taps (3, n): first fine cell that a
    coarse one overlaps, per axis x, y, z; weights (3, n, TAPS).
    """
    ny, nx = shape[1], shape[2]
    wide = coarse_shape[2]
    line = np.zeros(nx + TAPS)
    for index in range(first, last):
        z, y = index // coarse_shape[1], index % coarse_shape[1]
        for quantity in range(rows.shape[0]):
            cells = rows[quantity]
            out = cells[coarse_start + index * wide : coarse_start + (index + 1) * wide]
            out[:] = 0.0
            for k in range(TAPS):
                for m in range(TAPS):
                    w = weights[2, z, k] * weights[1, y, m]
                    if w == 0.0:
                        continue
                    row = start + ((taps[2, z] + k) * ny + taps[1, y] + m) * nx
                    fine = cells[row : row + nx]
                    for x in range(nx):
                        line[x] = fine[x]
                    average(line, taps[0], weights[0], w, out)


@njit(cache=True, nogil=True)
def prolong_add(first, last, u, start, shape, coarse_start, coarse_shape, left, share):
    """u += the linear interpolation of u on the next coarser level, in (z, y) rows of a level.

    left (3, n): the coarse centre before a fine one, per axis x, y, z; share (3, n): weight of the
    one after it.
    """
    cy, cx = coarse_shape[1], coarse_shape[2]
    nx = shape[2]
    line = np.empty(cx + 1)
    for index in range(first, last):
        z, y = index // shape[1], index % shape[1]
        line[:] = 0.0
        for k in range(2):
            wz = share[2, z] if k == 1 else 1.0 - share[2, z]
            for m in range(2):
                w = wz * (share[1, y] if m == 1 else 1.0 - share[1, y])
                if w == 0.0:
                    continue
                row = coarse_start + ((left[2, z] + k) * cy + left[1, y] + m) * cx
                coarse = u[row : row + cx]
                for x in range(cx):
                    line[x] += w * coarse[x]
        row = start + index * nx
        here = u[row : row + nx]
        for x in range(nx):
            i, t = left[0, x], share[0, x]
            here[x] += (1.0 - t) * line[i] + t * line[i + 1]
