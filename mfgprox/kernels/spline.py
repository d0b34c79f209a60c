"""Cubic splines on the lattice of cell centres, and the minimum of c(x, y) - psi(y) over the box.

Coefficients (nz+2, ny+2, nx+2), an axis of one cell has one; places in units of cells, in the order
z, y, x, 0 at the first centre: the box is [-1/2, n - 1/2] per axis.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

DESCENTS = 60
BLOCK = 1024
# Where the parts of the scratch array begin: vectors of 3, then 3×3 matrices by rows.
NEWTON, SAFE, SLOPE, V, Q, RIGHT = 0, 3, 6, 9, 12, 15
HESS, CURVATURE, SYSTEM, MATRIX, SCRATCH = 18, 27, 36, 45, 54


@njit(cache=True)
def _weights(u, n, w):
    """Weights of value, slope and curvature at u, w (3, 4); returns the first coefficient."""
    if n == 1:
        w[:, :] = 0.0
        w[0, 0] = 1.0
        return 0
    i = min(max(int(np.floor(u)), 0), n - 2)
    a = u - i
    b = 1.0 - a
    w[0, 0] = b * b * b / 6.0
    w[0, 1] = (4.0 - 6.0 * a * a + 3.0 * a * a * a) / 6.0
    w[0, 2] = (4.0 - 6.0 * b * b + 3.0 * b * b * b) / 6.0
    w[0, 3] = a * a * a / 6.0
    w[1, 0] = -0.5 * b * b
    w[1, 1] = -2.0 * a + 1.5 * a * a
    w[1, 2] = 2.0 * b - 1.5 * b * b
    w[1, 3] = 0.5 * a * a
    w[2, 0] = b
    w[2, 1] = 3.0 * a - 2.0
    w[2, 2] = 3.0 * b - 2.0
    w[2, 3] = a
    return i


@njit(cache=True)
def _jet(c, n, u, h, w, jet):
    """jet = value, gradient (z, y, x), curvatures zz, yy, xx, zy, zx, yx; per unit length."""
    iz = _weights(u[0], n[0], w[0])
    iy = _weights(u[1], n[1], w[1])
    ix = _weights(u[2], n[2], w[2])
    jet[:] = 0.0
    for k in range(4 if n[0] > 1 else 1):
        for l in range(4 if n[1] > 1 else 1):
            f0 = 0.0
            f1 = 0.0
            f2 = 0.0
            for m in range(4 if n[2] > 1 else 1):
                q = c[iz + k, iy + l, ix + m]
                f0 += w[2, 0, m] * q
                f1 += w[2, 1, m] * q
                f2 += w[2, 2, m] * q
            jet[0] += w[0, 0, k] * w[1, 0, l] * f0
            jet[1] += w[0, 1, k] * w[1, 0, l] * f0
            jet[2] += w[0, 0, k] * w[1, 1, l] * f0
            jet[3] += w[0, 0, k] * w[1, 0, l] * f1
            jet[4] += w[0, 2, k] * w[1, 0, l] * f0
            jet[5] += w[0, 0, k] * w[1, 2, l] * f0
            jet[6] += w[0, 0, k] * w[1, 0, l] * f2
            jet[7] += w[0, 1, k] * w[1, 1, l] * f0
            jet[8] += w[0, 1, k] * w[1, 0, l] * f1
            jet[9] += w[0, 0, k] * w[1, 1, l] * f1
    for a in range(3):
        jet[1 + a] /= h[a]
        jet[4 + a] /= h[a] * h[a]
    jet[7] /= h[0] * h[1]
    jet[8] /= h[0] * h[2]
    jet[9] /= h[1] * h[2]


@njit(cache=True)
def spline_points(c, n, h, places, out):
    """out[k] = the spline at places[k]; outside the box its second-order expansion at the edge.

    c: coefficients; n, h (3,): cells and widths; places (m, 3) in units of cells; out (m,).
    """
    w = np.empty((3, 3, 4))
    jet = np.empty(10)
    u = np.empty(3)
    d = np.empty(3)
    for k in range(places.shape[0]):
        for a in range(3):
            u[a] = min(max(places[k, a], -0.5), n[a] - 0.5)
            d[a] = (places[k, a] - u[a]) * h[a]
        _jet(c, n, u, h, w, jet)
        out[k] = jet[0]
        for a in range(3):
            out[k] += jet[1 + a] * d[a] + 0.5 * jet[4 + a] * d[a] * d[a]
        out[k] += jet[7] * d[0] * d[1] + jet[8] * d[0] * d[2] + jet[9] * d[1] * d[2]


@njit(cache=True)
def power_cost(vz, vy, vx, p, separable):
    """|v|^p of a displacement."""
    if p == 2.0:
        return vz * vz + vy * vy + vx * vx
    if separable:
        return abs(vz) ** p + abs(vy) ** p + abs(vx) ** p
    return (vz * vz + vy * vy + vx * vx) ** (0.5 * p)


@njit(cache=True)
def _power_map(s, v, exponent, factor, separable, g, m):
    """s[g:] = factor |v|^(exponent - 1) v, v = s[v:], and its derivative s[m:], 3×3 by rows."""
    length = np.sqrt(s[v] * s[v] + s[v + 1] * s[v + 1] + s[v + 2] * s[v + 2])
    for a in range(3):
        size = abs(s[v + a]) if separable else length
        k = factor * size ** (exponent - 1.0) if size > 0.0 else 0.0
        s[g + a] = k * s[v + a]
        for b in range(3):
            s[m + 3 * a + b] = k if a == b else 0.0
            if size > 0.0 and (a == b or not separable):
                s[m + 3 * a + b] += k * (exponent - 1.0) * (s[v + a] / size) * (s[v + b] / size)


@njit(cache=True)
def _solve(s, m, r, d):
    """s[d:] = M^-1 s[r:] for the 3×3 matrix s[m:] by elimination with pivots; false if singular."""
    for k in range(3):
        pivot = k
        for a in range(k + 1, 3):
            if abs(s[m + 3 * a + k]) > abs(s[m + 3 * pivot + k]):
                pivot = a
        if not abs(s[m + 3 * pivot + k]) > 1e-200:
            return False
        for b in range(3):
            s[m + 3 * k + b], s[m + 3 * pivot + b] = s[m + 3 * pivot + b], s[m + 3 * k + b]
        s[r + k], s[r + pivot] = s[r + pivot], s[r + k]
        for a in range(k + 1, 3):
            ratio = s[m + 3 * a + k] / s[m + 3 * k + k]
            for b in range(k, 3):
                s[m + 3 * a + b] -= ratio * s[m + 3 * k + b]
            s[r + a] -= ratio * s[r + k]
    for k in range(2, -1, -1):
        total = s[r + k]
        for b in range(k + 1, 3):
            total -= s[m + 3 * k + b] * s[d + b]
        s[d + k] = total / s[m + 3 * k + k]
    return True


@njit(cache=True)
def _directions(x, u, n, h, p, separable, jet, s):
    """Newton direction s[NEWTON:], a direction s[SAFE:] that always descends, gradient s[SLOPE:].

    With v = y - x and q = grad psi the stationary point is p|v|^(p-2) v = q, or v = w(q) with
    w(q) = (|q|/p)^(1/(p-1)) q/|q|. Newton is applied to the first form for p >= 2 and to the second
    for p < 2: each is smooth where the other is not. Axes held at the box have no step. False where
    the Newton matrix is singular.
    """
    for a in range(3):
        s[V + a] = h[a] * (u[a] - x[a])
        s[Q + a] = jet[1 + a]
        for b in range(3):
            s[HESS + 3 * a + b] = jet[4 + a] if a == b else jet[6 + a + b]
    r = 1.0 / (p - 1.0)
    _power_map(s, V, p - 1.0, p, separable, SLOPE, CURVATURE)
    _power_map(s, Q, r, p ** (-r), separable, SAFE, SYSTEM)
    for a in range(3):
        s[SAFE + a] -= s[V + a]
        s[SLOPE + a] -= s[Q + a]
        s[RIGHT + a] = -s[SLOPE + a] if p >= 2.0 else s[SAFE + a]
        if p == 2.0:
            s[CURVATURE + 4 * a] = 2.0
    for a in range(3):
        for b in range(3):
            if p >= 2.0:
                total = s[CURVATURE + 3 * a + b] - s[HESS + 3 * a + b]
            else:
                total = 1.0 if a == b else 0.0
                for k in range(3):
                    total -= s[SYSTEM + 3 * a + k] * s[HESS + 3 * k + b]
            s[MATRIX + 3 * a + b] = total
    for a in range(3):
        down = u[a] <= -0.5 and s[SLOPE + a] > 0.0
        if n[a] == 1 or down or (u[a] >= n[a] - 0.5 and s[SLOPE + a] < 0.0):
            for b in range(3):
                s[MATRIX + 3 * a + b] = 0.0
                s[MATRIX + 3 * b + a] = 0.0
            s[MATRIX + 4 * a] = 1.0
            s[RIGHT + a] = 0.0
            s[SAFE + a] = 0.0
            s[SLOPE + a] = 0.0
    return _solve(s, MATRIX, RIGHT, NEWTON)


@njit(cache=True)
def _objective(x, u, c, n, h, p, separable, w, jet):
    """|x - y|^p - psi(y), with the jet of psi at y."""
    _jet(c, n, u, h, w, jet)
    return (
        power_cost(h[0] * (u[0] - x[0]), h[1] * (u[1] - x[1]), h[2] * (u[2] - x[2]), p, separable)
        - jet[0]
    )


@njit(cache=True)
def _descend(x, u, c, n, h, p, separable, w, jet, s, trial):
    """Minimum of |x - y|^p - psi(y) from the start u, which becomes the minimiser; the value."""
    value = np.inf
    fallback = 0
    step = 0
    size = 0.0
    t = 0.0
    trial[:] = u
    for _ in range(DESCENTS):
        new = _objective(x, trial, c, n, h, p, separable, w, jet)
        if new < value:
            done = (t * size < 1e-7 and step > 0) or value - new < 1e-15 * abs(value)
            value = new
            u[:] = trial
            if done:
                break
            step += 1
            fallback = 0 if _directions(x, u, n, h, p, separable, jet, s) else 1
            t = 0.0
        else:
            t *= 0.25
        # A step that has been cut to nothing gives way to the safe direction, then to the end.
        if t > 0.0 and t * size < 1e-7:
            if fallback == 1:
                break
            fallback = 1
            t = 0.0
        while t == 0.0 and fallback < 2:
            base = NEWTON if fallback == 0 else SAFE
            along = 0.0
            size = 0.0
            for a in range(3):
                along += s[base + a] * s[SLOPE + a]
                size = max(size, abs(s[base + a]) / h[a])
            if along < 0.0 and size < np.inf:
                t = min(1.0, 2.0 / size)
            else:
                fallback += 1
        if t == 0.0:
            break
        base = NEWTON if fallback == 0 else SAFE
        for a in range(3):
            trial[a] = u[a]
            if n[a] > 1:
                trial[a] = min(max(u[a] + t * s[base + a] / h[a], -0.5), n[a] - 0.5)
    return value


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
            value = _descend(x, u, c, n, h, p, separable, w, jet, s, trial)
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
