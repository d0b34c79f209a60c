"""The c-transform of a potential on points anywhere in the plane, by comparing every pair."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def least_cost(first, last, at_x, at_y, x, y, psi, out):
    """out[i] = min_j |at_i - (x, y)_j|² - psi_j for i in first … last."""
    for i in range(first, last):
        best = np.inf
        for j in range(psi.size):
            dx, dy = at_x[i] - x[j], at_y[i] - y[j]
            best = min(best, dx * dx + dy * dy - psi[j])
        out[i] = best
