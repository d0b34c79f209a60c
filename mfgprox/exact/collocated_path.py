"""The path of `monotone_path` with knots from a solution by collocation.

Between its ends the potential, the map and its slope are those of the collocation; beyond them,
where R has next to no mass, and across gaps of P those of the mesh that it started from.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from mfgprox.exact.collocation import Collocation
from mfgprox.exact.monotone_path import MonotonePath, increasing

KNOTS = 16384
"""At least so many: the map is linear between two of them."""
BISECTIONS = 80


def collocated(path: MonotonePath, found: Collocation) -> MonotonePath:
    """The path with the knots of the collocation."""
    x, y, U = _knots(found)
    low, high = path.y <= y[0], path.y >= y[-1]
    ends = path.potential(1.0, y[[0, -1]]) - path.shift
    before = np.minimum(path.x[low], x[0]), path.y[low], path.U[low] + U[0] - ends[0]
    after = np.maximum(path.x[high], x[-1]), path.y[high], path.U[high] + U[-1] - ends[1]
    x, y, U = (np.concatenate(parts) for parts in zip(before, (x, y, U), after, strict=True))
    x, y, order = increasing(x, y)
    return replace(path, x=x, y=y, U=U[order], slope=found.system.slope(x - y), shift=_shift(found))


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
    return x, y, U[order]


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
