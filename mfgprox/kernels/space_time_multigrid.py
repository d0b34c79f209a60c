"""Multigrid for the weighted Poisson equation of space and time, red–black in space, lines in time.

Operator: (A u)^k = t^k (u^k - u^{k-1}) + t^{k+1} (u^k - u^{k+1}) + sum over faces a (u - u_next),
with u^K = 0 beyond the last slab and t^0 = 0. It is D W D^T of the continuity equation
(rho^{k+1} - rho^k)/dt + div m = 0 in the metric W.
Shapes: u, f, pivot (K, N); time (K+1, N); ax, ay, az (K, N), the conductance towards the next cell
along that axis (0 at the last; an array of one entry where the axis is missing).
Cells are numbered (z ny + y) nx + x; a row is one (z, y); nx, ny, nz are the lengths.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def operator_row(k, row, u, time, ax, ay, az, nx, ny, nz, none, out):
    """out (nx,) = A u on one row of slab k; none (nx,): zeros, for neighbours that are missing.

    A loop reads few arrays, or it would not be vectorised.
    """
    y, z, base = row % ny, row // ny, row * nx
    v = u[k, base : base + nx]
    t, t_next = time[k, base : base + nx], time[k + 1, base : base + nx]
    before = u[k - 1, base : base + nx] if k > 0 else v
    after = u[k + 1, base : base + nx] if k < u.shape[0] - 1 else none
    for x in range(nx):
        out[x] = t[x] * (v[x] - before[x]) + t_next[x] * (v[x] - after[x])
    if nx > 1:
        a = ax[k, base : base + nx]
        out[0] += a[0] * (v[0] - v[1])
        out[nx - 1] += a[nx - 2] * (v[nx - 1] - v[nx - 2])
        for x in range(1, nx - 1):
            out[x] += a[x] * (v[x] - v[x + 1]) + a[x - 1] * (v[x] - v[x - 1])
    if ny > 1:
        a = ay[k, base - nx : base] if y > 0 else none
        b = ay[k, base : base + nx] if y < ny - 1 else none
        low = u[k, base - nx : base] if y > 0 else none
        high = u[k, base + nx : base + 2 * nx] if y < ny - 1 else none
        for x in range(nx):
            out[x] += a[x] * (v[x] - low[x]) + b[x] * (v[x] - high[x])
    if nz > 1:
        far = nx * ny
        a = az[k, base - far : base - far + nx] if z > 0 else none
        b = az[k, base : base + nx] if z < nz - 1 else none
        low = u[k, base - far : base - far + nx] if z > 0 else none
        high = u[k, base + far : base + far + nx] if z < nz - 1 else none
        for x in range(nx):
            out[x] += a[x] * (v[x] - low[x]) + b[x] * (v[x] - high[x])


@njit(cache=True, nogil=True)
def apply(first, last, u, time, ax, ay, az, nx, ny, nz, out):
    """out = A u on the slabs first..last."""
    none = np.zeros(nx, u.dtype)
    for k in range(first, last):
        for row in range(ny * nz):
            part = out[k, row * nx : row * nx + nx]
            operator_row(k, row, u, time, ax, ay, az, nx, ny, nz, none, part)


@njit(cache=True, nogil=True)
def pivots(first, last, time, ax, ay, az, nx, ny, nz, out):
    """Reciprocal pivots of the tridiagonal matrices in time, rows first..last; 0 where singular.

    They are small differences of large numbers: in double precision whatever the conductances are.
    """
    K = out.shape[0]
    before = np.empty(nx)
    for row in range(first, last):
        y, z, base = row % ny, row // ny, row * nx
        for k in range(K):
            for x in range(nx):
                c = base + x
                t = np.float64(time[k, c])
                d = t + time[k + 1, c]
                if x > 0:
                    d += ax[k, c - 1]
                if x < nx - 1:
                    d += ax[k, c]
                if y > 0:
                    d += ay[k, c - nx]
                if y < ny - 1:
                    d += ay[k, c]
                if z > 0:
                    d += az[k, c - nx * ny]
                if z < nz - 1:
                    d += az[k, c]
                total = d
                if k > 0:
                    d -= t * t * before[x]
                before[x] = 1.0 / d if d > 1e-14 * total else 0.0
                out[k, c] = before[x]


@njit(cache=True, nogil=True)
def smooth(first, last, colour, u, f, time, ax, ay, az, pivot, nx, ny, nz):
    """Solve all time lines of one colour exactly, rows first..last, the other colour held.

    All loops run over whole rows, which vectorises, and a mask of ones and zeros leaves the other
    colour as it is.
    """
    K, far = u.shape[0], nx * ny
    total, mask, none = np.empty(nx, u.dtype), np.empty(nx, u.dtype), np.zeros(nx, u.dtype)
    for row in range(first, last):
        y, z, base = row % ny, row // ny, row * nx
        for x in range(nx):
            mask[x] = (x + y + z + colour + 1) & 1
        for k in range(K):
            v, g = u[k, base : base + nx], f[k, base : base + nx]
            t = time[k, base : base + nx] if k > 0 else none
            before = u[k - 1, base : base + nx] if k > 0 else none
            a_low = ay[k, base - nx : base] if y > 0 else none
            low = u[k, base - nx : base] if y > 0 else none
            a_high = ay[k, base : base + nx] if y < ny - 1 else none
            high = u[k, base + nx : base + 2 * nx] if y < ny - 1 else none
            for x in range(nx):
                total[x] = g[x] + t[x] * before[x] + a_low[x] * low[x] + a_high[x] * high[x]
            if nx > 1:
                a = ax[k, base : base + nx]
                total[0] += a[0] * v[1]
                total[nx - 1] += a[nx - 2] * v[nx - 2]
                for x in range(1, nx - 1):
                    total[x] += a[x] * v[x + 1] + a[x - 1] * v[x - 1]
            if nz > 1:
                a_low = az[k, base - far : base - far + nx] if z > 0 else none
                low = u[k, base - far : base - far + nx] if z > 0 else none
                a_high = az[k, base : base + nx] if z < nz - 1 else none
                high = u[k, base + far : base + far + nx] if z < nz - 1 else none
                for x in range(nx):
                    total[x] += a_low[x] * low[x] + a_high[x] * high[x]
            a = pivot[k, base : base + nx]
            for x in range(nx):
                v[x] += mask[x] * (total[x] * a[x] - v[x])
        for k in range(K - 2, -1, -1):
            v, n = u[k, base : base + nx], u[k + 1, base : base + nx]
            t, a = time[k + 1, base : base + nx], pivot[k, base : base + nx]
            for x in range(nx):
                v[x] += mask[x] * t[x] * a[x] * n[x]


@njit(cache=True, nogil=True)
def restrict(first, last, u, f, time, ax, ay, az, nx, ny, nz, sx, sy, sz, coarse):
    """coarse = sum of f - A u over the cells that are merged (shifts sx, sy, sz: 1 halves)."""
    mx, my = (nx + sx) >> sx, (ny + sy) >> sy
    product, none = np.empty(nx, u.dtype), np.zeros(nx, u.dtype)
    for k in range(first, last):
        for c in range(coarse.shape[1]):
            coarse[k, c] = 0.0
        for row in range(ny * nz):
            y, z, base = row % ny, row // ny, row * nx
            coarse_base = ((z >> sz) * my + (y >> sy)) * mx
            operator_row(k, row, u, time, ax, ay, az, nx, ny, nz, none, product)
            for x in range(nx):
                coarse[k, coarse_base + (x >> sx)] += f[k, base + x] - product[x]


@njit(cache=True, nogil=True)
def prolong(first, last, coarse, nx, ny, nz, sx, sy, sz, u):
    """Add the correction of each merged cell to its parts."""
    mx, my = (nx + sx) >> sx, (ny + sy) >> sy
    for k in range(first, last):
        for row in range(ny * nz):
            y, z, base = row % ny, row // ny, row * nx
            coarse_base = ((z >> sz) * my + (y >> sy)) * mx
            for x in range(nx):
                u[k, base + x] += coarse[k, coarse_base + (x >> sx)]


@njit(cache=True, nogil=True)
def merge_cells(first, last, fine, nx, ny, nz, sx, sy, sz, coarse):
    """coarse = sum over merged cells: conductances in time, rows (levels) first..last."""
    coarse[first:last] = 0.0
    prolonged = (nx + sx) >> sx, (ny + sy) >> sy
    for k in range(first, last):
        for row in range(ny * nz):
            base = row * nx
            coarse_base = ((row // ny >> sz) * prolonged[1] + (row % ny >> sy)) * prolonged[0]
            for x in range(nx):
                coarse[k, coarse_base + (x >> sx)] += fine[k, base + x]


@njit(cache=True, nogil=True)
def merge_faces(first, last, fine, axis, ratio, nx, ny, nz, sx, sy, sz, coarse):
    """coarse = sum over the faces between merged cells × ratio[position along the axis].

    ratio: distance of the fine centres over that of the coarse ones, 0 inside a merged cell;
    without it piecewise constant corrections would come out at half their size.
    """
    coarse[first:last] = 0.0
    mx, my = (nx + sx) >> sx, (ny + sy) >> sy
    for k in range(first, last):
        for row in range(ny * nz):
            y, z, base = row % ny, row // ny, row * nx
            coarse_base = ((z >> sz) * my + (y >> sy)) * mx
            for x in range(nx):
                i = x if axis == 0 else (y if axis == 1 else z)
                coarse[k, coarse_base + (x >> sx)] += ratio[i] * fine[k, base + x]


@njit(cache=True, nogil=True)
def slab_dots(first, last, a, b, out):
    """out[k] = sum of a[k] b[k], four interleaved sums in a fixed order."""
    n = a.shape[1]
    for k in range(first, last):
        s0 = s1 = s2 = s3 = 0.0
        for c in range(0, n - 3, 4):
            s0 += a[k, c] * b[k, c]
            s1 += a[k, c + 1] * b[k, c + 1]
            s2 += a[k, c + 2] * b[k, c + 2]
            s3 += a[k, c + 3] * b[k, c + 3]
        for c in range(n - n % 4, n):
            s0 += a[k, c] * b[k, c]
        out[k] = (s0 + s1) + (s2 + s3)


@njit(cache=True, nogil=True)
def add_scaled(first, last, factor, a, keep, out):
    """out = keep · out + factor · a on the slabs first..last."""
    for k in range(first, last):
        for c in range(a.shape[1]):
            out[k, c] = keep * out[k, c] + factor * a[k, c]


def nothing() -> np.ndarray:
    """The conductances of an axis that is missing."""
    return np.zeros((1, 1))
