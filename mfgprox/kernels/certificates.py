"""Values of feasible points of the discrete problem: from above and from below."""

from __future__ import annotations

import numpy as np
from numba import njit

from mfgprox.kernels.staggered import face_gradients, neighbour


@njit(cache=True, nogil=True)
def flux_divergence(first, last, flux, counts, inverse, out):
    """out = div of the flux (axes, K, N) through upper faces, slabs first..last."""
    nx = counts[0]
    for k in range(first, last):
        out[k] = 0.0
        for j in range(flux.shape[0]):
            for row in range(out.shape[1] // nx):
                base = row * nx
                stride, above = 1, True
                if j > 0:
                    stride, _, above = neighbour(row, j, counts)
                if above:
                    for x in range(nx if j > 0 else nx - 1):
                        m = flux[j, k, base + x] * inverse[j]
                        out[k, base + x] += m
                        out[k, base + x + stride] -= m


@njit(cache=True, nogil=True)
def add_gradient(first, last, phi, weight, counts, inverse, flux):
    """flux += (mean weight of the two cells) grad phi through the upper faces; weight (K, N)."""
    nx = counts[0]
    for k in range(first, last):
        for j in range(flux.shape[0]):
            for row in range(phi.shape[1] // nx):
                base = row * nx
                stride, above = 1, True
                if j > 0:
                    stride, _, above = neighbour(row, j, counts)
                if above:
                    for x in range(nx if j > 0 else nx - 1):
                        c = base + x
                        d = c + stride
                        w = 0.5 * (weight[k, c] + weight[k, d])
                        flux[j, k, c] += w * (phi[k, d] - phi[k, c]) * inverse[j]


@njit(cache=True, nogil=True)
def action(first, last, rho, flux, u, p, separable, counts, inverse, out):
    """out[k] = sum over cells of |M|^p / theta^{p-1}; inf where flux meets no mass.

    The flux of a face is split between its two cells in proportion to theta |v|^{2-p}, v the
    velocity that the potential u drives: optimal at the solution, a valid upper value always.
    """
    nx, n = counts[0], rho.shape[1]
    axes = flux.shape[0]
    power = (2.0 - p) / (p - 1.0)
    share, gl, gr = np.empty((axes, n)), np.empty(nx), np.empty(nx)
    square = np.zeros((axes, n))
    for k in range(first, last):
        square[:] = 0.0
        if p == 2.0:
            for j in range(axes):
                for c in range(n):
                    share[j, c] = 0.5 * (rho[k, c] + rho[k + 1, c])
        else:
            for j in range(axes):
                for row in range(n // nx):
                    base = row * nx
                    face_gradients(u[k], row, j, counts, inverse, gl, gr)
                    for x in range(nx):
                        square[j, base + x] = 0.5 * (gl[x] ** 2 + gr[x] ** 2)
            for c in range(n):
                total = 0.0
                for j in range(axes):
                    total += square[j, c]
                for j in range(axes):
                    size = (square[j, c] if separable else total) ** 0.5 + 1e-150
                    share[j, c] = 0.5 * (rho[k, c] + rho[k + 1, c]) * (size / p) ** power
            square[:] = 0.0
        for j in range(axes):
            for row in range(n // nx):
                base = row * nx
                stride, above = 1, True
                if j > 0:
                    stride, _, above = neighbour(row, j, counts)
                if not above:
                    continue
                for x in range(nx if j > 0 else nx - 1):
                    c = base + x
                    d = c + stride
                    m = 2.0 * flux[j, k, c]
                    both = share[j, c] + share[j, d]
                    part = share[j, c] / both if both > 0.0 else 0.5
                    square[j, c] += 0.5 * (m * part) ** 2
                    square[j, d] += 0.5 * (m * (1.0 - part)) ** 2
        total = 0.0
        for c in range(n):
            theta = 0.5 * (rho[k, c] + rho[k + 1, c])
            size = 0.0
            for j in range(axes):
                size += square[j, c] ** (0.5 * p) if separable else square[j, c]
            if not separable:
                size = size ** (0.5 * p)
            if size > 0.0:
                total += size / theta ** (p - 1.0) if theta > 0.0 else np.inf
        out[k] = total


@njit(cache=True, nogil=True)
def half_step(
    u, half, p, separable, counts, inverse, viscosity, pull, towards, density, phi, tolerance,
    sweeps,
):  # fmt: skip
    """phi + half (H(phi) - sum over axes of viscosity · second difference of phi) = u.

    u, phi (N,): potential on the later level and on the slab; viscosity (3, N), 0 where there is
    mass: it damps what the centred differences cannot. Red–black relaxation from phi as given, one
    Newton step a visit, under-relaxed by the local Courant number (the coupling is skew). Ends when
    the sum over cells of density (N,) · |residual| is within the tolerance; returns it.
    """
    q = p / (p - 1.0)
    c_h = (p - 1.0) / p**q
    nx, ny = counts[0], counts[1]
    rows = u.size // nx
    part, slope = np.zeros(3), np.zeros(3)
    charge = 0.0
    for _ in range(sweeps):
        charge = 0.0
        for colour in range(2):
            for row in range(rows):
                y, z, base = row % ny, row // ny, row * nx
                for x in range((y + z + colour) & 1, nx, 2):
                    c = base + x
                    total = 0.0
                    damping = 0.0
                    stiffness = 0.0
                    for j in range(3):
                        part[j] = 0.0
                        slope[j] = 0.0
                        n = counts[j]
                        if n == 1:
                            continue
                        i = x if j == 0 else (y if j == 1 else z)
                        stride = 1 if j == 0 else (nx if j == 1 else nx * ny)
                        v = viscosity[j, c] * inverse[j]
                        if i > 0:
                            g = (phi[c] - phi[c - stride]) * inverse[j]
                            part[j] += 0.5 * g * g
                            slope[j] += g * inverse[j]
                            damping += v * g
                            stiffness += v * inverse[j]
                        if i < n - 1:
                            g = (phi[c] - phi[c + stride]) * inverse[j]
                            part[j] += 0.5 * g * g
                            slope[j] += g * inverse[j]
                            damping += v * g
                            stiffness += v * inverse[j]
                        total += part[j]
                    h = 0.0
                    dh = 0.0
                    courant = 0.0
                    for j in range(3):
                        s = part[j] if separable else total
                        if separable:
                            h += c_h * (s if q == 2.0 else s ** (0.5 * q))
                        if s > 0.0:
                            r = c_h if q == 2.0 else c_h * 0.5 * q * s ** (0.5 * q - 1.0)
                            dh += r * slope[j]
                            courant += r * (2.0 * part[j]) ** 0.5 * inverse[j]
                    if not separable:
                        h = c_h * (total if q == 2.0 else total ** (0.5 * q))
                    f = phi[c] + half * (h + damping) - u[c]
                    f += pull[c] * (phi[c] - towards[c])
                    charge += density[c] * abs(f)
                    diagonal = max(1.0 + half * dh, 0.5) + half * stiffness + pull[c]
                    mu = 2.0 * half * courant / diagonal
                    phi[c] -= 2.0 / (1.0 + (1.0 + mu * mu) ** 0.5) * f / diagonal
        if not charge > tolerance:  # nan ends it too
            break
    return charge
