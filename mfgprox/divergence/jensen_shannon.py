"""The Jensen–Shannon divergence, at most log 2.

f(t) = ½ [t log t - (t+1) log((t+1)/2)], f' = ½ log(2t/(t+1)), f* = -½ log(2 - e^{2s}), s < ½ log 2.
Source: Baptista et al., Proximal optimal transport divergences, section 2.1; Lin (1991).
"""

from __future__ import annotations

import math

import numpy as np

from mfgprox.divergence.base import JENSEN_SHANNON, Law
from mfgprox.divergence.gibbs import gibbs
from mfgprox.divergence.proximal import proximal

LOG_2 = math.log(2.0)
LARGE = 37.0
"""log t from which on log(1 + 1/t) is 1/t to rounding."""


class JensenShannon:
    """Half the divergences of R and of Q from their mean."""

    name = "jensen-shannon"
    recession = end = 0.5 * LOG_2
    side = 1
    law = Law(JENSEN_SHANNON, 0.0, 0.25)

    def log_ratio(self, distance: np.ndarray) -> np.ndarray:
        """distance > 0."""
        # -log(e^{2x} - 1), which e^{2x} may overflow.
        return -2.0 * distance - np.log(-np.expm1(-2.0 * distance))

    def elasticity(self, distance: np.ndarray) -> np.ndarray:
        return 2.0 * distance / np.expm1(-2.0 * distance)

    def distance(self, log_t: np.ndarray) -> np.ndarray:
        return 0.5 * np.logaddexp(0.0, -np.asarray(log_t, float))

    def log_distance(self, log_t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_t = np.asarray(log_t, float)
        near = np.minimum(log_t, LARGE)
        size = np.logaddexp(0.0, -near)
        value = np.where(log_t > LARGE, -log_t, np.log(size))
        slope = np.where(log_t > LARGE, -1.0, -np.exp(-np.logaddexp(0.0, near)) / size)
        return value - LOG_2, slope

    def log_curvature(self, log_t: np.ndarray) -> np.ndarray:
        log_t = np.asarray(log_t, float)
        return -LOG_2 - log_t - np.logaddexp(0.0, log_t)

    def conjugate_of(self, log_t: np.ndarray) -> np.ndarray:
        return 0.5 * (np.logaddexp(0.0, log_t) - LOG_2)

    def f(self, t: np.ndarray) -> np.ndarray:
        t = np.asarray(t, float)
        return 0.5 * (_entropy(t) - (t + 1.0) * np.log(0.5 * (t + 1.0)))

    def derivative(self, t: np.ndarray) -> np.ndarray:
        t = np.asarray(t, float)
        log_t = np.log(t, out=np.full(t.shape, -np.inf), where=t > 0.0)
        return 0.5 * (LOG_2 - np.logaddexp(0.0, -log_t))

    def conjugate(self, s: np.ndarray) -> np.ndarray:
        distance = self.end - np.asarray(s, float)
        return np.where(distance >= 0.0, self.conjugate_of(self._log_ratio(distance)), np.inf)

    def conjugate_derivative(self, s: np.ndarray) -> np.ndarray:
        return np.exp(self._log_ratio(self.end - np.asarray(s, float)))

    def _log_ratio(self, distance: np.ndarray) -> np.ndarray:
        inside = distance > 0.0
        return np.where(inside, self.log_ratio(np.where(inside, distance, 1.0)), np.inf)

    def between(self, R: np.ndarray, log_Q: np.ndarray, cell_volume: float) -> float:
        Q = np.exp(log_Q)
        total = R + Q
        log_mean = np.log(0.5 * total, out=np.zeros_like(total), where=total > 0.0)
        log_R = np.log(R, out=np.zeros_like(R), where=R > 0.0)
        terms = R * (log_R - log_mean) + Q * (np.where(Q > 0.0, log_Q, 0.0) - log_mean)
        return max(0.5 * float(terms.sum()) * cell_volume, 0.0)

    def potential(self, R: np.ndarray, log_Q: np.ndarray, epsilon: float) -> np.ndarray:
        inside = np.isfinite(log_Q)
        log_R = np.log(R, out=np.full(R.shape, -np.inf), where=R > 0.0)
        log_t = np.subtract(log_R, log_Q, out=np.zeros(R.shape), where=inside)
        slope = np.where(inside, 0.5 * (LOG_2 - np.logaddexp(0.0, -log_t)), np.nan)
        return epsilon * np.where(~inside & (R > 0.0), self.recession, slope)

    def gibbs(
        self, U: np.ndarray, log_Q: np.ndarray, epsilon: float, cell_volume: float
    ) -> tuple[np.ndarray, float]:
        return gibbs(self, U, log_Q, epsilon, cell_volume)

    def proximal(self, z: np.ndarray, log_Q: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return proximal(self, z, log_Q, weight)


def _entropy(t: np.ndarray) -> np.ndarray:
    return t * np.log(t, out=np.zeros_like(t), where=t > 0.0)
