"""An explicit plan: parts of cells, each of uniform density, spread over whole cells."""

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


@njit(cache=True)
def spread_plan(
    nodes, mass, first, weights, sub, h, p, separable, reach, scale, offset, spread, costed, R
):
    """Spread mass[k] over its window by weights times scale (nz, ny, nx); the cost of doing so.

    nodes, first, weights, sub, reach: of `plan_weights`. R (nz, ny, nx): masses, added to. The cost
    is 0 if not costed. offset (cells, 3): from the centre of a cell to the centre of its mass, per
    unit length. Mass ends at another place in its cell than it began in its part: a further
    displacement of mean zero and deviation spread (3,) per axis, which the cost contains exactly at
    p = 2, as an upper bound for p < 2 (Jensen), by the two-point Gauss rule above.
    """
    n = np.array(R.shape)
    x = np.empty(3)
    size = 2 * reach + 1
    flat_R = R.ravel()
    flat_scale = scale.ravel()
    total = 0.0
    for k in range(nodes.size):
        rest = nodes[k]
        for a in range(2, -1, -1):
            x[a] = (rest % (n[a] * sub[a]) + 0.5) / sub[a] - 0.5
            rest //= n[a] * sub[a]
        norm = 0.0
        tap = 0
        for i in range(size[0]):
            for j in range(size[1]):
                base = ((first[k, 0] + i) * n[1] + first[k, 1] + j) * n[2] + first[k, 2]
                for l in range(size[2]):
                    norm += weights[k, tap] * flat_scale[base + l]
                    tap += 1
        rate = mass[k] / norm
        tap = 0
        for i in range(size[0]):
            for j in range(size[1]):
                base = ((first[k, 0] + i) * n[1] + first[k, 1] + j) * n[2] + first[k, 2]
                for l in range(size[2]):
                    share = rate * weights[k, tap] * flat_scale[base + l]
                    flat_R[base + l] += share
                    tap += 1
                    if costed and share > 0.0:
                        total += share * _stretched_cost(
                            base + l, x, n, h, offset, spread, p, separable
                        )
    return total


@njit(cache=True)
def _stretched_cost(target, x, n, h, offset, spread, p, separable):
    """E|y - x + xi|^p, y the centre of mass of a cell, xi of deviation spread (3,) per axis."""
    v0 = h[0] * (target // (n[1] * n[2]) - x[0]) + offset[target, 0]
    v1 = h[1] * (target // n[2] % n[1] - x[1]) + offset[target, 1]
    v2 = h[2] * (target % n[2] - x[2]) + offset[target, 2]
    s0 = spread[0]
    s1 = spread[1]
    s2 = spread[2]
    if p <= 2.0:
        v0 = np.sqrt(v0 * v0 + s0 * s0)
        v1 = np.sqrt(v1 * v1 + s1 * s1)
        v2 = np.sqrt(v2 * v2 + s2 * s2)
        return power_cost(v0, v1, v2, p, separable)
    total = 0.0
    for corner in range(8):
        d0 = s0 if corner // 4 else -s0
        d1 = s1 if corner // 2 % 2 else -s1
        d2 = s2 if corner % 2 else -s2
        total += power_cost(v0 + d0, v1 + d1, v2 + d2, p, separable)
    return total / 8.0
