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
def operator_row(k, row, u, time, ax, ay, az, nx, ny, nz, out):
    """out (nx,) = A u on one row of slab k; one vectorised pass per neighbour."""
    K = u.shape[0]
    y, z, base = row % ny, row // ny, row * nx
    v = u[k, base : base + nx]
    t = time[k + 1, base : base + nx]
    for x in range(nx):
        out[x] = t[x] * v[x]
    if k < K - 1:
        n = u[k + 1, base : base + nx]
        for x in range(nx):
            out[x] -= t[x] * n[x]
    if k > 0:
        t = time[k, base : base + nx]
        n = u[k - 1, base : base + nx]
        for x in range(nx):
            out[x] += t[x] * (v[x] - n[x])
    if nx > 1:
        a = ax[k, base : base + nx]
        for x in range(nx - 1):
            out[x] += a[x] * (v[x] - v[x + 1])
        for x in range(1, nx):
            out[x] += a[x - 1] * (v[x] - v[x - 1])
    if y > 0:
        a, n = ay[k, base - nx : base], u[k, base - nx : base]
        for x in range(nx):
            out[x] += a[x] * (v[x] - n[x])
    if y < ny - 1:
        a, n = ay[k, base : base + nx], u[k, base + nx : base + 2 * nx]
        for x in range(nx):
            out[x] += a[x] * (v[x] - n[x])
    far = nx * ny
    if z > 0:
        a, n = az[k, base - far : base - far + nx], u[k, base - far : base - far + nx]
        for x in range(nx):
            out[x] += a[x] * (v[x] - n[x])
    if z < nz - 1:
        a, n = az[k, base : base + nx], u[k, base + far : base + far + nx]
        for x in range(nx):
            out[x] += a[x] * (v[x] - n[x])


@njit(cache=True, nogil=True)
def apply(first, last, u, time, ax, ay, az, nx, ny, nz, out):
    """out = A u on the slabs first..last."""
    for k in range(first, last):
        for row in range(ny * nz):
            part = out[k, row * nx : row * nx + nx]
            operator_row(k, row, u, time, ax, ay, az, nx, ny, nz, part)


@njit(cache=True, nogil=True)
def pivots(first, last, time, ax, ay, az, nx, ny, nz, out):
    """Reciprocal pivots of the tridiagonal matrices in time, rows first..last; 0 where singular."""
    K = out.shape[0]
    for row in range(first, last):
        y, z, base = row % ny, row // ny, row * nx
        for k in range(K):
            for x in range(nx):
                c = base + x
                d = time[k, c] + time[k + 1, c]
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
                    d -= time[k, c] * time[k, c] * out[k - 1, c]
                out[k, c] = 1.0 / d if d > 1e-14 * total else 0.0


@njit(cache=True, nogil=True)
def smooth(first, last, colour, u, f, time, ax, ay, az, pivot, nx, ny, nz):
    """Solve all time lines of one colour exactly, rows first..last, the other colour held.

    The sums run over whole rows, which vectorises; those of the other colour are thrown away.
    """
    K, far = u.shape[0], nx * ny
    total = np.empty(nx)
    for row in range(first, last):
        y, z, base = row % ny, row // ny, row * nx
        start = (y + z + colour) & 1
        for k in range(K):
            v, g = u[k, base : base + nx], f[k, base : base + nx]
            for x in range(nx):
                total[x] = g[x]
            if nx > 1:
                a = ax[k, base : base + nx]
                for x in range(nx - 1):
                    total[x] += a[x] * v[x + 1]
                for x in range(1, nx):
                    total[x] += a[x - 1] * v[x - 1]
            if y > 0:
                a, n = ay[k, base - nx : base], u[k, base - nx : base]
                for x in range(nx):
                    total[x] += a[x] * n[x]
            if y < ny - 1:
                a, n = ay[k, base : base + nx], u[k, base + nx : base + 2 * nx]
                for x in range(nx):
                    total[x] += a[x] * n[x]
            if z > 0:
                a, n = az[k, base - far : base - far + nx], u[k, base - far : base - far + nx]
                for x in range(nx):
                    total[x] += a[x] * n[x]
            if z < nz - 1:
                a, n = az[k, base : base + nx], u[k, base + far : base + far + nx]
                for x in range(nx):
                    total[x] += a[x] * n[x]
            if k > 0:
                a, n = time[k, base : base + nx], u[k - 1, base : base + nx]
                for x in range(nx):
                    total[x] += a[x] * n[x]
            a = pivot[k, base : base + nx]
            for x in range(start, nx, 2):
                v[x] = total[x] * a[x]
        for k in range(K - 2, -1, -1):
            for x in range(start, nx, 2):
                c = base + x
                u[k, c] += time[k + 1, c] * pivot[k, c] * u[k + 1, c]


@njit(cache=True, nogil=True)
def restrict(first, last, u, f, time, ax, ay, az, nx, ny, nz, sx, sy, sz, coarse):
    """coarse = sum of f - A u over the cells that are merged (shifts sx, sy, sz: 1 halves)."""
    mx, my = (nx + sx) >> sx, (ny + sy) >> sy
    product = np.empty(nx)
    for k in range(first, last):
        for c in range(coarse.shape[1]):
            coarse[k, c] = 0.0
        for row in range(ny * nz):
            y, z, base = row % ny, row // ny, row * nx
            coarse_base = ((z >> sz) * my + (y >> sy)) * mx
            operator_row(k, row, u, time, ax, ay, az, nx, ny, nz, product)
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
