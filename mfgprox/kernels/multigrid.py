"""The parts of a V-cycle for  c u - a:D²u - b·∇u = f  on a box with Neumann walls.

Zebra lines along every axis; second order, central, with just enough diffusion for a diagonally
dominant line where b is large. All levels lie in flat arrays behind each other, nz ny nx cells
each, x fastest, with guard cells between them: off-diagonal entries vanish at the walls, so that
neighbours are plain index shifts.
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

from mfgprox.kernels.transfer import TAPS, average

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
        _diagonal(stencil, d, row, nx, diagonal)
        low, high, inverse = stencil[0], stencil[1], stencil[k]
        before = 0.0
        for x in range(nx):
            before = 1.0 / (diagonal[x] - low[row + x] * before)
            inverse[row + x] = before
            before *= high[row + x]


@njit(cache=True)
def _diagonal(stencil, d, row, nx, out):
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
    length, stride, across = _lines(shape, axis)
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
            _diagonal(stencil, d, row, width, diagonal)
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
def _lines(shape, axis):
    """Length and stride of lines along y (axis 1) or z (axis 2), and the stride to other lines."""
    nz, ny, nx = shape[0], shape[1], shape[2]
    if axis == 1:
        return ny, nx, ny * nx
    return nz, ny * nx, nx


@njit(cache=True)
def _gather(u, f, stencil, d, row, nx, sy, sz, skip, out):
    """out = f + off-diagonal terms of nx cells from `row` on, without those along axis `skip`."""
    right = f[row : row + nx]
    for x in range(nx):
        out[x] = right[x]
    for a in range(d):
        if a == skip:
            continue
        s = 1 if a == 0 else (sy if a == 1 else sz)
        low, high = stencil[2 * a, row : row + nx], stencil[2 * a + 1, row : row + nx]
        before, after = u[row - s : row - s + nx], u[row + s : row + s + nx]
        for x in range(nx):
            out[x] += low[x] * before[x] + high[x] * after[x]
    k = 2 * d + 1
    for a in range(d):
        for b in range(a + 1, d):
            i = sz if b == 2 else sy
            j = sy if a == 1 else 1
            cross = stencil[k, row : row + nx]
            up, down = u[row + i + j : row + i + j + nx], u[row + i - j : row + i - j + nx]
            under, below = u[row - i + j : row - i + j + nx], u[row - i - j : row - i - j + nx]
            for x in range(nx):
                out[x] += cross[x] * ((up[x] - down[x]) - (under[x] - below[x]))
            k += 1


@njit(cache=True, nogil=True)
def relax_x(first, last, u, f, stencil, d, start, shape, colour):
    """Lines along x in those of the (z, y) rows that have the colour: two in 2-D, four in 3-D."""
    ny, nx = shape[1], shape[2]
    line, ratio = np.empty(nx), np.empty(nx)
    highs, lows = stencil[1], stencil[0]
    inverses = stencil[2 * d + 1 + d * (d - 1) // 2]
    for index in range(first, last):
        if (index % ny & 1) != (colour & 1) or (index // ny & 1) != colour >> 1:
            continue
        row = start + index * nx
        _gather(u, f, stencil, d, row, nx, nx, nx * ny, 0, line)
        low, high = lows[row : row + nx], highs[row : row + nx]
        inverse = inverses[row : row + nx]
        for x in range(nx):
            line[x] *= inverse[x]
            ratio[x] = low[x] * inverse[x]
        before = 0.0
        for x in range(nx):
            before = line[x] + ratio[x] * before
            line[x] = before
        for x in range(nx):
            ratio[x] = high[x] * inverse[x]
        here = u[row : row + nx]
        after = 0.0
        for x in range(nx - 1, -1, -1):
            after = line[x] + ratio[x] * after
            here[x] = after


@njit(cache=True, nogil=True)
def relax_across(first, last, u, f, stencil, d, start, shape, axis, colour):
    """Lines along y (axis 1) or z (axis 2) of one colour, in units of a strip of columns."""
    length, stride, across = _lines(shape, axis)
    ny, nx = shape[1], shape[2]
    strips = (nx + STRIP - 1) // STRIP
    # Choosing from whole rows is quicker than steps of two.
    line, mine = np.empty(STRIP), np.empty(STRIP, np.bool_)
    lows, highs = stencil[2 * axis], stencil[2 * axis + 1]
    inverses = stencil[2 * d + 1 + d * (d - 1) // 2 + axis]
    for unit in range(first, last):
        if (unit // strips & 1) != colour >> 1:
            continue
        column = unit % strips * STRIP
        width = min(STRIP, nx - column)
        for x in range(width):
            mine[x] = (column + colour + x) & 1 == 0
        for k in range(length):
            row = start + unit // strips * across + k * stride + column
            _gather(u, f, stencil, d, row, width, nx, nx * ny, axis, line)
            inverse, here = inverses[row : row + width], u[row : row + width]
            if k == 0:
                for x in range(width):
                    here[x] = line[x] * inverse[x] if mine[x] else here[x]
            else:
                low, before = lows[row : row + width], u[row - stride : row - stride + width]
                for x in range(width):
                    new = (line[x] + low[x] * before[x]) * inverse[x]
                    here[x] = new if mine[x] else here[x]
        for k in range(length - 2, -1, -1):
            row = start + unit // strips * across + k * stride + column
            high, inverse = highs[row : row + width], inverses[row : row + width]
            here, after = u[row : row + width], u[row + stride : row + stride + width]
            for x in range(width):
                new = here[x] + high[x] * inverse[x] * after[x]
                here[x] = new if mine[x] else here[x]


@njit(cache=True)
def _residual(u, f, stencil, d, row, nx, sy, sz, diagonal, out):
    """out = f - L u in the nx cells from `row` on."""
    _gather(u, f, stencil, d, row, nx, sy, sz, -1, out)
    _diagonal(stencil, d, row, nx, diagonal)
    here = u[row : row + nx]
    for x in range(nx):
        out[x] -= diagonal[x] * here[x]


@njit(cache=True, nogil=True)
def residual(first, last, u, f, stencil, d, start, shape, out, sums):
    """out = f - L u in (z, y) rows of a level, unless out is empty; sums[row] of its squares."""
    ny, nx = shape[1], shape[2]
    line, diagonal = np.empty(nx), np.empty(nx)
    for index in range(first, last):
        row = start + index * nx
        _residual(u, f, stencil, d, row, nx, nx, nx * ny, diagonal, line)
        total = 0.0
        for x in range(nx):
            total += line[x] * line[x]
        sums[index] = total
        if out.size > 0:
            here = out[row : row + nx]
            for x in range(nx):
                here[x] = line[x]


@njit(cache=True, nogil=True)
def restrict_residual(
    first, last, u, f, stencil, d, start, shape, coarse_start, coarse_shape, taps, weights
):
    """f of the next level = cell averages of f - L u, in rows of that level; see `transfer`."""
    ny, nx = shape[1], shape[2]
    wide = coarse_shape[2]
    line, diagonal = np.zeros(nx + TAPS), np.empty(nx)
    for index in range(first, last):
        z, y = index // coarse_shape[1], index % coarse_shape[1]
        out = f[coarse_start + index * wide : coarse_start + (index + 1) * wide]
        out[:] = 0.0
        for k in range(TAPS):
            for m in range(TAPS):
                w = weights[2, z, k] * weights[1, y, m]
                if w == 0.0:
                    continue
                row = start + ((taps[2, z] + k) * ny + taps[1, y] + m) * nx
                _residual(u, f, stencil, d, row, nx, nx, nx * ny, diagonal, line)
                average(line, taps[0], weights[0], w, out)


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


@njit(cache=True)
def solve_coarsest(matrix, f, u, start):
    """u = the coarsest operator's inverse times f, by its LU factors."""
    n = matrix.shape[0]
    for i in range(n):
        total = f[start + i]
        for j in range(i):
            total -= matrix[i, j] * u[start + j]
        u[start + i] = total
    for i in range(n - 1, -1, -1):
        total = u[start + i]
        for j in range(i + 1, n):
            total -= matrix[i, j] * u[start + j]
        u[start + i] = total / matrix[i, i]
