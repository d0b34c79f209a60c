"""An explicit plan: parts of cells, each of uniform density, spread over whole cells."""

from __future__ import annotations

import numpy as np
from numba import njit

from mfgprox.kernels.spline import power_cost


@njit(cache=True)
def deposit(nodes, mass, places, sub, h, p, separable, nearest, R):
    """Spread every part over the 3 cells per axis around its image; the cost of doing so.

    A part of mass[k] (m,), flat index nodes[k] in the lattice of cells divided sub (3,) times, goes
    to the cells around places[k] (m, 3; units of cells, z, y, x) with the weights of the quadratic
    B-spline, which keep its mean, or to nearest (nz, ny, nx; flat index) of each: a cell inside the
    support. R (nz, ny, nx): masses, added to. Within a cell the part is stretched to the cell's
    size, which displaces by an independent offset of known variance: exact at p = 2, an upper bound
    for p < 2 (Jensen), two-point Gauss rule above.
    """
    n = np.array(R.shape)
    flat_R = R.ravel()
    cell = np.empty(3, np.int64)
    x = np.empty(3)
    w = np.zeros((3, 3))
    v = np.empty(3)
    spread = np.empty(3)
    for a in range(3):
        spread[a] = h[a] * (1.0 - 1.0 / sub[a]) / np.sqrt(12.0)
    total = 0.0
    for k in range(nodes.size):
        rest = nodes[k]
        for a in range(2, -1, -1):
            x[a] = (rest % (n[a] * sub[a]) + 0.5) / sub[a] - 0.5
            rest //= n[a] * sub[a]
            cell[a] = min(max(int(np.floor(places[k, a] + 0.5)), 0), n[a] - 1)
            d = min(max(places[k, a] - cell[a], -0.5), 0.5)
            w[a, 0] = 0.5 * (0.5 - d) ** 2
            w[a, 1] = 0.75 - d * d
            w[a, 2] = 0.5 * (0.5 + d) ** 2
            if n[a] == 1:
                w[a, 0] = w[a, 2] = 0.0
                w[a, 1] = 1.0
        for m in range(27):
            share = mass[k] * w[0, m // 9] * w[1, m // 3 % 3] * w[2, m % 3]
            if share == 0.0:
                continue
            z = min(max(cell[0] + m // 9 - 1, 0), n[0] - 1)
            y = min(max(cell[1] + m // 3 % 3 - 1, 0), n[1] - 1)
            target = nearest[z, y, min(max(cell[2] + m % 3 - 1, 0), n[2] - 1)]
            v[0] = h[0] * (target // (n[1] * n[2]) - x[0])
            v[1] = h[1] * (target // n[2] % n[1] - x[1])
            v[2] = h[2] * (target % n[2] - x[2])
            flat_R[target] += share
            total += share * _stretched_cost(v, spread, p, separable)
    return total


@njit(cache=True)
def _stretched_cost(v, spread, p, separable):
    """E|v + xi|^p, xi uniform with standard deviation spread (3,) per axis."""
    if p <= 2.0:
        total = 0.0
        for a in range(3):
            square = v[a] * v[a] + spread[a] * spread[a]
            total += square ** (0.5 * p) if separable else square
        return total if separable else total ** (0.5 * p)
    total = 0.0
    for corner in range(8):
        dz = spread[0] if corner // 4 else -spread[0]
        dy = spread[1] if corner // 2 % 2 else -spread[1]
        dx = spread[2] if corner % 2 else -spread[2]
        total += power_cost(v[0] + dz, v[1] + dy, v[2] + dx, p, separable)
    return total / 8.0
