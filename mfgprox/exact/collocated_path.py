"""The path of `monotone_path` with knots from a solution by collocation.

Beyond the ends of the collocation, where R has next to no mass, the map goes straight to the ends
of the supports, and the potential with it.
"""

from __future__ import annotations

import math

import numpy as np

from mfgprox.exact.collocation import Collocation
from mfgprox.exact.monotone_path import MonotonePath, increasing, potential_along

KNOTS = 16384
"""At least so many: the map is linear between two of them."""
TAIL_KNOTS = 64
BELIEVED = 1e-12
"""Least mass between a knot and an end at which the mass was cut off."""
BISECTIONS = 80


def collocated(found: Collocation) -> MonotonePath:
    """The path of a solution by collocation."""
    system = found.system
    x, y, U = _knots(found)
    parts = [(x, y, U)]
    for end, corner, i in ((0, system.P.lower, 0), (1, system.P.upper, -1)):
        a, b = system.P.support()[end], system.Q.support()[end]
        way = np.linspace(0.0, 1.0, TAIL_KNOTS)
        out_x = np.concatenate([x[i] + way * (a - x[i]), [corner, corner]])
        out_y = np.concatenate([y[i] + way * (b - y[i]), [b, corner]])
        out_x, out_y = (np.sort(v) for v in (out_x, out_y))
        out_U, _ = potential_along(out_x, out_y, system.p)
        parts.append((out_x, out_y, out_U + U[i] - out_U[end - 1]))
    x, y, U = (np.concatenate(values) for values in zip(*parts, strict=True))
    x, y, order = increasing(x, y)
    return MonotonePath(
        x,
        y,
        U[order],
        system.slope(x - y),
        system.P,
        system.Q,
        system.epsilon,
        system.divergence,
        system.p,
        _shift(found),
    )


def _knots(found: Collocation) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y and U_1 at y along the graph between the first panel and the last."""
    panels, fields = found.panels, found.fields
    share = np.linspace(0.0, 1.0, math.ceil(KNOTS / panels.left.size) + 1)
    y = panels.left[:, None] + share * (panels.right - panels.left)[:, None]
    y[:, -1] = panels.right
    U, M, shift = found.inside(np.broadcast_to(share, y.shape))
    x = found.origin(M, shift)
    apart = panels.left[1:] > panels.right[:-1]
    x[1:, 0] = np.where(apart, x[:-1, -1], x[1:, 0])
    rows = [np.stack([x, y, U])]
    for k, (start, place, end) in _common_gaps(found).items():
        rows[0][0, k, -1], rows[0][0, k + 1, 0] = start, end
        sides = panels.right[k], panels.left[k + 1]
        jump = fields.ends_U[1, k], fields.ends_U[0, k + 1]
        rows.append(np.array([[place, place], sides, jump])[:, None])
    x, y, U = np.concatenate([row.reshape(3, -1) for row in rows], axis=1)
    x, y, order = increasing(x, y)
    # The masses at the ends come from a mesh: what is next to them is not to be trusted.
    low = BELIEVED if panels.first > 0.0 else 0.0
    high = BELIEVED if panels.last > 0.0 else 0.0
    P = found.system.P
    held = (P.mass_below(x) >= low) & (P.mass_above(x) >= high)
    return x[held], y[held], U[order][held]


def _common_gaps(found: Collocation) -> dict[int, tuple[float, float, float]]:
    """Where P and Q have a gap at the same mass: after which panel, and of the gap of P its start,
    the place from which both sides of the gap of Q are as far, and its end."""
    system, panels = found.system, found.panels
    gaps = {level: (start, end) for start, end, level in system.P.gaps()}
    places = {}
    for k in np.flatnonzero(np.isfinite(panels.fixed)):
        start, end = gaps[float(panels.fixed[k])]
        a, b = panels.right[k], panels.left[k + 1]
        rise = found.fields.ends_U[0, k + 1] - found.fields.ends_U[1, k]
        low, high = start, end
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            nearer = abs(middle - a) ** system.p < abs(middle - b) ** system.p + rise
            low, high = (middle, high) if nearer else (low, middle)
        places[int(k)] = (start, low, end)
    return places


def _shift(found: Collocation) -> float:
    """What turns the gauge U_1 = epsilon f'(R/Q) into the one in which D = E_P[U_0]."""
    system = found.system
    if system.divergence.name == "kl":
        return 0.0
    R = found.density(found.fields.U, found.panels.nodes)
    mean = found.panels.integrate(R * found.fields.U)
    return system.epsilon * found.values()[1] - mean
