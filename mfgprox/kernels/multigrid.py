"""The parts of a V-cycle for  c u - a:D²u - b·∇u = f  on a box with Neumann walls.

Zebra lines along every axis; second order, central, with just enough diffusion for a diagonally
dominant line where b is large. All levels lie in flat arrays behind each other, nz ny nx cells
each, x fastest, with guard cells between them: off-diagonal entries vanish at the walls, so that
neighbours are plain index shifts.
Rows of `coefficients`: a_xx [a_yy a_zz], b_x [b_y b_z], c, then a_xy [a_xz a_yz] (axes in the order
x, y, z, d of them). Rows of `stencil`: low_x, high_x [low_y, …], diagonal, crosses, then for the
elimination along each axis 1/pivot and high/pivot.
"""

from __future__ import annotations

from numba import njit


@njit(cache=True)
def build_stencil(coefficients, stencil, start, shape, h):
    """Stencil and line factors of one level from its coefficients.

    start: its first cell; shape (3,): nz, ny, nx; h (3,): hx, hy, hz.
    """
    d = 1 if coefficients.shape[0] == 3 else (2 if coefficients.shape[0] == 6 else 3)
    crosses = d * (d - 1) // 2
    nz, ny, nx = shape[0], shape[1], shape[2]
    strides = (1, nx, nx * ny)
    counts = (nx, ny, nz)
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                c = start + (z * ny + y) * nx + x
                place = (x, y, z)
                total = coefficients[2 * d, c]
                for a in range(d):
                    b = coefficients[d + a, c]
                    spread = max(coefficients[a, c], 0.5 * h[a] * abs(b)) / (h[a] * h[a])
                    low = spread - 0.5 * b / h[a] if place[a] > 0 else 0.0
                    high = spread + 0.5 * b / h[a] if place[a] < counts[a] - 1 else 0.0
                    stencil[2 * a, c] = low
                    stencil[2 * a + 1, c] = high
                    total += low + high
                stencil[2 * d, c] = total
                k = 0
                for a in range(d):
                    for b in range(a + 1, d):
                        inside = 0 < place[a] < counts[a] - 1 and 0 < place[b] < counts[b] - 1
                        value = coefficients[2 * d + 1 + k, c] / (2.0 * h[a] * h[b])
                        stencil[2 * d + 1 + k, c] = value if inside else 0.0
                        k += 1
    for a in range(d):
        first = 2 * d + 1 + crosses + 2 * a
        for c in range(start, start + nx * ny * nz):
            before = c - strides[a]
            pivot = stencil[2 * d, c]
            # At a wall `low` is zero and the guard or the neighbouring line is finite.
            if stencil[2 * a, c] != 0.0:
                pivot -= stencil[2 * a, c] * stencil[first + 1, before]
            stencil[first, c] = 1.0 / pivot
            stencil[first + 1, c] = stencil[2 * a + 1, c] / pivot


@njit(cache=True)
def _gather(u, f, stencil, d, row, nx, sy, sz, first, step, skip, out):
    """out[x] = f + off-diagonal terms of a row of cells, without those along the axis `skip`."""
    for x in range(first, nx, step):
        out[x] = f[row + x]
    if skip != 0:
        for x in range(first, nx, step):
            c = row + x
            out[x] += stencil[0, c] * u[c - 1] + stencil[1, c] * u[c + 1]
    if d > 1:
        k = 2 * d + 1
        if skip != 1:
            for x in range(first, nx, step):
                c = row + x
                out[x] += stencil[2, c] * u[c - sy] + stencil[3, c] * u[c + sy]
        for x in range(first, nx, step):
            c = row + x
            out[x] += stencil[k, c] * (
                u[c + sy + 1] - u[c + sy - 1] - u[c - sy + 1] + u[c - sy - 1]
            )
    if d > 2:
        if skip != 2:
            for x in range(first, nx, step):
                c = row + x
                out[x] += stencil[4, c] * u[c - sz] + stencil[5, c] * u[c + sz]
        for x in range(first, nx, step):
            c = row + x
            out[x] += stencil[8, c] * (
                u[c + sz + 1] - u[c + sz - 1] - u[c - sz + 1] + u[c - sz - 1]
            )
            out[x] += stencil[9, c] * (
                u[c + sz + sy] - u[c + sz - sy] - u[c - sz + sy] + u[c - sz - sy]
            )


@njit(cache=True)
def _relax_x(u, f, stencil, d, start, shape, colour, line):
    nz, ny, nx = shape[0], shape[1], shape[2]
    sy, sz = nx, nx * ny
    first = 2 * d + 1 + d * (d - 1) // 2
    for z in range(nz):
        for y in range((z + colour) & 1, ny, 2):
            row = start + z * sz + y * sy
            _gather(u, f, stencil, d, row, nx, sy, sz, 0, 1, 0, line)
            before = 0.0
            for x in range(nx):
                c = row + x
                before = (line[x] + stencil[0, c] * before) * stencil[first, c]
                line[x] = before
            after = 0.0
            for x in range(nx - 1, -1, -1):
                after = line[x] + stencil[first + 1, row + x] * after
                u[row + x] = after


@njit(cache=True)
def _relax_across(u, f, stencil, d, start, shape, axis, colour, line):
    """Lines along y (axis 1) or z (axis 2), those of one colour in step with each other."""
    nz, ny, nx = shape[0], shape[1], shape[2]
    sy, sz = nx, nx * ny
    first = 2 * d + 1 + d * (d - 1) // 2 + 2 * axis
    outer, length, inner = (nz, ny, 1) if axis == 1 else (1, nz, ny)
    stride = sy if axis == 1 else sz
    for o in range(outer):
        for k in range(length):
            for m in range(inner):
                odd = (o + colour) & 1 if axis == 1 else (m + colour) & 1
                row = start + (o * sz + k * sy if axis == 1 else k * sz + m * sy)
                _gather(u, f, stencil, d, row, nx, sy, sz, odd, 2, axis, line)
                if k == 0:
                    for x in range(odd, nx, 2):
                        u[row + x] = line[x] * stencil[first, row + x]
                else:
                    for x in range(odd, nx, 2):
                        c = row + x
                        u[c] = (line[x] + stencil[2 * axis, c] * u[c - stride]) * stencil[first, c]
        for k in range(length - 2, -1, -1):
            for m in range(inner):
                odd = (o + colour) & 1 if axis == 1 else (m + colour) & 1
                row = start + (o * sz + k * sy if axis == 1 else k * sz + m * sy)
                for x in range(odd, nx, 2):
                    c = row + x
                    u[c] += stencil[first + 1, c] * u[c + stride]


@njit(cache=True)
def relax(u, f, stencil, d, start, shape, line, backwards):
    """All lines along all axes once, one colour after the other."""
    for k in range(2 * d):
        turn = 2 * d - 1 - k if backwards else k
        if turn < 2:
            _relax_x(u, f, stencil, d, start, shape, turn, line)
        else:
            _relax_across(u, f, stencil, d, start, shape, turn // 2, turn % 2, line)


@njit(cache=True)
def line_residual(u, f, stencil, d, start, shape, out, line):
    """out = f - L u on one level; returns the sum of its squares."""
    nz, ny, nx = shape[0], shape[1], shape[2]
    sy, sz = nx, nx * ny
    total = 0.0
    for z in range(nz):
        for y in range(ny):
            row = start + z * sz + y * sy
            _gather(u, f, stencil, d, row, nx, sy, sz, 0, 1, -1, line)
            part = 0.0
            for x in range(nx):
                c = row + x
                out[c] = line[x] - stencil[2 * d, c] * u[c]
                part += out[c] * out[c]
            total += part
    return total


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
            if stencil[2 * a, start + i] != 0.0:
                matrix[i, i - strides[a]] = -stencil[2 * a, start + i]
            if stencil[2 * a + 1, start + i] != 0.0:
                matrix[i, i + strides[a]] = -stencil[2 * a + 1, start + i]
        k = 0
        for a in range(d):
            for b in range(a + 1, d):
                value = stencil[2 * d + 1 + k, start + i]
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
