"""Second derivative of U_1 -> E_P[U_0] along a direction: a tangent sweep and its adjoint.

The adjoint sweep carries x = ∂rho along the direction forward: x^{k+1} = Aᵀ x^k + (∂A)ᵀ rho^k,
with A the linearised backward step. Both use the mobility of hamilton_jacobi.py. For p > 2 its
derivative is unbounded where nothing moves, for p < 2 the mobility itself vanishes there: below the
square `floor` the mobility is frozen at its value there, in the second-derivative term only, which
keeps the form symmetric and semi-definite.

Shapes as in continuity.py; along (nz, ny, nx) the direction, D (steps + 1, nz, ny, nx) its tangent.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mfgprox.kernels.continuity import weighted


@njit(cache=True)
def add_advection(out, high, low, d_high, d_low, mobility, factor, rising):
    """Subtract mobility × slope × slope of the tangent through one face of each cell of a row."""
    for i in range(out.size):
        rise = factor * (high[i] - low[i])
        rise = max(rise, 0.0) if rising else min(rise, 0.0)
        out[i] -= mobility[i] * rise * (d_high[i] - d_low[i])


@njit(cache=True)
def tangent_step(u, G, k, d, out, factors):
    """out = A d, (nz, ny, nx): the linearisation of a backward step at u."""
    nz, ny, nx = u.shape
    split = G.shape[1] == 3
    for z in range(nz):
        for y in range(ny):
            row, e, target = u[z, y], d[z, y], out[z, y]
            target[:] = e
            gz = G[k, 0, z, y]
            gy = G[k, 1 if split else 0, z, y]
            gx = G[k, 2 if split else 0, z, y]
            if z > 0:
                add_advection(target, row, u[z - 1, y], e, d[z - 1, y], gz, factors[0], True)
            if z < nz - 1:
                add_advection(target, u[z + 1, y], row, d[z + 1, y], e, gz, factors[0], False)
            if y > 0:
                add_advection(target, row, u[z, y - 1], e, d[z, y - 1], gy, factors[1], True)
            if y < ny - 1:
                add_advection(target, u[z, y + 1], row, d[z, y + 1], e, gy, factors[1], False)
            if nx > 1:
                f = factors[2]
                add_advection(target[1:], row[1:], row[:-1], e[1:], e[:-1], gx[1:], f, True)
                add_advection(target[:-1], row[1:], row[:-1], e[1:], e[:-1], gx[:-1], f, False)


@njit(cache=True)
def add_change(change, square, high, low, d_high, d_low, inverse, rising):
    """Add the upwind squares of a row of cells through one face, and half their tangents."""
    for i in range(square.size):
        slope = (high[i] - low[i]) * inverse
        slope = max(slope, 0.0) if rising else min(slope, 0.0)
        square[i] += slope * slope
        change[i] += slope * (d_high[i] - d_low[i]) * inverse


@njit(cache=True)
def changes(u, d, z, y, inverse, separable, square, change):
    """Upwind squares of a row of cells and half their tangents along d; square, change (3, nx)."""
    nz, ny, nx = u.shape
    square[:] = 0.0
    change[:] = 0.0
    row, e = u[z, y], d[z, y]
    cz, sz = change[0], square[0]
    cy, sy = change[1 if separable else 0], square[1 if separable else 0]
    cx, sx = change[2 if separable else 0], square[2 if separable else 0]
    if z > 0:
        add_change(cz, sz, row, u[z - 1, y], e, d[z - 1, y], inverse[0], True)
    if z < nz - 1:
        add_change(cz, sz, u[z + 1, y], row, d[z + 1, y], e, inverse[0], False)
    if y > 0:
        add_change(cy, sy, row, u[z, y - 1], e, d[z, y - 1], inverse[1], True)
    if y < ny - 1:
        add_change(cy, sy, u[z, y + 1], row, d[z, y + 1], e, inverse[1], False)
    if nx > 1:
        add_change(cx[1:], sx[1:], row[1:], row[:-1], e[1:], e[:-1], inverse[2], True)
        add_change(cx[:-1], sx[:-1], row[1:], row[:-1], e[1:], e[:-1], inverse[2], False)


@njit(cache=True)
def second_order_weights(u, d, G, k, rho, p, speed, floor, inverse, first, second, square, change):
    """second = g rho, first += (∂g) rho, (1 or 3, nz, ny, nx); square, change (3, nx): scratch."""
    nz, ny, nx = u.shape
    q = p / (p - 1.0)
    free = p ** (1.0 - q)
    bound = (p * speed ** (p - 1.0)) ** 2
    frozen = free * floor ** (0.5 * q - 1.0) if floor > 0.0 else 0.0
    for z in range(nz):
        for y in range(ny):
            lowest = free
            r = rho[z, y]
            for a in range(G.shape[1]):
                g, target = G[k, a, z, y], second[a, z, y]
                for i in range(nx):
                    target[i] = g[i] * r[i]
                for i in range(nx):
                    lowest = min(lowest, g[i])
            if p == 2.0 and lowest == free:
                # No speed is bounded: the mobility does not change.
                continue
            changes(u, d, z, y, inverse, G.shape[1] == 3, square, change)
            for a in range(G.shape[1]):
                g, target, moved = G[k, a, z, y], first[a, z, y], second[a, z, y]
                for i in range(nx):
                    s = square[a, i]
                    if s <= floor:
                        moved[i] = frozen * r[i]
                    elif s > bound:
                        # g = speed s^{-1/2}, below the bound const s^{q/2 - 1}; ∂s = 2 `change`.
                        target[i] -= g[i] / s * change[a, i] * r[i]
                    elif p != 2.0:
                        target[i] += (q - 2.0) * g[i] / s * change[a, i] * r[i]


@njit(cache=True)
def move_second(
    out_high, out_low, high, low, d_high, d_low, first_high, first_low, second_high, second_low,
    factor, blur, scratch,
):  # fmt: skip
    """Flux of the adjoint sweep over a row of faces, upwind by the sign of the rise.

    For rises within ± blur / 2 the derivative is a mean of the one-sided ones; where the potential
    is level it is taken as zero, which makes the first step from a constant potential a long one.
    """
    n = high.size
    for i in range(n):
        rise, change = high[i] - low[i], d_high[i] - d_low[i]
        flux = rise * (first_high[i] if rise > 0.0 else first_low[i])
        share = min(max(0.5 + rise / blur, 0.0), 1.0) if rise != 0.0 else 0.0
        flux += change * (share * second_high[i] + (1.0 - share) * second_low[i])
        scratch[i] = factor * flux if rise != 0.0 else 0.0
    for i in range(n):
        out_low[i] += scratch[i]
    for i in range(n):
        out_high[i] -= scratch[i]


@njit(cache=True)
def second_order_step(u, d, first, second, x, out, factors, blurs, scratch):
    """out = Aᵀ x + (∂A)ᵀ rho, (nz, ny, nx), from the weights of both terms; scratch (nx,)."""
    nz, ny, nx = u.shape
    split = first.shape[0] == 3
    fz, sz = first[0], second[0]
    fy, sy = first[1 if split else 0], second[1 if split else 0]
    fx, sx = first[2 if split else 0], second[2 if split else 0]
    for z in range(nz):
        for y in range(ny):
            out[z, y, :] = x[z, y]
            if z > 0:
                move_second(
                    out[z, y], out[z - 1, y], u[z, y], u[z - 1, y], d[z, y], d[z - 1, y],
                    fz[z, y], fz[z - 1, y], sz[z, y], sz[z - 1, y], factors[0], blurs[0], scratch,
                )  # fmt: skip
            if y > 0:
                move_second(
                    out[z, y], out[z, y - 1], u[z, y], u[z, y - 1], d[z, y], d[z, y - 1],
                    fy[z, y], fy[z, y - 1], sy[z, y], sy[z, y - 1], factors[1], blurs[1], scratch,
                )  # fmt: skip
            if nx > 1:
                o, v, e, f, s = out[z, y], u[z, y], d[z, y], fx[z, y], sx[z, y]
                move_second(
                    o[1:], o[:-1], v[1:], v[:-1], e[1:], e[:-1],
                    f[1:], f[:-1], s[1:], s[:-1], factors[2], blurs[2], scratch,
                )  # fmt: skip


@njit(cache=True)
def second_derivative(U, G, rho, along, D, out, inverse, p, speed, floor, blur):
    """out = ∂rho(·, 1)/∂U_1 · along, both (nz, ny, nx); negative semi-definite.

    D (steps + 1, nz, ny, nx): filled with the tangent sweep. floor: see the module; blur: slopes
    within ± half of it count as rising and falling in part.
    """
    steps = U.shape[0] - 1
    nx = U.shape[3]
    factors = inverse * inverse / steps
    first = np.empty((G.shape[1], *along.shape))
    second = np.empty((G.shape[1], *along.shape))
    square = np.zeros((3, nx))
    change = np.zeros((3, nx))
    scratch = np.empty(nx)
    blurs = blur / inverse
    D[steps] = along
    for k in range(steps - 1, -1, -1):
        tangent_step(U[k + 1], G, k, D[k + 1], D[k], factors)
    x = np.zeros_like(along)
    for k in range(steps):
        u, d = U[k + 1], D[k + 1]
        weighted(G, k, x, first)
        second_order_weights(
            u, d, G, k, rho[k], p, speed, floor, inverse, first, second, square, change
        )
        second_order_step(u, d, first, second, x, out, factors, blurs, scratch)
        x, out = out, x
    if steps % 2 == 0:
        out[:] = x
