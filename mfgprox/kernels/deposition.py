"""Particles on straight lines to densities and fluxes that meet the continuity equation exactly.

A particle is a box, as wide as the gap to its neighbours, smeared by one cell (cloud in cell). What
it moves through faces is deposited with the same weights, so that density and flux of every step
agree to rounding.
Source: T. Z. Esirkepov, Comput. Phys. Comm. 135 (2001) 144.
"""

from __future__ import annotations

import numpy as np
from numba import njit

POINT = 0.05
"""Boxes narrower than this (cells) are points."""


@njit(cache=True)
def _smeared_step(s):
    """Integral of the hat function (1 - |s|) up to s."""
    if s <= 0.0:
        return 0.5 * max(s + 1.0, 0.0) ** 2
    return 1.0 - 0.5 * max(1.0 - s, 0.0) ** 2


@njit(cache=True)
def _shape(place, width, n, low, high, weights):
    """Weights of a box on the cells low to high; what lies beyond the walls counts at the wall."""
    first, last = max(low, 0), min(high, n - 1)
    weights[: last - first + 1] = 0.0
    missing, top = 1.0, 0
    for j in range(low, high + 1):
        if width > POINT:
            after = _smeared_step(place + 0.5 * width - j)
            share = max(after - _smeared_step(place - 0.5 * width - j), 0.0) / width
        else:
            share = max(1.0 - abs(place - j), 0.0)
        q = min(max(j, first), last) - first
        weights[q] += share
        missing -= share
        top = q if weights[q] > weights[top] else top
    # Rounding: what is missing from one would show in the continuity equation.
    weights[top] += missing


@njit(cache=True)
def _flux(m, w, a, b, c, span, flux, step, start, sa, sb, sc):
    """What one particle moves through the faces across axis a in a step; sa, sb, sc: strides."""
    for l in range(span[b]):
        for r in range(span[c]):
            b0, b1, c0, c1 = w[0, b, l], w[1, b, l], w[0, c, r], w[1, c, r]
            share = m * ((b0 * c0 + b1 * c1) / 3.0 + (b0 * c1 + b1 * c0) / 6.0)
            if share == 0.0:
                continue
            total = 0.0
            at = start + l * sb + r * sc
            for q in range(span[a] - 1):
                total += w[0, a, q] - w[1, a, q]
                flux[step, at + (q + 1) * sa] += total * share


@njit(cache=True, nogil=True)
def deposit(
    first, last, mass, source, target, widths, counts, reach, density, flux_x, flux_y, flux_z
):
    """Mass on cells after, and through faces during, the time steps first to last.

    mass (m,); source, target (m, 3): places at t = 0 and t = 1 in cells, 0 at the first centre,
    order x, y, z; widths (m, 6): of the boxes at t = 0, then at t = 1; counts (3,): cells; reach:
    the largest width. Added to density (steps, nz ny nx), the masses at the end of each step, and
    to flux_x (steps, nz ny (nx + 1)) and so on, mass per step. Steps are independent.
    """
    steps = density.shape[0]
    nx, ny, nz = counts[0], counts[1], counts[2]
    w = np.zeros((2, 3, int(reach) + 6))
    place, width = np.empty((2, 3)), np.empty((2, 3))
    low = np.zeros(3, np.int64)
    span = np.ones(3, np.int64)
    w[:, :, 0] = 1.0
    for step in range(first, last):
        for k in range(mass.size):
            m = mass[k]
            longest = 0.0
            for a in range(3):
                longest = max(longest, abs(target[k, a] - source[k, a]))
            parts = max(1, int(np.ceil(longest / steps)))
            for part in range(parts):
                for a in range(3):
                    if counts[a] == 1:
                        continue
                    left, right = np.inf, -np.inf
                    for side in range(2):
                        t = (step + (part + side) / parts) / steps
                        place[side, a] = (1.0 - t) * source[k, a] + t * target[k, a]
                        width[side, a] = (1.0 - t) * widths[k, a] + t * widths[k, 3 + a]
                        left = min(left, place[side, a] - 0.5 * width[side, a])
                        right = max(right, place[side, a] + 0.5 * width[side, a])
                    low[a], high = int(np.floor(left)), int(np.floor(right)) + 1
                    for side in range(2):
                        _shape(place[side, a], width[side, a], counts[a], low[a], high, w[side, a])
                    low[a] = min(max(low[a], 0), counts[a] - 1)
                    span[a] = min(max(high, 0), counts[a] - 1) - low[a] + 1
                x0, y0, z0 = low[0], low[1], low[2]
                at = (z0 * ny + y0) * (nx + 1) + x0
                _flux(m, w, 0, 1, 2, span, flux_x, step, at, 1, nx + 1, (nx + 1) * ny)
                if ny > 1:
                    at = (z0 * (ny + 1) + y0) * nx + x0
                    _flux(m, w, 1, 0, 2, span, flux_y, step, at, nx, 1, nx * (ny + 1))
                if nz > 1:
                    at = (z0 * ny + y0) * nx + x0
                    _flux(m, w, 2, 0, 1, span, flux_z, step, at, nx * ny, 1, nx)
            for r in range(span[2]):
                for l in range(span[1]):
                    share = m * w[1, 2, r] * w[1, 1, l]
                    at = ((low[2] + r) * ny + low[1] + l) * nx + low[0]
                    for q in range(span[0]):
                        density[step, at + q] += share * w[1, 0, q]
