"""Masses, moments and facet integrals of a piecewise constant density over the cells of a diagram.

By Green's formula the mass of a cell is ∮ F dy with F(x, y) = ∫_{-∞}^x P(s, y) ds, which is linear
along a straight line within a cell of the grid: every integral is exact, and what leaves one cell
of the diagram enters another, so that the masses add up to one.
"""

from __future__ import annotations

import math

from numba import njit


@njit(cache=True, nogil=True)
def facet_integrals(
    first, last, ends, slope, lower_x, lower_y, hx, hy, P, left, left_x, out
):  # fmt: skip
    """Line integrals along the facets `first` to `last`.

    ends (m, 2): triangles; slope (t, ≥2): their slopes, twice their vertex. P (ny, nx) per unit
    area; left, left_x (ny, nx + 1): ∫P and ∫xP along x up to the faces. Out (m, 4), from ends[0] to
    ends[1]: ∫F dy, ∫F_x dy with F_x = ∫sP(s, y)ds, ∫F y dy, ∫P ds.
    """
    ny, nx = P.shape
    for f in range(first, last):
        bx, by = 0.5 * slope[ends[f, 0], 0], 0.5 * slope[ends[f, 0], 1]
        dx = 0.5 * slope[ends[f, 1], 0] - bx
        dy = 0.5 * slope[ends[f, 1], 1] - by
        # In units of cells, from the lower corner.
        u, v = (bx - lower_x) / hx, (by - lower_y) / hy
        du, dv = dx / hx, dy / hy
        t, end = 0.0, 1.0
        if dv != 0.0:
            t0, t1 = -v / dv, (ny - v) / dv
            t, end = max(t, min(t0, t1)), min(end, max(t0, t1))
        elif v < 0.0 or v >= ny:
            t = 2.0
        mass = moment_x = moment_y = weight = 0.0
        if t < end:
            i = min(max(math.floor(v + t * dv), 0), ny - 1)
            at = u + t * du
            k = math.floor(min(max(at, -1.0), float(nx)))
            for _ in range(2 * (nx + ny) + 8):
                # Where the line leaves this cell; outside of the box to the side there is only one.
                leave, side = end, 0
                if dv > 0.0 and i < ny - 1:
                    s = (i + 1 - v) / dv
                    if s < leave:
                        leave, side = s, 1
                elif dv < 0.0 and i > 0:
                    s = (i - v) / dv
                    if s < leave:
                        leave, side = s, 1
                if du > 0.0 and k < nx:
                    s = (k + 1 - u) / du
                    if s < leave:
                        leave, side = s, 2
                elif du < 0.0 and k >= 0:
                    s = (k - u) / du
                    if s < leave:
                        leave, side = s, 2
                leave = max(leave, t)
                w = leave - t
                if k >= 0 and w > 0.0:
                    ym = by + (t + 0.5 * w) * dy
                    if k < nx:
                        p = P[i, k]
                        x0 = lower_x + k * hx
                        xa, xb = bx + t * dx, bx + leave * dx
                        F = left[i, k] + p * (0.5 * (xa + xb) - x0)
                        squares = (xa * xa + xa * xb + xb * xb) / 3.0
                        mass += w * F * dy
                        moment_x += w * dy * (left_x[i, k] + 0.5 * p * (squares - x0 * x0))
                        moment_y += w * dy * (F * ym + p * (xb - xa) * w * dy / 12.0)
                        weight += w * p
                    else:
                        mass += w * left[i, nx] * dy
                        moment_x += w * dy * left_x[i, nx]
                        moment_y += w * dy * left[i, nx] * ym
                t = leave
                if side == 0:
                    break
                if side == 1:
                    i += 1 if dv > 0.0 else -1
                else:
                    k += 1 if du > 0.0 else -1
        out[f, 0] = mass
        out[f, 1] = moment_x
        out[f, 2] = moment_y
        out[f, 3] = weight * math.sqrt(dx * dx + dy * dy)


@njit(cache=True, nogil=True)
def gather(pair, x, y, line, r, moment, j_of, k_of, coupling):
    """Sums over the facets of each cell, and the couplings ∂r_j/∂psi_k = -coupling.

    Out: r (n,), moment (2, n) = ∫x P and ∫y P over the cells, and the m pairs of true sites with
    coupling ∫P ds / (2 |y_j - y_k|) >= 0. Returns m.
    """
    n, m = r.size, 0
    r[:] = 0.0
    moment[:] = 0.0
    for f in range(pair.shape[0]):
        j, k = pair[f, 0], pair[f, 1]
        if j < n:
            r[j] += line[f, 0]
            moment[0, j] += line[f, 1]
            moment[1, j] += line[f, 2]
        if k < n:
            r[k] -= line[f, 0]
            moment[0, k] -= line[f, 1]
            moment[1, k] -= line[f, 2]
        if j < n and k < n:
            j_of[m], k_of[m] = j, k
            coupling[m] = line[f, 3] / (2.0 * math.hypot(x[j] - x[k], y[j] - y[k]))
            m += 1
    return m
