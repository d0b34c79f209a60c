"""The power diagram of sites in the plane, as the regular triangulation that is dual to it.

Sites have integer coordinates X, Y (every orientation is exact) and a height z = |y|² - psi; the
triangulation is the lower hull of (y, z), and half the slope of a triangle is the vertex of the
diagram where three cells meet. Four outer sites (the last ones, counterclockwise) surround all
others. Incremental insertion with cavities that are star-shaped by construction, so that rounding
of z can move a vertex but never break the triangulation.
Source: Bowyer, Comput. J. 24 (1981) 162; Watson, ibid. 167; Aurenhammer, SIAM J. Comput. 16 (1987)
78.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def _side(X, Y, a, b, p):
    """Twice the oriented area of a, b, p: above 0 where p lies to the left of a → b."""
    return (X[b] - X[a]) * (Y[p] - Y[a]) - (Y[b] - Y[a]) * (X[p] - X[a])


@njit(cache=True)
def _plane(t, corners, x, y, z, plane):
    """Slopes and height at the first corner of the plane through the lifted corners."""
    a, b, c = corners[t, 0], corners[t, 1], corners[t, 2]
    bx, by, bz = x[b] - x[a], y[b] - y[a], z[b] - z[a]
    cx, cy, cz = x[c] - x[a], y[c] - y[a], z[c] - z[a]
    area = bx * cy - by * cx
    plane[t, 0] = (bz * cy - cz * by) / area
    plane[t, 1] = (bx * cz - cx * bz) / area
    plane[t, 2] = z[a]


@njit(cache=True)
def _height_above(p, t, corners, x, y, z, plane):
    a = corners[t, 0]
    return z[p] - (plane[t, 2] + plane[t, 0] * (x[p] - x[a]) + plane[t, 1] * (y[p] - y[a]))


@njit(cache=True)
def locate(p, t, count, X, Y, corners, across):
    """A triangle that contains site p, by a walk from t; by search if the walk goes in circles."""
    for _ in range(1000 + 4 * int(np.sqrt(count))):
        moved = False
        for k in range(3):
            if _side(X, Y, corners[t, (k + 1) % 3], corners[t, (k + 2) % 3], p) < 0:
                t = across[t, k]
                moved = True
                break
        if not moved:
            return t
    for t in range(count):
        if corners[t, 0] >= 0:
            a, b, c = corners[t, 0], corners[t, 1], corners[t, 2]
            inside = _side(X, Y, a, b, p) >= 0 and _side(X, Y, b, c, p) >= 0
            if inside and _side(X, Y, c, a, p) >= 0:
                return t
    return -1


@njit(cache=True, nogil=True)
def triangulate(X, Y, x, y, z, order, tolerance, corners, across, plane):
    """Insert the sites `order` into the outer rectangle; returns the number of rows used.

    X, Y (sites + 4,) int64; x, y, z (sites + 4,) the same places in units of length, and heights.
    order: the sites to insert. Out, at least (2 sites + 64, 3): corners, counterclockwise, -1 in
    rows without a triangle; across, the triangle opposite to each corner, -1 outside; plane, see
    `_plane`. A site higher than the hull of the others is in no triangle: its cell is empty.
    """
    outer = X.size - 4
    corners[0] = (outer, outer + 1, outer + 2)
    corners[1] = (outer, outer + 2, outer + 3)
    across[0] = (-1, 1, -1)
    across[1] = (-1, -1, 0)
    _plane(0, corners, x, y, z, plane)
    _plane(1, corners, x, y, z, plane)
    capacity = corners.shape[0]
    count, spare = 2, 0
    vacant = np.empty(capacity, np.int64)
    mark = np.full(capacity, -1, np.int64)
    cavity = np.empty(capacity, np.int64)
    rim = np.empty((capacity, 3), np.int64)
    leaving = np.full(X.size, -1, np.int64)
    entering = np.full(X.size, -1, np.int64)
    last = 0
    for p in order:
        t = locate(p, last, count, X, Y, corners, across)
        if t < 0:
            continue
        last = t
        if not _height_above(p, t, corners, x, y, z, plane) < -tolerance:
            continue
        cavity[0], inside, mark[t] = t, 1, p
        i = 0
        while i < inside:
            s = cavity[i]
            i += 1
            for k in range(3):
                o = across[s, k]
                if o < 0 or mark[o] == p:
                    continue
                lower = _height_above(p, o, corners, x, y, z, plane) < -tolerance
                a, b = corners[s, (k + 1) % 3], corners[s, (k + 2) % 3]
                if lower or _side(X, Y, a, b, p) <= 0:
                    mark[o] = p
                    cavity[inside] = o
                    inside += 1
        sides = 0
        for i in range(inside):
            s = cavity[i]
            for k in range(3):
                o = across[s, k]
                if o < 0 or mark[o] != p:
                    rim[sides] = (corners[s, (k + 1) % 3], corners[s, (k + 2) % 3], o)
                    sides += 1
        for i in range(inside):
            vacant[spare] = cavity[i]
            corners[cavity[i], 0] = -1
            spare += 1
        for i in range(sides):
            if spare > 0:
                spare -= 1
                s = vacant[spare]
            else:
                s = count
                count += 1
            a, b, o = rim[i, 0], rim[i, 1], rim[i, 2]
            corners[s] = (p, a, b)
            across[s, 0] = o
            mark[s] = -1
            if o >= 0:
                for k in range(3):
                    if corners[o, (k + 1) % 3] == b and corners[o, (k + 2) % 3] == a:
                        across[o, k] = s
            leaving[a], entering[b] = s, s
            _plane(s, corners, x, y, z, plane)
            last = s
        for i in range(sides):
            s = leaving[rim[i, 0]]
            across[s, 1] = leaving[rim[i, 1]]
            across[s, 2] = entering[rim[i, 0]]
    return count


@njit(cache=True, nogil=True)
def place(sites, X, Y, x, y, count, corners, across, plane, where, weights, height):
    """For sites in no triangle: the triangle around each, its weights there and the hull's height.

    sites: in an order in which neighbours follow each other. Out: where (m,), weights (m, 3),
    height (m,).
    """
    t = 0
    while corners[t, 0] < 0:
        t += 1
    for q in range(sites.size):
        p = sites[q]
        found = locate(p, t, count, X, Y, corners, across)
        where[q] = found
        if found < 0:
            continue
        t = found
        a = corners[t, 0]
        height[q] = plane[t, 2] + plane[t, 0] * (x[p] - x[a]) + plane[t, 1] * (y[p] - y[a])
        area = float(_side(X, Y, a, corners[t, 1], corners[t, 2]))
        for k in range(3):
            side = _side(X, Y, corners[t, (k + 1) % 3], corners[t, (k + 2) % 3], p)
            weights[q, k] = side / area


@njit(cache=True, nogil=True)
def facets(count, outer, corners, across, pair, ends):
    """The sides between cells: pair (m, 2) sites and ends (m, 2) triangles, ends[0] → ends[1]
    counterclockwise around pair[0]. Sides between two outer sites are left out. Returns m."""
    m = 0
    for t in range(count):
        if corners[t, 0] < 0:
            continue
        for k in range(3):
            o = across[t, k]
            if o < t:
                continue
            j, l = corners[t, (k + 1) % 3], corners[t, (k + 2) % 3]
            if j < outer or l < outer:
                pair[m] = (j, l)
                ends[m] = (o, t)
                m += 1
    return m
