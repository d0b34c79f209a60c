"""The c-transform over the whole box, from the minima over the cell centres.

psi is a cubic spline, see `cubic`; every x is independent of the others.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from mfgprox.kernels.descent import SCRATCH, descend, power_cost

BLOCK = 1024


@njit(cache=True)
def polish(start, stop, nodes, psi, c, arg, sub, h, p, separable, out, places):
    """out[k] = min over the box of |x - y|^p - psi(y), psi the spline with coefficients c.

    Safeguarded Newton from the lattice argmins of x's cell and of its neighbours: where the map is
    torn they lie in different basins, and the best two are followed.
    start, stop: the range of nodes to compute; nodes (m,) int64: flat indices of x in the lattice
    of cells divided sub (3,) times per axis; psi, arg (nz, ny, nx): values, flat lattice argmins;
    h (3,); out (m,), places (m, 3) are written.
    """
    w = np.empty((3, 3, 4))
    jet = np.empty(10)
    s = np.empty(SCRATCH)
    n = np.array(psi.shape)
    x = np.empty(3)
    u = np.empty(3)
    trial = np.empty(3)
    cell = np.empty(3, np.int64)
    near = np.empty(3, np.int64)
    candidates = np.empty((27, 3), np.int64)
    values = np.empty(27)
    for k in range(start, stop):
        rest = nodes[k]
        for a in range(2, -1, -1):
            fine = rest % (n[a] * sub[a])
            rest //= n[a] * sub[a]
            cell[a] = fine // sub[a]
            x[a] = (fine + 0.5) / sub[a] - 0.5
        count = 0
        first = 0
        for m in range(27):
            near[0] = cell[0] + m // 9 - 1
            near[1] = cell[1] + m // 3 % 3 - 1
            near[2] = cell[2] + m % 3 - 1
            if not (0 <= near[0] < n[0] and 0 <= near[1] < n[1] and 0 <= near[2] < n[2]):
                continue
            flat = arg[near[0], near[1], near[2]]
            candidates[count, 0] = flat // (n[1] * n[2])
            candidates[count, 1] = flat // n[2] % n[1]
            candidates[count, 2] = flat % n[2]
            j0 = candidates[count, 0]
            j1 = candidates[count, 1]
            j2 = candidates[count, 2]
            values[count] = (
                power_cost(h[0] * (j0 - x[0]), h[1] * (j1 - x[1]), h[2] * (j2 - x[2]), p, separable)
                - psi[j0, j1, j2]
            )
            if values[count] < values[first]:
                first = count
            count += 1
        second = -1
        for m in range(count):
            apart = 0
            for a in range(3):
                apart = max(apart, abs(candidates[m, a] - candidates[first, a]))
            if apart > 1 and (second < 0 or values[m] < values[second]):
                second = m
        best = np.inf
        for attempt in range(3):
            if attempt == 1 and second < 0:
                continue
            reach = 0.0
            for a in range(3):
                reach = max(reach, abs(candidates[first, a] - x[a]))
                u[a] = x[a]
                if attempt < 2:
                    u[a] = candidates[first if attempt == 0 else second, a]
            # For p < 2 the cost has its edge at x, finer than any lattice shows.
            if attempt == 2 and (p >= 2.0 or reach > 1.5):
                continue
            value = descend(x, u, c, n, h, p, separable, w, jet, s, trial)
            if value < best:
                best = value
                for a in range(3):
                    places[k, a] = u[a]
        out[k] = best


@njit(cache=True, parallel=True)
def polish_threaded(nodes, psi, c, arg, sub, h, p, separable, out, places):
    """`polish` for all nodes, in blocks over threads; every node is independent of the others."""
    blocks = (nodes.size + BLOCK - 1) // BLOCK
    for b in prange(blocks):
        stop = min((b + 1) * BLOCK, nodes.size)
        polish(b * BLOCK, stop, nodes, psi, c, arg, sub, h, p, separable, out, places)
