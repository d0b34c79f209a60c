"""A check of `interior_line` that does not trust it: the dual value of its potential, by search.

    D >= E_P[min_y c(x - y) + U(y)] - epsilon inf_nu { nu + E_Q[f*(U/epsilon - nu)] }

for any U, with U/epsilon - nu <= f'(∞) on the whole box where that is finite. Source: Baptista,
Birmpa, Katsoulakis, Rey-Bellet, Zhang: Proximal optimal transport divergences, Theorem 3.1.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from mfgprox.exact.convex_1d import ConvexProblem, State
from mfgprox.exact.distribution import Distribution

PANELS = 512
TINY = 1e-300
SHARES = np.arange(1, 16) / 16.0
"""Places between two nodes that are searched."""
BLOCK = 256
"""Places in P that are searched for at once."""

Curve = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Positions, values and slopes."""


def dual_value(problem: ConvexProblem, Q: Distribution, state: State) -> float:
    """y is searched over the nodes of the mesh and between the two next to the best."""
    y, U, slope = potential(problem, state)
    x, mass = _nodes(problem.P, PANELS)
    best = np.concatenate(
        [
            _transform(problem, (y, U, slope), part)
            for part in np.array_split(x, x.size // BLOCK + 1)
        ]
    )
    z, q = _nodes(Q, 4 * PANELS)
    z, q = z[q > 0.0], q[q > 0.0]
    k = np.searchsorted(y, z, side="right").clip(1, y.size - 1) - 1
    share = (z - y[k]) / np.maximum(y[k + 1] - y[k], TINY)
    at_Q, top = (
        _between((y, U, slope), k, share) / problem.epsilon,
        float(U.max()) / problem.epsilon,
    )
    return float((mass * best).sum()) - problem.epsilon * _soft_max(problem, at_Q, q, top)


def potential(problem: ConvexProblem, state: State) -> Curve:
    """U_1 and its slope at the ends of all cells, in the gauge epsilon f'(R/Q)."""
    mesh, P = problem.mesh, problem.P
    a, b = P.support()
    S = np.concatenate([[a], state.positions, [b]])
    y = np.stack([mesh.left, mesh.right], axis=1).ravel()
    x = np.stack([S[:-1], S[1:]], axis=1).ravel()
    slope = problem.slope(x - y)
    rise = 0.5 * (slope[1:] + slope[:-1]) * np.diff(y)
    # Across a gap of Q the mass of one place is indifferent between both sides.
    rise[1::2] = problem.jump_slope(state.positions)
    U = np.concatenate([[0.0], np.cumsum(rise)])
    middle = 0.5 * (U[::2] + U[1::2])
    wanted = problem.epsilon * problem.marginal(state.R)
    U += float(np.average(wanted - middle, weights=state.R))
    # Where there is next to no mass the map is noise; U may not exceed epsilon f'(∞) there.
    most = problem.epsilon * problem.divergence.recession
    U, slope = np.minimum(U, most), np.where(most <= U, 0.0, slope)
    once = np.append(True, np.diff(y) > 0.0)
    return y[once], U[once], slope[once]


def _transform(problem: ConvexProblem, curve: Curve, x: np.ndarray) -> np.ndarray:
    y, U, _ = curve
    values = problem.cost(x[:, None] - y) + U
    best, k = values.min(axis=1), values.argmin(axis=1)
    for first in (np.maximum(k - 1, 0), np.minimum(k, y.size - 2)):
        for share in SHARES:
            z = y[first] + share * (y[first + 1] - y[first])
            best = np.minimum(best, problem.cost(x - z) + _between(curve, first, share))
    return best


def _between(curve: Curve, k: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    """U at this share of the way from node k to the next: the cubic with its values and slopes."""
    y, U, slope = curve
    h, rise, s = y[k + 1] - y[k], U[k + 1] - U[k], share
    bend = (1.0 - s) * (slope[k] * h - rise) - s * (slope[k + 1] * h - rise)
    return np.asarray(U[k] + s * rise + s * (1.0 - s) * bend)


def _soft_max(problem: ConvexProblem, at_Q: np.ndarray, q: np.ndarray, top: float) -> float:
    f = problem.divergence
    if f.name == "kl":
        return float(logsumexp(at_Q, b=q))

    def value(nu: float) -> float:
        return nu + float((q * f.conjugate(at_Q - nu)).sum())

    spread = 1.0 + float(np.ptp(at_Q))
    least = max(-spread, top - f.recession)
    found = minimize_scalar(
        value, bounds=(least, least + 2.0 * spread), method="bounded", options={"xatol": 1e-12}
    )
    ends = [value(least)] if math.isfinite(f.recession) else []
    return min(float(found.fun), *ends) if ends else float(found.fun)


def _nodes(P: Distribution, panels: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions and masses: two Gauss points in every panel, none across a break."""
    edges = np.unique(np.concatenate([P.breaks, np.linspace(P.lower, P.upper, panels + 1)]))
    half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
    x = (middle[:, None] + half[:, None] * np.array([-1.0, 1.0]) / np.sqrt(3.0)).ravel()
    return x, P.density(x) * np.repeat(half, 2)
