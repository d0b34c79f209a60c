"""The steps of an iteration of the primal–dual method: proximal maps and projections, in place.

Fields and geometry as in `kernels.staggered`; W is the metric, a weight for each cell and level.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mfgprox.kernels.kinetic_prox import euclidean_root, separable_root
from mfgprox.kernels.staggered import face_gradients


@njit(cache=True, nogil=True)
def forward_density(first, last, rho, a, terminal, weight, tau, out):
    """out = rho - tau W K^T y on the levels 1 + first..1 + last; K averages neighbouring levels."""
    K = a.shape[0]
    for k in range(first + 1, last + 1):
        for c in range(rho.shape[1]):
            y = 0.5 * (a[k - 1, c] + a[k, c]) if k < K else 0.5 * a[k - 1, c] + terminal[c]
            out[k, c] = rho[k, c] - tau * weight[k, c] * y


@njit(cache=True, nogil=True)
def project_density(first, last, phi, weight, rho):
    """rho -= W D^T phi on the levels 1 + first..1 + last."""
    K = phi.shape[0]
    for k in range(first + 1, last + 1):
        for c in range(rho.shape[1]):
            jump = phi[k - 1, c] - phi[k, c] if k < K else phi[k - 1, c]
            rho[k, c] -= weight[k, c] * jump * K


@njit(cache=True, nogil=True)
def kinetic_step(
    first, last, rho, new_rho, phi, weight, sigma, relaxation, p, separable, counts, inverse,
    a, copies,
):  # fmt: skip
    """Proximal step of the action and over-relaxation on the slabs first..last, in place.

    rho, new_rho: density before and after the projection; phi its potential. Updates the multiplier
    a and the copies, which hold x - tau W y of the flux (Douglas–Rachford form).
    """
    q = p / (p - 1.0)
    c_h = (p - 1.0) / p**q
    axes, nx = copies.shape[0], counts[0]
    beta, factor = np.zeros((3, 2, nx)), np.zeros((3, nx))
    gl, gr = np.empty(nx), np.empty(nx)
    w = np.empty(nx)
    sizes, roots = np.empty(axes), np.empty(axes)
    for k in range(first, last):
        for row in range(rho.shape[1] // nx):
            base = row * nx
            for x in range(nx):
                w[x] = 0.5 * (weight[k, base + x] + weight[k + 1, base + x])
            for j in range(axes):
                face_gradients(phi[k], row, j, counts, inverse, gl, gr)
                for x in range(nx):
                    c = base + x
                    beta[j, 0, x] = sigma * (copies[j, 0, k, c] / w[x] + 2.0 * gl[x])
                    beta[j, 1, x] = sigma * (copies[j, 1, k, c] / w[x] + 2.0 * gr[x])
                    factor[j, x] = 0.5 * (beta[j, 0, x] ** 2 + beta[j, 1, x] ** 2)
            for x in range(nx):
                c = base + x
                reflected = new_rho[k, c] + new_rho[k + 1, c] - 0.5 * (rho[k, c] + rho[k + 1, c])
                alpha = a[k, c] + sigma * reflected / w[x]
                if separable:
                    for j in range(axes):
                        sizes[j] = factor[j, x] ** 0.5
                    lam = separable_root(alpha, sizes, q, c_h, a[k, c], roots)
                    for j in range(axes):
                        factor[j, x] = 1.0 - roots[j] / sizes[j] if sizes[j] > 0.0 else 0.0
                else:
                    size = (factor[0, x] + factor[1, x] + factor[2, x]) ** 0.5
                    lam, t = euclidean_root(alpha, size, p, q, c_h, a[k, c])
                    shrink = 1.0 - t / size if size > 0.0 else 0.0
                    for j in range(axes):
                        factor[j, x] = shrink
                a[k, c] += relaxation * (alpha - lam - a[k, c])
            for j in range(axes):
                for side in range(2):
                    for x in range(nx):
                        s = copies[j, side, k, base + x]
                        scaled = w[x] * beta[j, side, x] / sigma
                        move = scaled * (factor[j, x] - 0.5) - 0.5 * s
                        copies[j, side, k, base + x] = s + relaxation * move


@njit(cache=True, nogil=True)
def shift_copies(first, last, u, scale_old, old, scale_new, new, counts, inverse, copies):
    """copies += (scale_old W_old - scale_new W_new) grad u: the same y in another metric."""
    nx = counts[0]
    gl, gr = np.empty(nx), np.empty(nx)
    for k in range(first, last):
        for row in range(u.shape[1] // nx):
            base = row * nx
            for j in range(copies.shape[0]):
                face_gradients(u[k], row, j, counts, inverse, gl, gr)
                for x in range(nx):
                    c = base + x
                    w = 0.5 * scale_old * (old[k, c] + old[k + 1, c])
                    w -= 0.5 * scale_new * (new[k, c] + new[k + 1, c])
                    copies[j, 0, k, c] += w * gl[x]
                    copies[j, 1, k, c] += w * gr[x]
