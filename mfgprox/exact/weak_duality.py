"""A check of the one-dimensional reference that does not trust it: weak duality by search.

    D >= E_P[min_y |x - y|^p + U_1(y)] - epsilon inf_nu { nu + E_Q[f*(U_1/epsilon - nu)] }

for any U_1. Source: Baptista, Birmpa, Katsoulakis, Rey-Bellet, Zhang: Proximal optimal transport
divergences, Theorem 3.1.
"""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from mfgprox.exact.distribution import Distribution
from mfgprox.exact.monotone_path import MonotonePath

PANELS = 256
SEARCHED = 2048


def dual_value(path: MonotonePath) -> float:
    """The dual at the potential of the path, its c-transform searched over a lattice of y.

    The lattice raises it by up to its half width to the power p, and by the square where smooth.
    """
    U = path.potential(1.0, y := np.linspace(path.P.lower, path.P.upper, SEARCHED)) - path.shift
    x, mass = _nodes(path.P)
    own = path.ends(0.0, x)[1]
    best = (np.abs(x[:, None] - y) ** path.p + U).min(axis=1)
    best = np.minimum(best, np.abs(x - own) ** path.p + path.potential(1.0, own) - path.shift)
    z, q = _nodes(path.Q)
    at_Q = (path.potential(1.0, z) - path.shift) / path.epsilon
    if path.divergence.name == "kl":
        soft_max = float(logsumexp(at_Q, b=q))
    else:
        soft_max = float((q * path.divergence.conjugate(at_Q)).sum())
    return float((mass * best).sum()) - path.epsilon * soft_max


def _nodes(P: Distribution) -> tuple[np.ndarray, np.ndarray]:
    """Positions and masses: two Gauss points in every panel, none across a break."""
    edges = np.unique(np.concatenate([P.breaks, np.linspace(P.lower, P.upper, PANELS + 1)]))
    half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
    x = (middle[:, None] + half[:, None] * np.array([-1.0, 1.0]) / np.sqrt(3.0)).ravel()
    return x, P.density(x) * np.repeat(half, 2)
