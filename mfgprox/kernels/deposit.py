"""An explicit plan: parts of cells, each of uniform density, spread over whole cells."""

from __future__ import annotations

import numpy as np
from numba import njit

from mfgprox.kernels.spline import power_cost

MAX_TAPS = 16


@njit(cache=True)
def deposit(
    nodes, mass, places, sub, h, p, separable, width, scale, nearest, offset, spread, costed, R
):
    """Spread every part over the cells around its image; the cost of doing so (0 if not costed).

    A part of mass[k] (m,), flat index nodes[k] in the lattice of cells divided sub (3,) times, goes
    to the cells around places[k] (m, 3; units of cells, z, y, x) with the weights of a quadratic
    B-spline `width` cells wide per knot, times scale (nz, ny, nx) >= 0, normalised; where all of
    them vanish, to nearest (nz, ny, nx; flat index). R (nz, ny, nx): masses, added to.
    offset (cells, 3): from the centre of a cell to where its mass is centred, per unit length. Mass
    ends at another place in its cell than it began in its part: a further displacement of mean zero
    and deviation spread (3,) per axis, which the cost contains exactly at p = 2, as an upper bound
    for p < 2 (Jensen), by the two-point Gauss rule above.
    """
    n = np.array(R.shape)
    flat_R = R.ravel()
    flat_scale = scale.ravel()
    first = np.zeros(3, np.int64)
    taps = np.ones(3, np.int64)
    centre = np.zeros(3, np.int64)
    x = np.empty(3)
    w = np.ones((3, MAX_TAPS))
    total = 0.0
    for k in range(nodes.size):
        rest = nodes[k]
        for a in range(2, -1, -1):
            x[a] = (rest % (n[a] * sub[a]) + 0.5) / sub[a] - 0.5
            rest //= n[a] * sub[a]
            centre[a] = min(max(int(np.floor(places[k, a] + 0.5)), 0), n[a] - 1)
            if n[a] > 1:
                first[a] = max(int(np.ceil(places[k, a] - 1.5 * width)), 0)
                last = min(int(np.floor(places[k, a] + 1.5 * width)), n[a] - 1)
                taps[a] = min(last - first[a] + 1, MAX_TAPS)
                for i in range(taps[a]):
                    d = abs(first[a] + i - places[k, a]) / width
                    w[a, i] = 0.75 - d * d if d < 0.5 else 0.5 * max(1.5 - d, 0.0) ** 2
        norm = 0.0
        for i in range(taps[0]):
            for j in range(taps[1]):
                base = ((first[0] + i) * n[1] + first[1] + j) * n[2] + first[2]
                for l in range(taps[2]):
                    norm += w[0, i] * w[1, j] * w[2, l] * flat_scale[base + l]
        if not norm > 1e-100:
            target = nearest[centre[0], centre[1], centre[2]]
            flat_R[target] += mass[k]
            if costed:
                total += mass[k] * _stretched_cost(target, x, n, h, offset, spread, p, separable)
            continue
        for i in range(taps[0]):
            for j in range(taps[1]):
                base = ((first[0] + i) * n[1] + first[1] + j) * n[2] + first[2]
                for l in range(taps[2]):
                    share = w[0, i] * w[1, j] * w[2, l] * flat_scale[base + l]
                    if share > 0.0:
                        share *= mass[k] / norm
                        flat_R[base + l] += share
                        if costed:
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
