"""The proximal map of any f whose conjugate has a finite end of its domain, cell by cell.

With a = z - weight · end the minimiser of Q f(R/Q) + (R - z)²/(2 weight) solves

    R = a + weight · distance(R/Q)   where f'(∞) is finite: it has mass wherever Q has;
    R + weight · distance(R/Q) = a   where f'(0) is finite: R = 0 for a <= 0.

Both are solved in log R, where their logarithms have slopes between fixed bounds and are convex
but for one case: Newton's method needs no safeguard and R keeps its digits, however small.
Source: Baptista et al., Proximal optimal transport divergences, section 2.1; Moreau's proximal map.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

ACCURACY = 1e-14
MOST_STEPS = 100


class Ended(Protocol):
    """f by its distance from the finite end of the domain of f*; see `gibbs.Ended`."""

    @property
    def end(self) -> float: ...

    @property
    def side(self) -> int: ...

    def log_distance(self, log_t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log(side · (end - f'(t))) and its derivative in log t."""
        ...


def proximal(f: Ended, z: np.ndarray, log_Q: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """See `Divergence.proximal`. Where Q = 0 it is the soft threshold at weight · f'(∞)."""
    z, log_Q, weight = np.broadcast_arrays(np.asarray(z, float), log_Q, weight)
    a = z - weight * f.end
    held = np.isfinite(log_Q)
    if f.side < 0:
        R = np.zeros(a.shape)
        solved = held & (a > 0.0)
    else:
        R = np.where(held, 0.0, np.maximum(a, 0.0))
        solved = held
    R[solved] = np.exp(_log_root(f, a[solved], log_Q[solved], np.log(weight[solved])))
    return R


def _log_root(f: Ended, a: np.ndarray, log_Q: np.ndarray, log_weight: np.ndarray) -> np.ndarray:
    log_a = np.log(np.abs(a), out=np.full(a.shape, -np.inf), where=a != 0.0)
    log_R = _start(f, a, log_a, log_Q, log_weight)
    for _ in range(MOST_STEPS):
        log_G, bend = f.log_distance(log_R - log_Q)
        log_G = log_G + log_weight
        if f.side < 0:
            total = np.logaddexp(log_R, log_G)
            excess = total - log_a
            slope = np.exp(log_R - total) + bend * np.exp(log_G - total)
        else:
            low, total = np.logaddexp(log_R, log_a), np.logaddexp(log_G, log_a)
            excess = np.where(a > 0.0, log_R - total, low - log_G)
            above, below = 1.0 - bend * np.exp(log_G - total), np.exp(log_R - low) - bend
            slope = np.where(a > 0.0, above, below)
        step = excess / slope
        log_R = log_R - step
        if not np.any(np.abs(step) > ACCURACY * (1.0 + np.abs(log_R))):
            break
    return log_R


def _start(
    f: Ended, a: np.ndarray, log_a: np.ndarray, log_Q: np.ndarray, log_weight: np.ndarray
) -> np.ndarray:
    """On the side of the root from which Newton's method goes straight to it.

    The distance is compared with the power of t that it behaves like where t is large.
    """
    far = np.full(1, 40.0)
    log_K, power = f.log_distance(far)
    log_K = log_K - power * far + log_weight
    # weight · distance = K (R/Q)^power.
    if f.side < 0:
        return np.minimum(log_a, log_Q + (log_a - log_K) / power)
    alone = (log_K - power * log_Q) / (1.0 - power)
    some = a < 0.0
    other = np.where(some, log_Q + (np.where(some, log_a, 0.0) - log_K) / power, np.inf)
    return np.where(a > 0.0, np.maximum(alone, log_a), np.minimum(alone, other))
