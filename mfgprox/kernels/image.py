"""The density that an optimal map makes of P, at the images of the cell centres, p = 2.

With psi = -U_1 the map T(x) = argmin_y |x - y|² - psi(y) has the inverse S(y) = y - ½∇psi(y), and
T_#P = P(S) det(I - ½D²psi). Places in units of cells, 0 at the first centre, axes x, y, z.
Source: Baptista et al., Proximal optimal transport divergences, (2.23)-(2.25).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mfgprox.kernels.quintic import jet, six, spline_weights


@njit(cache=True, nogil=True)
def log_densities(
    first, last, places, psi, log_Q, sub, h, n, source, log_det, log_Q_there, stretch
):
    """log det DS and log Q at the places first to last, and by how much T stretches at most.

    places (m, 3); psi, log_Q: coefficients of quintic splines, log_Q on cells divided sub (3,)
    times; h, n (3,): widths and numbers of cells. Written: source (m, 3), S of the places; and
    (m,): log_det, -inf on the walls of the box and where S is not monotone: there the map has no
    density; log_Q_there; stretch, the trace of DT, where there is one.
    """
    w = np.empty((3, 3, 6))
    for k in range(first, last):
        ux = min(max(places[k, 0], -0.5), n[0] - 0.5)
        uy = min(max(places[k, 1], -0.5), n[1] - 0.5)
        uz = min(max(places[k, 2], -0.5), n[2] - 0.5)
        _, gx, gy, gz, xx, yy, zz, xy, xz, yz = jet(psi, n, ux, uy, uz, w)
        source[k, 0] = ux - 0.5 * gx / (h[0] * h[0])
        source[k, 1] = uy - 0.5 * gy / (h[1] * h[1])
        source[k, 2] = uz - 0.5 * gz / (h[2] * h[2])
        a = 1.0 - 0.5 * xx / (h[0] * h[0])
        b = 1.0 - 0.5 * yy / (h[1] * h[1])
        c = 1.0 - 0.5 * zz / (h[2] * h[2])
        d = 0.5 * xy / (h[0] * h[1])
        e = 0.5 * xz / (h[0] * h[2])
        f = 0.5 * yz / (h[1] * h[2])
        minor = a * b - d * d
        det = c * minor - a * f * f - b * e * e - 2.0 * d * e * f
        wall = n[0] > 1 and (ux <= -0.5 or ux >= n[0] - 0.5)
        wall = wall or (n[1] > 1 and (uy <= -0.5 or uy >= n[1] - 0.5))
        wall = wall or (n[2] > 1 and (uz <= -0.5 or uz >= n[2] - 0.5))
        log_det[k], stretch[k] = -np.inf, 0.0
        if a > 0.0 and minor > 0.0 and det > 0.0 and not wall:
            log_det[k] = np.log(det)
            stretch[k] = (minor + a * c - e * e + b * c - f * f) / det
        ix = spline_weights((ux + 0.5) * sub[0] - 0.5, n[0] * sub[0], w[0])
        iy = spline_weights((uy + 0.5) * sub[1] - 0.5, n[1] * sub[1], w[1])
        iz = spline_weights((uz + 0.5) * sub[2] - 0.5, n[2] * sub[2], w[2])
        total = 0.0
        for i in range(6 if n[2] > 1 else 1):
            for j in range(6 if n[1] > 1 else 1):
                row = log_Q[iz + i, iy + j]
                v = six(w[0, 0], row[ix : ix + 6]) if n[0] > 1 else row[0]
                total += w[2, 0, i] * w[1, 0, j] * v
        log_Q_there[k] = total
