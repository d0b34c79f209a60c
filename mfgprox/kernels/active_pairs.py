"""Pairs of cells that carry a plan: around the minimisers of a c-transform, by their slack.

The slack of a pair is c(x, y) - psi(y) - psi^c(x) >= 0. Arrays (nz, ny, nx), one thread per range
of sources: the same bits for any thread count.
"""

from __future__ import annotations

import numpy as np
from numba import njit

BOXES = 7
"""Around the minimiser of a cell and those of its six neighbours."""
LARGEST_BOX = 4096
"""Cells of a box that spans the images of a cell and of its neighbours, before it is margined."""


@njit(cache=True)
def boxes_around(z, y, x, argmin, margin, boxes):
    """Fills boxes (BOXES, 6): first and last cell per axis; returns how many there are.

    The first spans the minimisers of the cell and of its neighbours where that box is not too
    large: mass that a tear leaves between two branches comes from there. The others stand alone.
    """
    nz, ny, nx = argmin.shape
    count = 0
    for m in range(-1, 6):
        z0, y0, x0 = z, y, x
        if m >= 0:
            step = 2 * (m % 2) - 1
            if m // 2 == 0:
                z0 += step
            elif m // 2 == 1:
                y0 += step
            else:
                x0 += step
        if z0 < 0 or z0 >= nz or y0 < 0 or y0 >= ny or x0 < 0 or x0 >= nx:
            continue
        flat = argmin[z0, y0, x0]
        z0, y0, x0 = flat // (ny * nx), flat // nx % ny, flat % nx
        if count > 0:
            low = (min(boxes[0, 0], z0), min(boxes[0, 1], y0), min(boxes[0, 2], x0))
            high = (max(boxes[0, 3], z0), max(boxes[0, 4], y0), max(boxes[0, 5], x0))
            volume = (high[0] - low[0] + 1) * (high[1] - low[1] + 1) * (high[2] - low[2] + 1)
            if volume <= LARGEST_BOX:
                boxes[0, 0], boxes[0, 1], boxes[0, 2] = low
                boxes[0, 3], boxes[0, 4], boxes[0, 5] = high
                continue
        boxes[count, 0], boxes[count, 1], boxes[count, 2] = z0, y0, x0
        boxes[count, 3], boxes[count, 4], boxes[count, 5] = z0, y0, x0
        count += 1
    for b in range(count):
        for a in range(3):
            boxes[b, a] = max(boxes[b, a] - margin[a], 0)
            boxes[b, 3 + a] = min(boxes[b, 3 + a] + margin[a], argmin.shape[a] - 1)
    return count


@njit(cache=True)
def in_earlier_box(boxes, b, u, v, t):
    """Whether one of the first b boxes holds that cell."""
    for e in range(b):
        if (
            boxes[e, 0] <= u <= boxes[e, 3]
            and boxes[e, 1] <= v <= boxes[e, 4]
            and boxes[e, 2] <= t <= boxes[e, 5]
        ):
            return True
    return False


@njit(cache=True, nogil=True)
def active_pairs(
    first,
    last,
    nodes,
    argmin,
    psi,
    phi,
    cost,
    margin,
    blur,
    log_mass,
    log_R,
    limits,
    fill,
    starts,
    targets,
    slack,
):
    """Counts or writes the targets of the sources nodes[first:last] and the slacks of these pairs.

    nodes (m,): flat source cells; argmin (nz, ny, nx): of the c-transform of psi; phi: its values;
    cost: of a displacement by so many cells; margin (3,): cells around the minimisers; blur (m,):
    unit of the slack for each source. A pair counts up to a slack of limits[0] units; up to
    limits[1] units where log_mass (m,) of the source, less the slack in units, exceeds log_R of the
    target less limits[2]: where it matters to the target.
    fill False: starts[k + 1] = number of targets of nodes[k]. fill True: targets (flat, int64) and
    slack from starts[k] on. psi -inf is never a target.
    """
    _, ny, nx = argmin.shape
    boxes = np.empty((BOXES, 6), np.int64)
    for k in range(first, last):
        z, y, x = nodes[k] // (ny * nx), nodes[k] // nx % ny, nodes[k] % nx
        near, far, unit = limits[0] * blur[k], limits[1] * blur[k], blur[k]
        count = 0
        for b in range(boxes_around(z, y, x, argmin, margin, boxes)):
            for u in range(boxes[b, 0], boxes[b, 3] + 1):
                for v in range(boxes[b, 1], boxes[b, 4] + 1):
                    for t in range(boxes[b, 2], boxes[b, 5] + 1):
                        s = cost[abs(u - z), abs(v - y), abs(t - x)] - psi[u, v, t] - phi[z, y, x]
                        if s > far:
                            continue
                        if s > near and s > unit * (log_mass[k] - log_R[u, v, t] + limits[2]):
                            continue
                        if in_earlier_box(boxes, b, u, v, t):
                            continue
                        if fill:
                            targets[starts[k] + count] = (u * ny + v) * nx + t
                            slack[starts[k] + count] = s
                        count += 1
        if not fill:
            starts[k + 1] = count
