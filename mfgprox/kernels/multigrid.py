"""The parts of a V-cycle for  c u - a:D²u - b·∇u = f : zebra lines along every axis.

Levels, stencil and arguments as in `stencil`. Lines of one colour are independent of each other:
two colours in 2-D, four in 3-D.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mfgprox.kernels.stencil import STRIP, diagonal_of, lines_across
from mfgprox.kernels.transfer import TAPS, average


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
    length, stride, across = lines_across(shape, axis)
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
    diagonal_of(stencil, d, row, nx, diagonal)
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
