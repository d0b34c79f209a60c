"""Pairs of parts of cells and cells that carry a plan, by their slack, and what such a plan makes.

The slack of a pair is c(x, y) - psi(y) less the least of these for x. Arrays (nz, ny, nx), order z,
y, x. One thread per range of parts where nothing is added up: the same bits for any thread count.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mfgprox.kernels.active_pairs import BOXES, boxes_around, in_earlier_box
from mfgprox.kernels.descent import power_cost


@njit(cache=True, nogil=True)
def part_pairs(
    first, last, nodes, sub, argmin, psi, h, p, separable, margin, blur, log_mass, log_R, limits,
    fill, lowest, starts, targets, slack,
):  # fmt: skip
    """Counts or writes the targets of the parts nodes[first:last] and the slacks of these pairs.

    nodes (m,): flat indices in the lattice of cells divided sub (3,) times; argmin: of the
    c-transform of psi between centres, around which the targets are sought; psi is -inf where
    nothing may go; h (3,). margin, blur, log_mass, log_R, limits, fill, starts, targets: as in
    `active_pairs`; slack: in units of the blur. lowest (m,): the least c(x, y) - psi(y), written
    unless fill.
    """
    n = np.array(psi.shape)
    boxes = np.empty((BOXES, 6), np.int64)
    x = np.empty(3)
    cell = np.empty(3, np.int64)
    for k in range(first, last):
        rest = nodes[k]
        for a in range(2, -1, -1):
            fine = rest % (n[a] * sub[a])
            rest //= n[a] * sub[a]
            cell[a] = fine // sub[a]
            x[a] = (fine + 0.5) / sub[a] - 0.5
        found = boxes_around(cell[0], cell[1], cell[2], argmin, margin, boxes)
        if not fill:
            lowest[k] = np.inf
            for b in range(found):
                for u in range(boxes[b, 0], boxes[b, 3] + 1):
                    for v in range(boxes[b, 1], boxes[b, 4] + 1):
                        for t in range(boxes[b, 2], boxes[b, 5] + 1):
                            away = power_cost(
                                h[0] * (u - x[0]), h[1] * (v - x[1]), h[2] * (t - x[2]), p,
                                separable,
                            )  # fmt: skip
                            lowest[k] = min(lowest[k], away - psi[u, v, t])
        near, far, unit, count = limits[0] * blur[k], limits[1] * blur[k], blur[k], 0
        for b in range(found):
            for u in range(boxes[b, 0], boxes[b, 3] + 1):
                for v in range(boxes[b, 1], boxes[b, 4] + 1):
                    for t in range(boxes[b, 2], boxes[b, 5] + 1):
                        s = power_cost(
                            h[0] * (u - x[0]), h[1] * (v - x[1]), h[2] * (t - x[2]), p, separable
                        )
                        s -= psi[u, v, t] + lowest[k]
                        if s > far:
                            continue
                        if s > near and s > unit * (log_mass[k] - log_R[u, v, t] + limits[2]):
                            continue
                        if in_earlier_box(boxes, b, u, v, t):
                            continue
                        if fill:
                            targets[starts[k] + count] = (u * n[1] + v) * n[2] + t
                            slack[starts[k] + count] = s / unit
                        count += 1
        if not fill:
            starts[k + 1] = count


@njit(cache=True)
def spread_pairs(starts, targets, weights, mass, scale, R):
    """Adds to R (cells,) what parts of mass (m,) send to their targets, in proportion to weights
    (pairs,) times scale (cells,)."""
    for k in range(mass.size):
        total = 0.0
        for e in range(starts[k], starts[k + 1]):
            total += weights[e] * scale[targets[e]]
        rate = mass[k] / total
        for e in range(starts[k], starts[k + 1]):
            R[targets[e]] += rate * weights[e] * scale[targets[e]]


@njit(cache=True, nogil=True)
def cost_of_pairs(
    first, last, nodes, sub, starts, targets, weights, scale, n, h, p, separable, offset, spread,
    cost,
):  # fmt: skip
    """cost[first:last]: of a unit of mass of the parts nodes[first:last] on its way.

    n (3,): cells; offset (cells, 3): from the centre of a cell to the centre of its mass, per unit
    length; spread (3,): further displacement, see `_stretched`.
    """
    x = np.empty(3)
    for k in range(first, last):
        rest = nodes[k]
        for a in range(2, -1, -1):
            x[a] = (rest % (n[a] * sub[a]) + 0.5) / sub[a] - 0.5
            rest //= n[a] * sub[a]
        total, paid = 0.0, 0.0
        for e in range(starts[k], starts[k + 1]):
            share = weights[e] * scale[targets[e]]
            total += share
            paid += share * _stretched(targets[e], x, n, h, offset, spread, p, separable)
        cost[k] = paid / total


@njit(cache=True, nogil=True)
def _stretched(target, x, n, h, offset, spread, p, separable):
    """E|y - x + xi|^p, y the centre of mass of a cell, xi of mean zero and deviation spread (3,).

    Mass ends at another place in its cell than it began in its part. Exact at p = 2, an upper bound
    for p < 2 (Jensen), by the two-point Gauss rule above.
    """
    v0 = h[0] * (target // (n[1] * n[2]) - x[0]) + offset[target, 0]
    v1 = h[1] * (target // n[2] % n[1] - x[1]) + offset[target, 1]
    v2 = h[2] * (target % n[2] - x[2]) + offset[target, 2]
    s0, s1, s2 = spread[0], spread[1], spread[2]
    if p == 2.0:
        return v0 * v0 + v1 * v1 + v2 * v2 + s0 * s0 + s1 * s1 + s2 * s2
    if p < 2.0:
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
