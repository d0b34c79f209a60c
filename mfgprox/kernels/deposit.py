"""An explicit plan on windows: parts of cells spread over the cells around their images."""

from __future__ import annotations

import numpy as np
from numba import njit

from mfgprox.kernels.descent import power_cost


@njit(cache=True)
def plan_weights(
    nodes, places, psi, goal, sub, h, p, separable, reach, temperature, nearest, first, weights
):
    """weights[k] proportional to goal exp(-(c(x, y) - psi(y)) / temperature) on a window of cells.

    nodes (m,): flat indices of the parts x in the lattice of cells divided sub (3,) times; places
    (m, 3): their images in units of cells, the middles of the windows; psi, goal (nz, ny, nx);
    reach (3,) int64: half widths of the window in cells. first (m, 3) int64 and weights (m, taps),
    of sum one, are written; a window without goal sends everything to nearest (flat index).
    """
    n = np.array(psi.shape)
    x = np.empty(3)
    size = 2 * reach + 1
    for k in range(nodes.size):
        rest = nodes[k]
        for a in range(2, -1, -1):
            x[a] = (rest % (n[a] * sub[a]) + 0.5) / sub[a] - 0.5
            rest //= n[a] * sub[a]
        middle = 0
        for a in range(3):
            at = min(max(int(np.floor(places[k, a] + 0.5)), 0), n[a] - 1)
            middle = middle * n[a] + at
            first[k, a] = min(max(at - reach[a], 0), n[a] - size[a])
        lowest = np.inf
        tap = 0
        for i in range(size[0]):
            z = first[k, 0] + i
            for j in range(size[1]):
                y = first[k, 1] + j
                for l in range(size[2]):
                    w = first[k, 2] + l
                    weights[k, tap] = np.inf
                    if goal[z, y, w] > 0.0:
                        weights[k, tap] = (
                            power_cost(
                                h[0] * (z - x[0]),
                                h[1] * (y - x[1]),
                                h[2] * (w - x[2]),
                                p,
                                separable,
                            )
                            - psi[z, y, w]
                        )
                        lowest = min(lowest, weights[k, tap])
                    tap += 1
        total = 0.0
        tap = 0
        for i in range(size[0]):
            for j in range(size[1]):
                for l in range(size[2]):
                    excess = (weights[k, tap] - lowest) / temperature
                    weights[k, tap] = 0.0
                    if excess < 20.0:
                        mass = goal[first[k, 0] + i, first[k, 1] + j, first[k, 2] + l]
                        weights[k, tap] = np.exp(-excess) * mass
                        total += weights[k, tap]
                    tap += 1
        if total > 0.0:
            for tap in range(weights.shape[1]):
                weights[k, tap] /= total
        else:
            target = nearest.ravel()[middle]
            first[k, 0] = min(target // (n[1] * n[2]), n[0] - size[0])
            first[k, 1] = min(target // n[2] % n[1], n[1] - size[1])
            first[k, 2] = min(target % n[2], n[2] - size[2])
            tap = target // (n[1] * n[2]) - first[k, 0]
            tap = tap * size[1] + target // n[2] % n[1] - first[k, 1]
            weights[k, tap * size[2] + target % n[2] - first[k, 2]] = 1.0
