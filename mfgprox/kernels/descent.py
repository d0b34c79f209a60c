"""The minimum of |x - y|^p - psi(y) over the box from a start: safeguarded Newton, cubic spline.

Places in units of cells, in the order z, y, x, 0 at the first centre: the box is [-1/2, n - 1/2].
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mfgprox.kernels.cubic import spline_jet

DESCENTS = 60
# Where the parts of the scratch array begin: vectors of 3, then 3×3 matrices by rows.
NEWTON, SAFE, SLOPE, V, Q, RIGHT = 0, 3, 6, 9, 12, 15
HESS, CURVATURE, SYSTEM, MATRIX, SCRATCH = 18, 27, 36, 45, 54


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
    spline_jet(c, n, u, h, w, jet)
    return (
        power_cost(h[0] * (u[0] - x[0]), h[1] * (u[1] - x[1]), h[2] * (u[2] - x[2]), p, separable)
        - jet[0]
    )


@njit(cache=True)
def descend(x, u, c, n, h, p, separable, w, jet, s, trial):
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
