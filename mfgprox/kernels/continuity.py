"""Forward sweep of ∂_t rho + div(rho v) = 0: the exact transpose of the linearised backward sweep.

With the mobility g = 2 G'(s) of hamilton_jacobi, mass leaves a cell through every face where its
potential falls, at the speed g × slope: the flux over a face is upwind, so the step is conservative
always and positive wherever the backward step is monotone.

Arrays: rho (steps + 1, nz, ny, nx) densities, U alike, G (steps, 1 or 3, nz, ny, nx) mobilities.
factors (3,): dt / width² per axis, z first. Equation: Baptista et al., Proximal optimal transport
divergences, (2.25).
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def move_down(out_high, out_low, high, low, weight_high, weight_low, factor, scratch):
    """Move mass over a row of faces from the side of the higher potential to the other.

    weight: mobility × density on both sides; out_high and out_low may overlap.
    """
    n = high.size
    for i in range(n):
        rise = factor * (high[i] - low[i])
        scratch[i] = rise * (weight_high[i] if rise > 0.0 else weight_low[i])
    for i in range(n):
        out_low[i] += scratch[i]
    for i in range(n):
        out_high[i] -= scratch[i]


@njit(cache=True)
def forward_step(u, weight, rho, out, factors, scratch):
    """out = (∂U^k/∂U^{k+1})ᵀ rho, (nz, ny, nx); weight (1 or 3, nz, ny, nx) = mobility × rho.

    scratch (nx,).
    """
    nz, ny, nx = u.shape
    split = weight.shape[0] == 3
    wz = weight[0]
    wy = weight[1 if split else 0]
    wx = weight[2 if split else 0]
    for z in range(nz):
        for y in range(ny):
            out[z, y, :] = rho[z, y]
            if z > 0:
                move_down(
                    out[z, y], out[z - 1, y], u[z, y], u[z - 1, y], wz[z, y], wz[z - 1, y],
                    factors[0], scratch,
                )  # fmt: skip
            if y > 0:
                move_down(
                    out[z, y], out[z, y - 1], u[z, y], u[z, y - 1], wy[z, y], wy[z, y - 1],
                    factors[1], scratch,
                )  # fmt: skip
            if nx > 1:
                row, w, target = u[z, y], wx[z, y], out[z, y]
                move_down(
                    target[1:], target[:-1], row[1:], row[:-1], w[1:], w[:-1], factors[2], scratch
                )


@njit(cache=True)
def weighted(G, k, rho, weight):
    """weight (1 or 3, nz, ny, nx) = mobility of step k × rho (nz, ny, nx)."""
    flat = rho.reshape(-1)
    for a in range(weight.shape[0]):
        target = weight[a].reshape(-1)
        mobility = G[k, a].reshape(-1)
        for i in range(flat.size):
            target[i] = mobility[i] * flat[i]


@njit(cache=True)
def forward_sweep(U, G, rho, factors):
    """Fill rho[1:] from rho[0]. Positive for a monotone sweep U, mass kept to round-off."""
    weight = np.empty((G.shape[1], *rho.shape[1:]))
    scratch = np.empty(rho.shape[3])
    for k in range(rho.shape[0] - 1):
        weighted(G, k, rho[k], weight)
        forward_step(U[k + 1], weight, rho[k], rho[k + 1], factors, scratch)


@njit(cache=True)
def face_momentum(U, G, rho, k, axis, inverse, share, out):
    """Add share × the momentum of step k over the inner faces along an axis (0 z, 1 y, 2 x) to out.

    out: shape of a density with one face more along the axis; the outermost faces stay as they are.
    """
    nz, ny, nx = U.shape[1:]
    dz, dy, dx = (1 if axis == 0 else 0), (1 if axis == 1 else 0), (1 if axis == 2 else 0)
    mobility = G[k, axis if G.shape[1] == 3 else 0]
    u, r = U[k + 1], rho[k]
    for z in range(dz, nz):
        for y in range(dy, ny):
            for x in range(dx, nx):
                rise = (u[z, y, x] - u[z - dz, y - dy, x - dx]) * inverse
                i, j, l = (z, y, x) if rise > 0.0 else (z - dz, y - dy, x - dx)
                out[z, y, x] -= share * rise * mobility[i, j, l] * r[i, j, l]


@njit(cache=True)
def kinetic_energy(rho, mz, my, mx, p, separable):
    """Sum over steps and cells of rho^{1-p} |m|^p with the outflows of each cell as components.

    rho (steps + 1, nz, ny, nx); m_a (steps, …) on faces, one face more along its axis. This is the
    discrete kinetic energy that is conjugate to the upwind Hamiltonian; inf where mass leaves an
    empty cell.
    """
    steps, nz, ny, nx = mz.shape[0], rho.shape[1], rho.shape[2], rho.shape[3]
    total = 0.0
    for k in range(steps):
        for z in range(nz):
            part = 0.0
            for y in range(ny):
                for x in range(nx):
                    az = min(mz[k, z, y, x], 0.0) ** 2 + max(mz[k, z + 1, y, x], 0.0) ** 2
                    ay = min(my[k, z, y, x], 0.0) ** 2 + max(my[k, z, y + 1, x], 0.0) ** 2
                    ax = min(mx[k, z, y, x], 0.0) ** 2 + max(mx[k, z, y, x + 1], 0.0) ** 2
                    if az + ay + ax > 0.0:
                        r = rho[k, z, y, x]
                        if r <= 0.0:
                            return np.inf
                        if p == 2.0:
                            part += (az + ay + ax) / r
                        elif separable:
                            size = az ** (0.5 * p) + ay ** (0.5 * p) + ax ** (0.5 * p)
                            part += size * r ** (1.0 - p)
                        else:
                            part += (az + ay + ax) ** (0.5 * p) * r ** (1.0 - p)
            total += part
    return total
