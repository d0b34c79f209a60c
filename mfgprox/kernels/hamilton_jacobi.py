"""Monotone backward sweep of -∂_t U + H(∇U) = 0 with bounded speeds, and the Lipschitz cap.

Scheme (Engquist and Osher; Osher and Sethian): U^k = u - dt H(s), u = U^{k+1}, with the upwind
squares s_d = max(D⁻_d u, 0)² + min(D⁺_d u, 0)². Euclidean cost: H = G(Σ_d s_d); separable cost:
H = Σ_d G(s_d); G is the Hamiltonian of |v|^p under the constraint |v| <= V on the outflow of a
cell: (p-1) p^{-q} s^{q/2}, q = p/(p-1), up to the square s_V = (p V^{p-1})² of the gradient that
drives the speed V, and V √s - V^p beyond. No flux through the box: the one-sided difference over
a boundary face is zero.

The bound makes every sweep monotone, whatever U_1: a cell loses mass at the rate Σ α/h with
|α| <= V over its up to 2d outflows, so dt V (2 Σ_d 1/h_d²)^{1/2} <= 1 suffices (separable:
dt V √2 Σ_d 1/h_d <= 1). It changes nothing where no mass moves as fast as V.

Arrays see three space axes (nz, ny, nx), C-contiguous; missing axes have length one. `inverse`
holds the inverse cell widths in that order. Equation: Baptista et al., Proximal optimal transport
divergences, (2.24).
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def add_squares(square, high, low, inverse, rising):
    """Add to each cell of a row its upwind square through one of its two faces.

    high, low: potentials on both sides of the faces; rising: the cell is the upper side, so the
    face counts where the potential rises, else where it falls. Plain row arrays of one length.
    """
    if rising:
        for i in range(square.size):
            slope = max((high[i] - low[i]) * inverse, 0.0)
            square[i] += slope * slope
    else:
        for i in range(square.size):
            slope = min((high[i] - low[i]) * inverse, 0.0)
            square[i] += slope * slope


@njit(cache=True)
def upwind_row(u, z, y, inverse, separable, square):
    """Upwind squares of one row of cells; u (nz, ny, nx).

    square (3, nx): one line per axis if separable, else all in line 0.
    """
    nz, ny, nx = u.shape
    square[:] = 0.0
    row = u[z, y]
    sz = square[0]
    sy = square[1 if separable else 0]
    sx = square[2 if separable else 0]
    if z > 0:
        add_squares(sz, row, u[z - 1, y], inverse[0], True)
    if z < nz - 1:
        add_squares(sz, u[z + 1, y], row, inverse[0], False)
    if y > 0:
        add_squares(sy, row, u[z, y - 1], inverse[1], True)
    if y < ny - 1:
        add_squares(sy, u[z, y + 1], row, inverse[1], False)
    if nx > 1:
        add_squares(sx[1:], row[1:], row[:-1], inverse[2], True)
        add_squares(sx[:-1], row[1:], row[:-1], inverse[2], False)


@njit(cache=True)
def legendre_row(square, out, mobility, dt, p, speed):
    """Subtract dt G(s) from a row of out, and set the mobility 2 G'(s): outflow speed per slope.

    The mobility is zero where s = 0: nothing moves there.
    """
    q = p / (p - 1.0)
    power = 0.5 * q - 1.0
    scale_h, scale_g = dt * (p - 1.0) * p**-q, p ** (1.0 - q)
    bound = (p * speed ** (p - 1.0)) ** 2
    cost = dt * speed**p
    if power == 0.0:
        largest = 0.0
        for i in range(square.size):
            largest = max(largest, square[i])
            out[i] -= scale_h * square[i]
            mobility[i] = scale_g
        if largest <= bound:
            return
        for i in range(square.size):
            if square[i] > bound:
                root = square[i] ** 0.5
                out[i] += scale_h * square[i] - (dt * speed * root - cost)
                mobility[i] = speed / root
    else:
        for i in range(square.size):
            s = square[i]
            if s > bound:
                root = s**0.5
                out[i] -= dt * speed * root - cost
                mobility[i] = speed / root
            elif s > 0.0:
                root = s**power
                out[i] -= scale_h * root * s
                mobility[i] = scale_g * root
            else:
                mobility[i] = 0.0


@njit(cache=True)
def backward_sweep(U, G, inverse, p, speed, separable):
    """Fill U[:-1] from U[-1] and G[k] with the mobilities of U[k + 1]; horizon 1.

    U (steps + 1, nz, ny, nx), G (steps, 1 or 3, nz, ny, nx): one entry per axis if separable.
    Monotone for the number of steps that the module asks for.
    """
    steps, nz, ny, nx = G.shape[0], G.shape[2], G.shape[3], G.shape[4]
    square = np.zeros((3, nx))
    for k in range(steps - 1, -1, -1):
        u = U[k + 1]
        for z in range(nz):
            for y in range(ny):
                upwind_row(u, z, y, inverse, separable, square)
                U[k, z, y, :] = u[z, y]
                for a in range(G.shape[1]):
                    legendre_row(square[a], U[k, z, y], G[k, a, z, y], 1.0 / steps, p, speed)


@njit(cache=True)
def lipschitz_cap(u, owner, rises):
    """The largest function below u that rises from cell to cell by at most rises (3,), in place.

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
