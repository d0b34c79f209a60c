"""The stencil of  c u - a:D²u - b·∇u = f  on a box with Neumann walls, and its factors.

Second order, central, with just enough diffusion for a diagonally dominant line where b is large.
All levels lie in flat arrays behind each other, nz ny nx cells each, x fastest, with guard cells
between them: off-diagonal entries vanish at the walls, so that neighbours are plain index shifts.
Rows of `stencil` before `build_stencil`: a_xx, b_x [a_yy, b_y, a_zz, b_z], c, a_xy [a_xz, a_yz];
after it, in their places: low_x, high_x [low_y, …], c, crosses; behind them 1/pivot of the
elimination along each axis. It may be of single precision: u and f are of double precision, and the
diagonal is summed where it is used, so that no digits cancel.
Kernels with `first, last` take part in `threads.over`; d: number of axes; start: first cell of the
level; shape (3,): nz, ny, nx.
"""

from __future__ import annotations

import numpy as np
from numba import njit

STRIP = 256
"""Columns that are eliminated together, a unit of work for a thread."""


@njit(cache=True, nogil=True)
def build_stencil(first, last, stencil, d, start, shape, h):
    """Off-diagonal entries from the coefficients, and pivots along x, in (z, y) rows of a level.

    h (3,): hx, hy, hz.
    """
    nz, ny, nx = shape[0], shape[1], shape[2]
    diagonal = np.empty(nx)
    for index in range(first, last):
        place, count = (0, index % ny, index // ny), (nx, ny, nz)
        row = start + index * nx
        for a in range(d):
            low, high = stencil[2 * a, row : row + nx], stencil[2 * a + 1, row : row + nx]
            width, drift = 1.0 / (h[a] * h[a]), 0.5 / h[a]
            upwind = 0.5 * h[a]
            for x in range(nx):
                spread = max(low[x], upwind * abs(high[x])) * width
                slope = high[x] * drift
                low[x] = spread - slope
                high[x] = spread + slope
            if a == 0:
                low[0] = 0.0
                high[nx - 1] = 0.0
            elif place[a] == 0:
                low[:] = 0.0
            if a > 0 and place[a] == count[a] - 1:
                high[:] = 0.0
        k = 2 * d + 1
        for a in range(d):
            for b in range(a + 1, d):
                cross = stencil[k, row : row + nx]
                inside = 0 < place[b] < count[b] - 1 and (a == 0 or 0 < place[a] < count[a] - 1)
                scale = 0.5 / (h[a] * h[b]) if inside else 0.0
                for x in range(nx):
                    cross[x] *= scale
                if a == 0:
                    cross[0] = 0.0
                    cross[nx - 1] = 0.0
                k += 1
        diagonal_of(stencil, d, row, nx, diagonal)
        low, high, inverse = stencil[0], stencil[1], stencil[k]
        before = 0.0
        for x in range(nx):
            before = 1.0 / (diagonal[x] - low[row + x] * before)
            inverse[row + x] = before
            before *= high[row + x]


@njit(cache=True)
def diagonal_of(stencil, d, row, nx, out):
    """Diagonal entries of the cells from `row` on: c and all that the neighbours get."""
    c = stencil[2 * d, row : row + nx]
    for x in range(nx):
        out[x] = c[x]
    for a in range(d):
        low, high = stencil[2 * a, row : row + nx], stencil[2 * a + 1, row : row + nx]
        for x in range(nx):
            out[x] = (out[x] + low[x]) + high[x]


@njit(cache=True, nogil=True)
def pivots_across(first, last, stencil, d, start, shape, axis):
    """1/pivot of lines along y (axis 1) or z (axis 2), in strips of columns; see `relax_across`."""
    length, stride, across = lines_across(shape, axis)
    nx = shape[2]
    strips = (nx + STRIP - 1) // STRIP
    diagonal = np.empty(STRIP)
    lows, highs = stencil[2 * axis], stencil[2 * axis + 1]
    inverse = stencil[2 * d + 1 + d * (d - 1) // 2 + axis]
    for unit in range(first, last):
        column = unit % strips * STRIP
        width = min(STRIP, nx - column)
        for k in range(length):
            row = start + unit // strips * across + k * stride + column
            diagonal_of(stencil, d, row, width, diagonal)
            here = inverse[row : row + width]
            if k > 0:
                low = lows[row : row + width]
                high = highs[row - stride : row - stride + width]
                before = inverse[row - stride : row - stride + width]
                for x in range(width):
                    diagonal[x] -= low[x] * high[x] * before[x]
            for x in range(width):
                here[x] = 1.0 / diagonal[x]


@njit(cache=True)
def lines_across(shape, axis):
    """Length and stride of lines along y (axis 1) or z (axis 2), and the stride to other lines."""
    nz, ny, nx = shape[0], shape[1], shape[2]
    if axis == 1:
        return ny, nx, ny * nx
    return nz, ny * nx, nx


@njit(cache=True)
def factor_coarsest(stencil, d, start, shape, matrix):
    """LU factors without pivoting of the coarsest operator, (n, n); it is diagonally dominant
    but for the crosses."""
    nz, ny, nx = shape[0], shape[1], shape[2]
    strides = (1, nx, nx * ny)
    n = nz * ny * nx
    matrix[:, :] = 0.0
    for i in range(n):
        matrix[i, i] = stencil[2 * d, start + i]
        for a in range(d):
            low, high = stencil[2 * a, start + i], stencil[2 * a + 1, start + i]
            matrix[i, i] = (matrix[i, i] + low) + high
            if low != 0.0:
                matrix[i, i - strides[a]] = -low
            if high != 0.0:
                matrix[i, i + strides[a]] = -high
        k = 2 * d + 1
        for a in range(d):
            for b in range(a + 1, d):
                value = stencil[k, start + i]
                if value != 0.0:
                    matrix[i, i + strides[a] + strides[b]] -= value
                    matrix[i, i + strides[a] - strides[b]] += value
                    matrix[i, i - strides[a] + strides[b]] += value
                    matrix[i, i - strides[a] - strides[b]] -= value
                k += 1
    for k in range(n):
        for i in range(k + 1, n):
            if matrix[i, k] != 0.0:
                ratio = matrix[i, k] / matrix[k, k]
                matrix[i, k] = ratio
                for j in range(k + 1, n):
                    matrix[i, j] -= ratio * matrix[k, j]
