"""The multiplier nu of Theorem 3.1 for any f whose conjugate has a finite end of its domain.

Either f'(∞) is finite and (f*)' rises to ∞ there, or f'(0) is and (f*)' vanishes below it. With
delta the distance from that end to the largest argument U/epsilon - nu, every cell's own distance
is known to rounding, however close to the end it is, and the mass is monotone in delta.
Source: Baptista et al., Proximal optimal transport divergences, Theorem 3.1.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

ACCURACY = 4e-15
MOST_STEPS = 200


class Ended(Protocol):
    """(f*)' at a distance x > 0 from the finite end of the domain of f*."""

    @property
    def end(self) -> float:
        """f'(∞) where that is finite, else f'(0)."""
        ...

    @property
    def side(self) -> int:
        """1 if the domain ends above (f'(∞)), -1 if (f*)' vanishes below (f'(0))."""
        ...

    def log_ratio(self, distance: np.ndarray) -> np.ndarray:
        """log (f*)' at end - side · distance."""
        ...

    def elasticity(self, distance: np.ndarray) -> np.ndarray:
        """d log_ratio / d log distance."""
        ...

    def distance(self, log_t: np.ndarray) -> np.ndarray:
        """side · (end - f'(t)): the inverse of log_ratio."""
        ...

    def conjugate_of(self, log_t: np.ndarray) -> np.ndarray:
        """f*(f'(t))."""
        ...


def gibbs(
    f: Ended, U: np.ndarray, log_Q: np.ndarray, epsilon: float, cell_volume: float
) -> tuple[np.ndarray, float]:
    """See `Divergence.gibbs`. Raises FloatingPointError where U is nan or inf, or nowhere finite.

    R has mass one to rounding. With f'(∞) finite the mass that the cells with Q > 0 cannot hold
    sits in those without, where U is largest.
    """
    top = float(U.max()) / epsilon
    if not np.isfinite(top):
        raise FloatingPointError("the potential is not finite")
    if f.side < 0:
        top = float(U[np.isfinite(log_Q)].max()) / epsilon
    below = f.side * (top - U / epsilon)
    log_weight = log_Q + np.log(cell_volume)
    held = np.isfinite(log_Q)
    delta = _root(f, below[held], log_weight[held])
    log_t = _log_ratio(f, below[held] + delta)
    R = np.zeros(U.shape)
    R[held] = np.exp(log_t + log_Q[held])
    mass = float(R.sum()) * cell_volume
    if delta == 0.0:
        singular = ~held & (below == 0.0)
        R = np.where(singular, (1.0 - mass) / (cell_volume * singular.sum()), R)
    else:
        R /= mass
    conjugate = float((np.exp(log_weight[held]) * f.conjugate_of(log_t)).sum())
    return R, epsilon * (top - f.end + f.side * delta + conjugate)


def placed(R: np.ndarray, delivered: np.ndarray, log_Q: np.ndarray) -> np.ndarray:
    """R with the mass that cells without Q hold spread over them as `delivered` is.

    With f'(∞) finite D_f knows only how much that is, and U is the same for all of them: where it
    lies, transport decides. R and delivered: of one shape, in one unit.
    """
    off = np.isneginf(log_Q)
    there = float(delivered[off].sum())
    if not there > 0.0:
        return R
    out = R.copy()
    out[off] = delivered[off] * (float(R[off].sum()) / there)
    return out


def _log_ratio(f: Ended, distance: np.ndarray) -> np.ndarray:
    """log_ratio with what lies at or beyond the end: ∞ above f'(∞), 0 below f'(0)."""
    inside = distance > 0.0
    value = f.log_ratio(np.where(inside, distance, 1.0))
    return np.where(inside, value, f.side * np.inf)


def _root(f: Ended, below: np.ndarray, log_weight: np.ndarray) -> float:
    """delta >= 0 at which the cells have mass one; 0 where they have less for every delta > 0."""
    # A ratio of one everywhere has mass one; a cell that holds all of it bounds the other side.
    one = float(f.distance(np.zeros(1))[0])
    alone = f.distance(-log_weight) - below
    low, high = (float(alone.max()), one) if f.side > 0 else (one, float(alone.min()))
    if low <= 0.0:
        if below.min() > 0.0 and _mass(f, below, log_weight)[0] <= 0.0:
            return 0.0
        low = min(high, float(np.finfo(float).tiny))
    delta = one
    for _ in range(MOST_STEPS):
        log_mass, slope = _mass(f, below + delta, log_weight, delta)
        if log_mass * f.side > 0.0:
            low = delta
        else:
            high = delta
        if abs(log_mass) <= ACCURACY or high <= low * (1.0 + ACCURACY):
            break
        step = -log_mass / slope if slope != 0.0 else np.inf
        following = delta * np.exp(np.clip(step, -700.0, 700.0))
        # A step out of the bracket halves it, in the logarithm.
        delta = following if low < following < high else np.sqrt(low) * np.sqrt(high)
    return float(delta)


def _mass(
    f: Ended, distance: np.ndarray, log_weight: np.ndarray, delta: float = 1.0
) -> tuple[float, float]:
    """Logarithm of the mass and its derivative in log delta."""
    inside = distance > 0.0
    x = np.where(inside, distance, 1.0)
    terms = np.where(inside, f.log_ratio(x) + log_weight, -np.inf)
    highest = float(terms.max())
    share = np.exp(terms - highest)
    total = float(share.sum())
    slope = float((share * f.elasticity(x) * (delta / x)).sum()) / total
    return highest + float(np.log(total)), slope
