"""log det(I - ½D²psi) + log P(y - ½∇psi) - log Q - log (f*)'(s) and its linearisation, p = 2.

psi = chi + ½ w·H w + g·w + constant with w = y - centre, s = -psi/epsilon: chi by fourth-order
differences, the rest exactly. Lists over axes in the order x, y, z; arrays (nz, ny, nx). Every cell
is independent.
Source: the optimality system of Baptista et al., Proximal optimal transport divergences, Theorem
3.1, with the inverse map S(y) = y - ½∇psi(y) written as a Monge–Ampère equation.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mfgprox.kernels.determinant import log_determinant
from mfgprox.kernels.quintic import jet
from mfgprox.kernels.quintic_blocks import BLOCK, block_sum, block_weights
from mfgprox.kernels.row_differences import differences

KL, POWER, JENSEN_SHANNON = range(3)
"""Families of f, the first entry of a law."""
PARTS = 5
MASS, COST, INFORMATION, CLAMPED, GIBBS = range(PARTS)
"""What `linearise` sums, and where it stands in `parts`."""
ABOVE = 600.0
"""Logarithms that are larger are cut off before they are raised: squares stay finite."""
NEAREST, TANGENT, FURTHEST = 1e-12, 1e-7, 1e-3
"""In `marginal`: relative distances from the end of the domain of f* that rounding leaves and that
a chord may have, and the relative width below which a chord is a tangent."""


@njit(cache=True)
def _images(chi, row, n, d, x0, y, z, box, H, g, constant, cell, u):
    """Of cells x0, x0 + 1, … of a row: cell[0:3] = S(y) - y, cell[3] = psi, u (3, …) = S(y) and
    cell[6], whether that lies in the box.

    chi (count,), row (10, count) of `differences`; S - y in units of length, S in units of cells.
    """
    h = box[1]
    wy = box[0, 1] + (y + 0.5) * h[1] - box[2, 1]
    wz = box[0, 2] + (z + 0.5) * h[2] - box[2, 2]
    dx, dy, dz, psi = cell[0], cell[1], cell[2], cell[3]
    for j in range(chi.size):
        wx = box[0, 0] + (x0 + j + 0.5) * h[0] - box[2, 0]
        tx = H[0, 0] * wx + H[0, 1] * wy + H[0, 2] * wz
        ty = H[1, 0] * wx + H[1, 1] * wy + H[1, 2] * wz
        tz = H[2, 0] * wx + H[2, 1] * wy + H[2, 2] * wz
        quadratic = (0.5 * tx + g[0]) * wx + (0.5 * ty + g[1]) * wy + (0.5 * tz + g[2]) * wz
        psi[j] = chi[j] + constant + quadratic
        dx[j] = -0.5 * (row[0, j] + g[0] + tx)
        dy[j] = -0.5 * (row[1, j] + g[1] + ty) if d > 1 else 0.0
        dz[j] = -0.5 * (row[2, j] + g[2] + tz) if d > 2 else 0.0
        ux, uy, uz = x0 + j + dx[j] / h[0], y + dy[j] / h[1], z + dz[j] / h[2]
        u[0, j], u[1, j], u[2, j] = ux, uy, uz
        inside = (ux >= -0.5) & (ux <= n[0] - 0.5) & (uy >= -0.5) & (uy <= n[1] - 0.5)
        cell[6, j] = inside & (uz >= -0.5) & (uz <= n[2] - 0.5)


@njit(cache=True)
def _shares(log_Q, weight, cell, epsilon, kind, alpha, scale, near):
    """cell[4] = log of the Gibbs density, cell[5] = how much of the equation is kept, not clipped;
    whether any cell keeps some of it."""
    used = False
    for j in range(log_Q.size):
        _, _, gibbs = marginal(0.0, -cell[3, j] / epsilon, kind, alpha, scale)
        gibbs = min(log_Q[j] + gibbs, near[2] + ABOVE)
        cell[4, j] = gibbs
        # Close to f'(∞) rounding decides on the Gibbs density: that shows nothing.
        held = max(weight[j], gibbs - near[2]) if kind == KL else weight[j]
        cell[5, j] = (held - near[0]) / (near[1] - near[0])
        used = used or cell[5, j] > 0.0
    return used


@njit(cache=True)
def _beyond(c, n, ux, uy, uz):
    """Value and slopes of a spline beyond the box: its second-order expansion at the wall, concave
    on the axes."""
    px = min(max(ux, -0.5), n[0] - 0.5)
    py = min(max(uy, -0.5), n[1] - 0.5)
    pz = min(max(uz, -0.5), n[2] - 0.5)
    f, fx, fy, fz, xx, yy, zz, xy, xz, yz = jet(c, n, px, py, pz, np.empty((3, 3, 6)))
    dx, dy, dz = ux - px, uy - py, uz - pz
    bx = min(xx, 0.0) * dx + xy * dy + xz * dz
    by = xy * dx + min(yy, 0.0) * dy + yz * dz
    bz = xz * dx + yz * dy + min(zz, 0.0) * dz
    f += (fx + 0.5 * bx) * dx + (fy + 0.5 * by) * dy + (fz + 0.5 * bz) * dz
    return f, fx + bx, fy + by, fz + bz


@njit(cache=True)
def marginal(log_t, s, kind, alpha, scale):
    """log t - log (f*)'(s), and by how much it falls with s: the chord from s to f'(t).

    f is shifted such that f'(1) = 0. An s beyond the finite end of the domain of f*, f'(∞) or
    f'(0), counts as close to it, and a t whose f'(t) cannot be told from that end as the last that
    can. Also returns log (f*)'(s).
    """
    if kind == KL:
        return log_t - s, 1.0, s
    side, size = 1.0, 1.0
    if kind == POWER:
        end = scale / (1.0 - alpha)
        side, size = np.sign(end), abs(end)
        own = size * max(np.exp(min((alpha - 1.0) * log_t, ABOVE)), NEAREST)
    else:
        end = 0.5 * np.log1p(np.exp(-alpha))
        log_t += alpha
        own = max(0.5 * (max(-log_t, 0.0) + np.log1p(np.exp(-abs(log_t)))), NEAREST)
    distance = side * (end - s)
    at = max(distance, FURTHEST * own)
    ratio = at / own - 1.0
    if kind == POWER:
        chord = 1.0 - 0.5 * ratio if abs(ratio) < TANGENT else np.log1p(ratio) / ratio
        chord /= abs(1.0 - alpha) * own
        log_gibbs = np.log(max(distance, NEAREST * size) / size) / (alpha - 1.0)
    else:
        if abs(ratio) < TANGENT:
            chord = 2.0 / (1.0 - np.exp(-own - at))
        else:
            rise = 2.0 * (at - own) + np.log(np.expm1(-2.0 * at) / np.expm1(-2.0 * own))
            chord = rise / (at - own)
        near = max(distance, NEAREST)
        log_gibbs = -2.0 * near - np.log(-np.expm1(-2.0 * near)) - alpha
    return side * chord * (distance - own), chord, log_gibbs


@njit(cache=True, nogil=True)
def linearise(
    first, last, p, halo, log_P, log_Q, weight, box, H, g, constant, epsilon, law, delta, near,
    coefficients, rhs, log_R, parts,
):  # fmt: skip
    """Residual and linearisation in rows first to last of the (z, y) rows.

    p: chi with a reflected halo of `halo` cells (3,); log_P: spline coefficients; log_Q, weight:
    (nz, ny, nx), weight = log of how much mass may sit there (0 at its largest); box (3, 3): lower
    ends, widths of cells, centre; law (3,): f as `mfgprox.divergence.Law` has it; near (4,):
    weights below which nothing and above which all of the equation is kept (between: blended with
    -½Δchi + far chi = 0, far the last of the four), and the logarithm of the largest density that
    counts as weight 0 for the Gibbs density.
    Written: coefficients (rows as in multigrid, nz, ny, nx), rhs = -F, log_R = log P(S) det DS
    (-inf where blended out), parts (rows, PARTS): sums over cells of R', R'|S - y|²,
    R' log(R'/Q), Gibbs mass where an eigenvalue was clamped, and all.
    """
    nz, ny, nx = rhs.shape
    n = (nx, ny, nz)
    d = (halo > 0).sum()
    h = box[1]
    far = near[3]
    kind, alpha, scale = int(law[0]), law[1], law[2]
    row = np.empty((10, nx))
    cell, u = np.empty((7, BLOCK)), np.empty((3, BLOCK))
    corner, weights = np.empty((3, BLOCK), np.int64), np.empty((3, 12, BLOCK))
    scratch = np.empty((3, 3, 3))
    flat, many = log_P.reshape(log_P.size), (log_P.shape[2], log_P.shape[1], log_P.shape[0])
    for index in range(first, last):
        z, y = index // ny, index % ny
        entries, F, R = coefficients[:, z, y], rhs[z, y], log_R[z, y]
        differences(p, z, y, halo, n, h, row)
        moved, cost, information, clamped, total = 0.0, 0.0, 0.0, 0.0, 0.0
        for x in range(nx):
            j = x % BLOCK
            if j == 0:
                count = min(BLOCK, nx - x)
                chi = p[z + halo[2], y + halo[1], x + halo[0] : x + halo[0] + count]
                _images(chi, row[:, x : x + count], n, d, x, y, z, box, H, g, constant, cell, u)
                used = _shares(
                    log_Q[z, y, x : x + count], weight[z, y, x : x + count], cell, epsilon, kind,
                    alpha, scale, near,
                )  # fmt: skip
                for a in range(3 if used else 0):
                    block_weights(u[a, :count], n[a], corner[a], weights[a])
            dx, dy, dz, psi = cell[0, j], cell[1, j], cell[2, j], cell[3, j]
            gibbs, share = cell[4, j], cell[5, j]
            here = p[z + halo[2], y + halo[1], x + halo[0]]
            if not share > 0.0:
                R[x] = -np.inf
                F[x] = 0.5 * row[9, x] - far * here
                entries[:, x] = 0.0
                entries[0 : 2 * d : 2, x] = 0.5
                entries[2 * d, x] = far
                continue
            theta = share * share * (3.0 - 2.0 * share) if share < 1.0 else 1.0
            rest = 1.0 - theta
            det, ixx, iyy, izz, ixy, ixz, iyz, below = log_determinant(
                1.0 - 0.5 * (row[3, x] + H[0, 0]),
                1.0 - 0.5 * (row[4, x] + H[1, 1]) if d > 1 else 1.0,
                1.0 - 0.5 * (row[5, x] + H[2, 2]) if d > 2 else 1.0,
                -0.5 * (row[6, x] + H[0, 1]),
                -0.5 * (row[7, x] + H[0, 2]),
                -0.5 * (row[8, x] + H[1, 2]),
                delta,
                scratch,
            )
            if cell[6, j] > 0.0:
                f, fx, fy, fz = block_sum(flat, many, j, corner, weights)
            else:
                f, fx, fy, fz = _beyond(log_P, n, u[0, j], u[1, j], u[2, j])
            R[x] = det + f
            excess, slope, _ = marginal(
                det + f - log_Q[z, y, x], -psi / epsilon, kind, alpha, scale
            )
            F[x] = -theta * excess + rest * (0.5 * row[9, x] - far * here)
            t = 0.5 * theta
            entries[0, x] = t * ixx + 0.5 * rest
            entries[1, x] = t * fx / h[0]
            if d > 1:
                entries[2, x] = t * iyy + 0.5 * rest
                entries[3, x] = t * fy / h[1]
                entries[2 * d + 1, x] = t * ixy
            if d > 2:
                entries[4, x] = t * izz + 0.5 * rest
                entries[5, x] = t * fz / h[2]
                entries[2 * d + 2, x] = t * ixz
                entries[2 * d + 3, x] = t * iyz
            entries[2 * d, x] = theta * slope / epsilon + far * rest
            mass = np.exp(min(R[x], ABOVE))
            moved += mass
            cost += mass * (dx * dx + dy * dy + dz * dz)
            information += mass * (R[x] - log_Q[z, y, x])
            wanted = np.exp(min(gibbs if kind == KL else min(gibbs, log_R[z, y, x]), ABOVE))
            total += wanted
            if below > 0:
                clamped += wanted
        parts[index, MASS], parts[index, COST], parts[index, INFORMATION] = moved, cost, information
        parts[index, CLAMPED], parts[index, GIBBS] = clamped, total
