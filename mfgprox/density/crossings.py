"""Where functions along lines change their sign, all at once (the method of Chandrupatla)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

TOLERANCE = 1e-12
"""Of a bracket."""
MOST_STEPS = 100
"""Bisection alone takes 45."""

Along = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Values at the places t of the functions with those indices, both (k,)."""


def crossings(function: Along, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """A place between low and high, (m,), where each of m functions changes its sign.

    Each has values of opposite signs at low and high; to 1e-12 of the distance between them. Steps
    of inverse quadratic interpolation where these can be relied on, else bisection: jumps and
    kinks are found too. Source: T. R. Chandrupatla, Adv. Eng. Softw. 28 (1997) 145.
    """
    out = 0.5 * (low + high)
    index = np.arange(low.size)
    a, b = low.copy(), high.copy()
    fa, fb = function(a, index), function(b, index)
    narrow = TOLERANCE * np.abs(high - low)
    t = np.full(low.size, 0.5)
    with np.errstate(all="ignore"):
        for _ in range(MOST_STEPS):
            if not index.size:
                break
            x = a + t * (b - a)
            fx = function(x, index)
            same = (fx > 0.0) == (fa > 0.0)
            c, fc = np.where(same, a, b), np.where(same, fa, fb)
            b, fb = np.where(same, b, a), np.where(same, fb, fa)
            a, fa = x, fx
            out[index] = 0.5 * (a + b)
            least = narrow[index] / np.abs(b - a)
            t = np.clip(_step(a, b, c, fa, fb, fc), least, 1.0 - least)
            keep = least < 0.5
            index, a, b, fa, fb, t = (v[keep] for v in (index, a, b, fa, fb, t))
    return out


def _step(
    a: np.ndarray, b: np.ndarray, c: np.ndarray, fa: np.ndarray, fb: np.ndarray, fc: np.ndarray
) -> np.ndarray:
    """The next place as a share of the way from a to b; c is what a or b was before."""
    xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
    inverse = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
    reliable = (phi * phi < xi) & ((1.0 - phi) ** 2 < 1.0 - xi) & np.isfinite(inverse)
    return np.where(reliable, inverse, 0.5)
