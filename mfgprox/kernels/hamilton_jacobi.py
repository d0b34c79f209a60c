"""Monotone backward sweep of -∂_t U + H(∇U) = 0 and the Lipschitz cap of a potential.

Scheme (Engquist and Osher; Osher and Sethian): U^k = u - dt H(s), u = U^{k+1}, with the upwind
squares s_d = max(D⁻_d u, 0)² + min(D⁺_d u, 0)². Euclidean cost: H = G(Σ_d s_d); separable cost:
H = Σ_d G(s_d); G(s) = (p-1) p^{-q} s^{q/2}, q = p/(p-1). No flux through the box: the one-sided
difference over a boundary face is zero.

Arrays see three space axes (nz, ny, nx), C-contiguous; missing axes have length one. `inverse` holds
the inverse cell widths in that order. Equation: Baptista et al., Proximal optimal transport
divergences, (2.24).
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def add_upwind_faces(square, rate, high, low, inverse, rising):
    """Add to each cell of a row its upwind square and rate through one of its two faces.

    high, low: potentials on both sides of the faces; rising: the cell is the upper side, so the
    face counts where the potential rises, else where it falls. Plain row arrays of one length.
    """
    if rising:
        for i in range(square.size):
            slope = max((high[i] - low[i]) * inverse, 0.0)
            square[i] += slope * slope
            rate[i] += slope * inverse
    else:
        for i in range(square.size):
            slope = max((low[i] - high[i]) * inverse, 0.0)
            square[i] += slope * slope
            rate[i] += slope * inverse


@njit(cache=True)
def upwind_row(u, z, y, inverse, separable, square, rate):
    """Upwind squares and rates (sums of one-sided slopes over widths) of one row of cells.

    u (nz, ny, nx); square, rate (3, nx): one line per axis if separable, else all in line 0.
    """
    nz, ny, nx = u.shape
    square[:] = 0.0
    rate[:] = 0.0
    row = u[z, y]
    az = 0
    ay = 1 if separable else 0
    ax = 2 if separable else 0
    if z > 0:
        add_upwind_faces(square[az], rate[az], row, u[z - 1, y], inverse[0], True)
    if z < nz - 1:
        add_upwind_faces(square[az], rate[az], u[z + 1, y], row, inverse[0], False)
    if y > 0:
        add_upwind_faces(square[ay], rate[ay], row, u[z, y - 1], inverse[1], True)
    if y < ny - 1:
        add_upwind_faces(square[ay], rate[ay], u[z, y + 1], row, inverse[1], False)
    if nx > 1:
        add_upwind_faces(square[ax, 1:], rate[ax, 1:], row[1:], row[:-1], inverse[2], True)
        add_upwind_faces(square[ax, :-1], rate[ax, :-1], row[1:], row[:-1], inverse[2], False)


@njit(cache=True)
def backward_step(u, out, dt, inverse, p, separable, square, rate):
    """out = u - dt H(u), (nz, ny, nx); returns the largest CFL number met.

    Monotone for CFL <= 1. square, rate (3, nx): scratch.
    """
    q = p / (p - 1.0)
    lines = 3 if separable else 1
    scale_h = (p - 1.0) * p**-q
    scale_g = p ** (1.0 - q)
    power = 0.5 * q - 1.0
    worst = 0.0
    for z in range(u.shape[0]):
        for y in range(u.shape[1]):
            upwind_row(u, z, y, inverse, separable, square, rate)
            row, target = u[z, y], out[z, y]
            if power == 0.0:
                for i in range(row.size):
                    target[i] = row[i] - dt * scale_h * square[0, i]
                for i in range(row.size):
                    worst = max(worst, scale_g * rate[0, i])
            else:
                for i in range(row.size):
                    loss = 0.0
                    speed = 0.0
                    for a in range(lines):
                        if square[a, i] > 0.0:
                            root = square[a, i] ** power
                            loss += scale_h * root * square[a, i]
                            speed += scale_g * root * rate[a, i]
                    target[i] = row[i] - dt * loss
                    worst = max(worst, speed)
    return dt * worst


@njit(cache=True)
def backward_sweep(U, inverse, p, separable):
    """Fill U[:-1] from U[-1]; U (steps + 1, nz, ny, nx), horizon 1. Returns the largest CFL number.

    Monotone for CFL <= 1; what is returned decides whether the sweep may be used.
    """
    steps = U.shape[0] - 1
    nx = U.shape[3]
    square = np.zeros((3, nx))
    rate = np.zeros((3, nx))
    worst = 0.0
    for k in range(steps - 1, -1, -1):
        cfl = backward_step(U[k + 1], U[k], 1.0 / steps, inverse, p, separable, square, rate)
        worst = max(worst, cfl)
    return worst


@njit(cache=True)
def mobilities(U, G, inverse, p, separable):
    """G[k] = 2 G'(s) of U[k + 1], G (steps, 1 or 3, nz, ny, nx): outflow velocity per slope.

    Zero where nothing moves. One entry per axis if separable. Not needed for p = 2 (constant 1/2).
    """
    q = p / (p - 1.0)
    nx = U.shape[3]
    square = np.zeros((3, nx))
    rate = np.zeros((3, nx))
    scale, power = p ** (1.0 - q), 0.5 * q - 1.0
    for k in range(G.shape[0]):
        for z in range(U.shape[1]):
            for y in range(U.shape[2]):
                upwind_row(U[k + 1], z, y, inverse, separable, square, rate)
                for a in range(G.shape[1]):
                    for i in range(nx):
                        s = square[a, i]
                        G[k, a, z, y, i] = scale * s**power if s > 0.0 else 0.0


@njit(cache=True)
def lipschitz_cap(u, owner, rises):
    """The largest function below u whose cell-to-cell rise per axis is at most rises (3,), in place.

    u, owner (nz, ny, nx); owner[cell] becomes the owner of the cell whose value, plus the rises on
    the way, it takes; a cell within rounding of its bound counts as bound. Exact: the infimal
    convolution with Σ_d rises_d |i_d - j_d| splits by axes.
    """
    nz, ny, nx = u.shape
    for a in range(3):
        slack = 1e-9 * rises[a]
        dz, dy, dx = (1 if a == 0 else 0), (1 if a == 1 else 0), (1 if a == 2 else 0)
        for way in range(2):
            for count in range((nz - dz) * (ny - dy) * (nx - dx)):
                x = count % (nx - dx)
                y = (count // (nx - dx)) % (ny - dy)
                z = count // ((nx - dx) * (ny - dy))
                if way == 0:
                    x, y, z = x + dx, y + dy, z + dz
                    i, j, k = x - dx, y - dy, z - dz
                else:
                    x, y, z = nx - 1 - dx - x, ny - 1 - dy - y, nz - 1 - dz - z
                    i, j, k = x + dx, y + dy, z + dz
                bound = u[k, j, i] + rises[a]
                if u[z, y, x] > bound - slack:
                    u[z, y, x] = min(u[z, y, x], bound)
                    owner[z, y, x] = owner[k, j, i]
