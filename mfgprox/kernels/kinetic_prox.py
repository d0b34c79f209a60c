"""The proximal step of the kinetic action |M|^p / theta^{p-1}, one space–time cell at a time.

M holds the two face fluxes of each axis; |M|² = sum over axes of (left² + right²)/2. The dual set
is alpha + c |beta|^q <= 0 with c = (p-1)/p^q, q = p/(p-1) (Legendre dual of the action); with the
separable cost the sum over the axes of c |beta_axis|^q.
"""

from __future__ import annotations

import math

from numba import njit

NEAR = 1e-7
"""A Newton step this small, relative to the root, leaves an error of its square."""
ROUND_OFF = 1e-15


@njit(cache=True, nogil=True)
def euclidean_root(alpha, size, p, q, c, multiplier=0.0):
    """t >= 0 with t + (alpha + c t^q) c q t^{q-1} = size, lambda = alpha + c t^q >= 0.

    Returns (lambda, t); (0, size) inside the dual set. Safeguarded Newton from a multiplier near
    alpha - lambda.
    """
    if p == 2.0:
        if alpha + 0.25 * size * size <= 0.0:
            return 0.0, size
        low = 2.0 * math.sqrt(-alpha) if alpha < 0.0 else 0.0
        # The cubic t³/8 + t (1 + alpha/2) = size is convex and increasing for t >= low: after one
        # Newton step from anywhere there the next ones fall to the root.
        t = max(size / (1.0 + 0.5 * max(alpha - multiplier, 0.0)), low)
        for _ in range(60):
            f = t * (1.0 + 0.5 * alpha + 0.125 * t * t) - size
            slope = 1.0 + 0.5 * alpha + 0.375 * t * t
            new = min(max(t - f / slope, low), size)
            if abs(new - t) <= NEAR * t:
                t = new
                break
            t = new
        return max(alpha + 0.25 * t * t, 0.0), t
    if alpha + c * size**q <= 0.0:
        return 0.0, size
    low, high = 0.0, size
    if alpha < 0.0:
        low = (-alpha / c) ** (1.0 / q)
    t = (-multiplier / c) ** (1.0 / q) if multiplier < 0.0 else 0.0
    if not low < t < high:
        t = 0.5 * (low + high)
    for _ in range(200):
        power = t ** (q - 1.0)
        lam = alpha + c * t * power
        f = t + lam * c * q * power - size
        if f > 0.0:
            high = t
        else:
            low = t
        slope = 1.0 + (c * q * power) ** 2
        if t > 0.0:
            slope += lam * c * q * (q - 1.0) * power / t
        new = min(max(t - f / slope, low), high)
        if abs(new - t) <= NEAR * t:
            t = new
            break
        t = new if low < new < high else 0.5 * (low + high)
    return max(alpha + c * t**q, 0.0), t


@njit(cache=True, nogil=True)
def axis_root(lam, size, q, c, start=0.0):
    """t in [0, size] with t + lam c q t^{q-1} = size (lam >= 0), from a start near it."""
    if size == 0.0 or lam == 0.0:
        return size
    low, high = 0.0, size
    t = start
    if not 0.0 < start < size:
        t = size / (1.0 + lam * c * q * size ** (q - 2.0))
    for _ in range(200):
        power = t ** (q - 1.0)
        f = t + lam * c * q * power - size
        if f > 0.0:
            high = t
        else:
            low = t
        slope = 1.0
        if t > 0.0:
            slope += lam * c * q * (q - 1.0) * power / t
        new = min(max(t - f / slope, low), high)
        if abs(new - t) <= NEAR * t:
            return new
        t = new if low < new < high else 0.5 * (low + high)
    return t


@njit(cache=True, nogil=True)
def separable_root(alpha, sizes, q, c, multiplier, t):
    """lambda >= 0 with lambda = alpha + sum c t_i(lambda)^q, t_i = axis_root of sizes; 0 in the
    dual set. Writes t (axes,), from a multiplier near alpha - lambda."""
    top = alpha
    for i in range(sizes.size):
        t[i] = sizes[i]
        top += c * sizes[i] ** q
    if top <= 0.0:
        return 0.0
    low, high = max(alpha, 0.0), top
    lam = alpha - multiplier
    if not low < lam < high:
        lam = 0.5 * (low + high)
    for _ in range(200):
        f = lam - alpha
        size = abs(alpha) + lam
        slope = 1.0
        for i in range(sizes.size):
            if sizes[i] > 0.0:
                t[i] = axis_root(lam, sizes[i], q, c, t[i])
                power = t[i] ** (q - 1.0)
                f -= c * t[i] * power
                size += c * t[i] * power
                if t[i] > 0.0:
                    own = 1.0 + lam * c * q * (q - 1.0) * power / t[i]
                    slope += (c * q * power) ** 2 / own
        if f > 0.0:
            high = lam
        else:
            low = lam
        new = lam - f / slope
        # where there is next to no mass lambda is the small difference of large numbers
        done = abs(f) <= max(NEAR * slope * lam, ROUND_OFF * size)
        lam = new if low < new < high else (lam if done else 0.5 * (low + high))
        if done:
            break
    for i in range(sizes.size):
        t[i] = axis_root(lam, sizes[i], q, c, t[i])
    return lam
