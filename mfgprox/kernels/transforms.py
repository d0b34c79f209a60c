"""c-transforms min_y c(x, y) - psi(y) over the cell centres, exact, with their argmin.

Arrays are (nz, ny, nx) or (lines, n), float64; an excluded y has psi = -inf (f = +inf) and is never
chosen. Every line is computed by one thread in a fixed order: the same bits for any thread count.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

STACK = 128
COLUMNS = 8
"""Lines that are taken together across rows: a cache line."""


@njit(cache=True)
def _envelope(f, square, vertex, left, out, arg):
    """out[i] = min_j square (i - j)² + f[j] by the lower envelope of parabolas, O(n).

    vertex, left (n,): scratch. Without a finite f: +inf and argmin 0.
    Source: Felzenszwalb and Huttenlocher, Theory Comput. 8 (2012) 415.
    """
    k = -1
    for q in range(f.size):
        here = f[q]
        if here == np.inf:
            continue
        crossing = -np.inf
        while k >= 0:
            v = vertex[k]
            crossing = 0.5 * (q + v) + (here - f[v]) / (2.0 * square * (q - v))
            if k > 0 and crossing <= left[k]:
                k -= 1
            else:
                break
        k += 1
        vertex[k] = q
        left[k] = crossing
    if k < 0:
        out[:] = np.inf
        arg[:] = 0
        return
    j = 0
    v = vertex[0]
    for i in range(f.size):
        while j < k and left[j + 1] < i:
            j += 1
            v = vertex[j]
        out[i] = square * (i - v) ** 2 + f[v]
        arg[i] = v


@njit(cache=True, nogil=True)
def quadratic_axis(first, last, f, axis, h, arg):
    """f = min_y h² (x - y)² + f(y) in place, y along an axis, in units of COLUMNS lines.

    f, arg (nz, ny, nx), an axis moved such that `axis` is 1 (lines across rows) or 2 (rows): for
    axis 2 a unit is a row. arg (int32): the argmin; h: width of the cells. No finite f: +inf and 0.
    """
    ny, nx = f.shape[1], f.shape[2]
    n = f.shape[axis]
    lines, out = np.empty((COLUMNS, n)), np.empty((COLUMNS, n))
    vertex, left, least = np.empty(n, np.int64), np.empty(n), np.empty((COLUMNS, n), np.int32)
    groups = (nx + COLUMNS - 1) // COLUMNS
    for unit in range(first, last):
        if axis == 2:
            z, y = unit // ny, unit % ny
            for x in range(n):
                lines[0, x] = f[z, y, x]
            _envelope(lines[0], h * h, vertex, left, f[z, y], arg[z, y])
            continue
        z, x = unit // groups, unit % groups * COLUMNS
        wide = min(COLUMNS, nx - x)
        for y in range(n):
            for k in range(wide):
                lines[k, y] = f[z, y, x + k]
        for k in range(wide):
            _envelope(lines[k], h * h, vertex, left, out[k], least[k])
        for y in range(n):
            for k in range(wide):
                f[z, y, x + k] = out[k, y]
                arg[z, y, x + k] = least[k, y]


@njit(cache=True, nogil=True)
def composed(first, last, along_z, along_y, along_x, out):
    """out = flat index of the argmin over all axes, in (z, y) rows; all arrays (nz, ny, nx).

    along_x: argmins of `quadratic_axis` along x, along_y: after that along y, then along_z.
    """
    _, ny, nx = out.shape
    for index in range(first, last):
        z, y = index // ny, index % ny
        for x in range(nx):
            k = along_z[z, y, x]
            j = along_y[k, y, x]
            out[z, y, x] = (k * ny + j) * nx + along_x[k, j, x]


@njit(cache=True)
def _monotone_minimum(f, columns, count, g, out, arg, base, stack):
    """out[i] = min(out[i], min_k g[|i - columns[k]|] + f[columns[k]]); arg = base + column.

    g convex and increasing: the leftmost argmin is monotone in i, found by divide and conquer in
    O(n log n). columns: the finite entries of f, ascending, `count` of them.
    """
    n = out.size
    stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3] = 0, n - 1, 0, count - 1
    top = 1
    while top > 0:
        top -= 1
        low, high, first, last = stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3]
        middle = (low + high) // 2
        best, at = np.inf, first
        for k in range(first, last + 1):
            j = columns[k]
            value = g[abs(middle - j)] + f[j]
            if value < best:
                best, at = value, k
        if best < out[middle]:
            out[middle] = best
            arg[middle] = base + columns[at]
        if low < middle:
            stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3] = low, middle - 1, first, at
            top += 1
        if middle < high:
            stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3] = middle + 1, high, at, last
            top += 1


@njit(cache=True)
def _finite_columns(f, columns):
    count = 0
    for j in range(f.size):
        if f[j] < np.inf:
            columns[count] = j
            count += 1
    return count


@njit(cache=True)
def power_lines(f, g, out, arg):
    """out[l, i] = min_j g[|i - j|] + f[l, j] for convex g (n,), O(n log n) a line.

    f, out (lines, n); arg (lines, n) int64. A line without a finite f gives +inf and argmin 0.
    """
    lines, n = f.shape
    columns = np.empty(n, np.int64)
    stack = np.empty((STACK, 4), np.int64)
    for line in range(lines):
        out[line, :] = np.inf
        arg[line, :] = 0
        count = _finite_columns(f[line], columns)
        if count > 0:
            _monotone_minimum(f[line], columns, count, g, out[line], arg[line], 0, stack)


@njit(cache=True, parallel=True)
def euclidean_pairs(f, g, offsets, out, arg):
    """out[x] = min_y g[|x - y|] + f[y] on (nz, ny, nx) for a g that couples the axes.

    For each pair of lines along x the argmin is monotone where g[dz, dy, :] is convex; source lines
    are taken by increasing distance and left out when a lower bound says that they cannot help.
    g (nz, ny, nx): the cost of a displacement in cells, increasing in each; offsets (k, 2) int64:
    all (dz, dy), by increasing g[|dz|, |dy|, 0]; arg: flat index of the argmin, int64.
    """
    nz, ny, nx = f.shape
    columns = np.empty((nz, ny, nx), np.int64)
    count = np.empty((nz, ny), np.int64)
    lowest = np.empty((nz, ny))
    for z in range(nz):
        for y in range(ny):
            count[z, y] = _finite_columns(f[z, y], columns[z, y])
            lowest[z, y] = f[z, y].min()
    bottom = lowest.min()
    for line in prange(nz * ny):
        z = line // ny
        y = line % ny
        stack = np.empty((STACK, 4), np.int64)
        out[z, y, :] = np.inf
        arg[z, y, :] = 0
        worst = np.inf
        for k in range(offsets.shape[0]):
            dz = offsets[k, 0]
            dy = offsets[k, 1]
            least = g[abs(dz), abs(dy), 0]
            if least + bottom >= worst:
                break
            sz = z + dz
            sy = y + dy
            if sz < 0 or sz >= nz or sy < 0 or sy >= ny or count[sz, sy] == 0:
                continue
            if least + lowest[sz, sy] >= worst:
                continue
            base = (sz * ny + sy) * nx
            _monotone_minimum(
                f[sz, sy],
                columns[sz, sy],
                count[sz, sy],
                g[abs(dz), abs(dy)],
                out[z, y],
                arg[z, y],
                base,
                stack,
            )
            worst = out[z, y].max()
