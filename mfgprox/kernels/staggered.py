"""The staggered space–time grid of the primal–dual method: operators and values.

rho (K+1, N) sits on time levels; potentials u, phi and the multiplier a (K, N) on slabs between
them. Fluxes come as copies (axes, 2, K, N): each cell has its own value on its lower (0) and upper
(1) face of each axis; the flux through a face is the mean of the two copies there, so that
b = -grad phi is an exactly feasible dual choice. Continuity, exact on every cell:
(rho^{k+1} - rho^k)/dt + div m^k = 0. Faces on the boundary carry nothing.
counts (3,): cells along x, y, z, the axes with more than one cell first; inverse (3,): 1/spacing.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def neighbour(row, axis, counts):
    """(stride, has a lower, has an upper neighbour) for the cells of a row, axis 1 or 2."""
    if axis == 1:
        i = row % counts[1]
        return counts[0], i > 0, i < counts[1] - 1
    i = row // counts[1]
    return counts[0] * counts[1], i > 0, i < counts[2] - 1


@njit(cache=True, nogil=True)
def face_gradients(u, row, axis, counts, inverse, lower, upper):
    """Differences of u (N,) across the lower and upper faces of the cells of a row, 0 at walls."""
    nx, scale = counts[0], inverse[axis]
    base = row * nx
    if axis == 0:
        lower[0] = 0.0
        upper[nx - 1] = 0.0
        for x in range(nx - 1):
            g = (u[base + x + 1] - u[base + x]) * scale
            upper[x] = g
            lower[x + 1] = g
        return
    stride, below, above = neighbour(row, axis, counts)
    for x in range(nx):
        c = base + x
        lower[x] = (u[c] - u[c - stride]) * scale if below else 0.0
        upper[x] = (u[c + stride] - u[c]) * scale if above else 0.0


@njit(cache=True, nogil=True)
def continuity_residual(first, last, rho, copies, counts, inverse, out):
    """out = (rho^{k+1} - rho^k)/dt + div m on the slabs first..last; dt = 1/K."""
    K, nx = out.shape[0], counts[0]
    for k in range(first, last):
        for c in range(out.shape[1]):
            out[k, c] = (rho[k + 1, c] - rho[k, c]) * K
        for axis in range(copies.shape[0]):
            scale = 0.5 * inverse[axis]
            low, high = copies[axis, 0, k], copies[axis, 1, k]
            for row in range(out.shape[1] // nx):
                base = row * nx
                if axis == 0:
                    for x in range(nx - 1):
                        m = (high[base + x] + low[base + x + 1]) * scale
                        out[k, base + x] += m
                        out[k, base + x + 1] -= m
                    continue
                stride, _, above = neighbour(row, axis, counts)
                if above:
                    for c in range(base, base + nx):
                        m = (high[c] + low[c + stride]) * scale
                        out[k, c] += m
                        out[k, c + stride] -= m


@njit(cache=True, nogil=True)
def conductances(first, last, weight, counts, inverse, ax, ay, az):
    """Weight of each face over spacing², towards the next cell; slabs first..last."""
    nx, n = counts[0], weight.shape[1]
    for k in range(first, last):
        low, high = weight[k], weight[k + 1]
        for axis in range(3):
            if counts[axis] == 1:
                continue
            scale = 0.25 * inverse[axis] ** 2
            out = ax if axis == 0 else (ay if axis == 1 else az)
            for row in range(n // nx):
                base = row * nx
                stride, above = 1, True
                if axis > 0:
                    stride, _, above = neighbour(row, axis, counts)
                for x in range(nx):
                    c = base + x
                    if above and (axis > 0 or x < nx - 1):
                        d = c + stride
                        out[k, c] = (low[c] + high[c] + low[d] + high[d]) * scale
                    else:
                        out[k, c] = 0.0


@njit(cache=True, nogil=True)
def hamiltonian(first, last, u, p, separable, counts, inverse, out):
    """out = c |grad u|^q cell by cell, the mean square of the two face differences per axis."""
    q = p / (p - 1.0)
    c_h = (p - 1.0) / p**q
    nx = counts[0]
    gl, gr, square = np.empty(nx), np.empty(nx), np.empty(nx)
    for k in range(first, last):
        for row in range(u.shape[1] // nx):
            base = row * nx
            square[:] = 0.0
            out[k, base : base + nx] = 0.0
            for j in range(3):
                if counts[j] == 1:
                    continue
                face_gradients(u[k], row, j, counts, inverse, gl, gr)
                for x in range(nx):
                    s = 0.5 * (gl[x] * gl[x] + gr[x] * gr[x])
                    if separable:
                        out[k, base + x] += c_h * (s if q == 2.0 else s ** (0.5 * q))
                    else:
                        square[x] += s
            if not separable:
                for x in range(nx):
                    h = square[x] if q == 2.0 else square[x] ** (0.5 * q)
                    out[k, base + x] = c_h * h


@njit(cache=True, nogil=True)
def driven_copies(first, last, u, rho, p, separable, counts, inverse, copies):
    """copies = theta · (-H'(grad u)), the flux that u drives; theta is the mean of two levels."""
    nx, power = counts[0], 1.0 / (p - 1.0)
    g, square, size = np.empty((3, 2, nx)), np.empty((3, nx)), np.empty(nx)
    axes = copies.shape[0]
    for k in range(first, last):
        for row in range(u.shape[1] // nx):
            base = row * nx
            size[:] = 0.0
            for j in range(axes):
                face_gradients(u[k], row, j, counts, inverse, g[j, 0], g[j, 1])
                for x in range(nx):
                    square[j, x] = 0.5 * (g[j, 0, x] ** 2 + g[j, 1, x] ** 2)
                    size[x] += square[j, x]
            for j in range(axes):
                for x in range(nx):
                    c = base + x
                    r = square[j, x] ** 0.5 if separable else size[x] ** 0.5
                    speed = (r / p) ** power / r if r > 0.0 else 0.0
                    m = -0.5 * (rho[k, c] + rho[k + 1, c]) * speed
                    copies[j, 0, k, c] = m * g[j, 0, x]
                    copies[j, 1, k, c] = m * g[j, 1, x]


@njit(cache=True, nogil=True)
def projected_flux(first, last, phi, weight, copies, counts, inverse, flux):
    """flux (axes, K, N) through the upper faces: mean of copies + W grad phi; 0 at the walls."""
    nx = counts[0]
    for k in range(first, last):
        for j in range(copies.shape[0]):
            for row in range(phi.shape[1] // nx):
                base = row * nx
                stride, above = 1, True
                if j > 0:
                    stride, _, above = neighbour(row, j, counts)
                for x in range(nx):
                    c = base + x
                    if above and (j > 0 or x < nx - 1):
                        d = c + stride
                        g = (phi[k, d] - phi[k, c]) * inverse[j]
                        wc = 0.5 * (weight[k, c] + weight[k + 1, c])
                        wd = 0.5 * (weight[k, d] + weight[k + 1, d])
                        flux[j, k, c] = 0.5 * (
                            copies[j, 1, k, c] + copies[j, 0, k, d] + (wc + wd) * g
                        )
                    else:
                        flux[j, k, c] = 0.0
