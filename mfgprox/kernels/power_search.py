"""The c-transform of a potential at points, by walking from cell to cell of its power diagram."""

from __future__ import annotations

from numba import njit


@njit(cache=True, nogil=True)
def least_cost(at_x, at_y, x, y, psi, start, index, first, out):
    """out[i] = min_j |at_i - (x, y)_j|² - psi_j over the sites of a diagram.

    start, index: the neighbours of each site, row by row. first: a site with a cell. A site that no
    neighbour beats has the point in its cell, so that a walk downhill ends at the minimum; it is
    short if points follow each other.
    """
    j = first
    for i in range(at_x.size):
        dx, dy = at_x[i] - x[j], at_y[i] - y[j]
        best = dx * dx + dy * dy - psi[j]
        better = True
        while better:
            better = False
            here = j
            for e in range(start[here], start[here + 1]):
                k = index[e]
                dx, dy = at_x[i] - x[k], at_y[i] - y[k]
                value = dx * dx + dy * dy - psi[k]
                if value < best:
                    best, j, better = value, k, True
        out[i] = best
