"""The Jensen–Shannon divergence, at most log 2, and its skewed relatives.

f(t) = ½ [t log t - (t+1) log((t+1)/2)], f' = ½ log(2t/(t+1)), f* = -½ log(2 - e^{2s}), s < ½ log 2.
With a skew r the 1 beside t becomes 1/r: f(t) = ½ [t log t - (t + 1/r) log((1 + r t)/(1 + r))].
That is f(r t)/r up to a multiple of t - 1: what the usual one is on densities of mass r and 1.
Source: Baptista et al., Proximal optimal transport divergences, section 2.1; Lin (1991).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.divergence.base import JENSEN_SHANNON, Law
from mfgprox.divergence.gibbs import gibbs
from mfgprox.divergence.proximal import proximal

LOG_2 = math.log(2.0)
LARGE = 37.0
"""log t from which on log(1 + 1/t) is 1/t to rounding."""
MOST_SKEWED = 50.0


@dataclass(frozen=True)
class JensenShannon:
    """Half the divergences of R and of Q from their mean, R counted r times and Q once.

    log_skew: log r; 0 is the usual one. Raises ValueError beyond ±50.
    """

    log_skew: float = 0.0

    side = 1

    def __post_init__(self) -> None:
        if not abs(self.log_skew) <= MOST_SKEWED:
            raise ValueError(f"log_skew must be from -50 to 50; got {self.log_skew}")

    @property
    def name(self) -> str:
        return f"jensen-shannon({self.log_skew!r})" if self.log_skew else "jensen-shannon"

    @property
    def end(self) -> float:
        return 0.5 * math.log1p(math.exp(-self.log_skew))

    @property
    def recession(self) -> float:
        return self.end

    @property
    def law(self) -> Law:
        return Law(JENSEN_SHANNON, self.log_skew, 0.5 / (1.0 + math.exp(self.log_skew)))

    def log_ratio(self, distance: np.ndarray) -> np.ndarray:
        """distance > 0."""
        # -log(e^{2x} - 1), which e^{2x} may overflow.
        return -2.0 * distance - np.log(-np.expm1(-2.0 * distance)) - self.log_skew

    def elasticity(self, distance: np.ndarray) -> np.ndarray:
        return 2.0 * distance / np.expm1(-2.0 * distance)

    def distance(self, log_t: np.ndarray) -> np.ndarray:
        return 0.5 * np.logaddexp(0.0, -(np.asarray(log_t, float) + self.log_skew))

    def log_distance(self, log_t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_t = np.asarray(log_t, float) + self.log_skew
        near = np.minimum(log_t, LARGE)
        size = np.logaddexp(0.0, -near)
        value = np.where(log_t > LARGE, -log_t, np.log(size))
        slope = np.where(log_t > LARGE, -1.0, -np.exp(-np.logaddexp(0.0, near)) / size)
        return value - LOG_2, slope

    def log_curvature(self, log_t: np.ndarray) -> np.ndarray:
        log_t = np.asarray(log_t, float)
        return -LOG_2 - log_t - np.logaddexp(0.0, log_t + self.log_skew)

    def conjugate_of(self, log_t: np.ndarray) -> np.ndarray:
        return 0.5 * math.exp(-self.log_skew) * self._log_mean(np.asarray(log_t, float))

    def f(self, t: np.ndarray) -> np.ndarray:
        t = np.asarray(t, float)
        log_mean = np.log1p((t - 1.0) * self._share)
        return 0.5 * (_entropy(t) - (t + math.exp(-self.log_skew)) * log_mean)

    def derivative(self, t: np.ndarray) -> np.ndarray:
        t = np.asarray(t, float)
        return self._slope(np.log(t, out=np.full(t.shape, -np.inf), where=t > 0.0))

    def conjugate(self, s: np.ndarray) -> np.ndarray:
        distance = self.end - np.asarray(s, float)
        return np.where(distance >= 0.0, self.conjugate_of(self._log_ratio(distance)), np.inf)

    def conjugate_derivative(self, s: np.ndarray) -> np.ndarray:
        return np.exp(self._log_ratio(self.end - np.asarray(s, float)))

    @property
    def _share(self) -> float:
        """Of R in the mean, r/(1+r)."""
        return 1.0 / (1.0 + math.exp(-self.log_skew))

    def _slope(self, log_t: np.ndarray) -> np.ndarray:
        return np.asarray(self.end - self.distance(log_t))

    def _log_mean(self, log_t: np.ndarray) -> np.ndarray:
        """log((1 + r t)/(1 + r)), with all digits where r t is small."""
        far = np.logaddexp(0.0, log_t + self.log_skew) - np.logaddexp(0.0, self.log_skew)
        small = log_t + self.log_skew < 0.0
        near = np.log1p(self._share * np.expm1(np.where(small, log_t, 0.0)))
        return np.where(small, near, far)

    def _log_ratio(self, distance: np.ndarray) -> np.ndarray:
        inside = distance > 0.0
        return np.where(inside, self.log_ratio(np.where(inside, distance, 1.0)), np.inf)

    def between(self, R: np.ndarray, log_Q: np.ndarray, cell_volume: float) -> float:
        Q, log_R = np.exp(log_Q), np.log(R, out=np.zeros_like(R), where=R > 0.0)
        mean = self._share * R + (1.0 - self._share) * Q
        log_mean = np.log(mean, out=np.zeros_like(mean), where=mean > 0.0)
        held = Q > 0.0
        # log of the mean over Q, with all digits where the two are close.
        off = self._share * np.divide(R - Q, Q, out=np.ones_like(Q), where=held)
        far = log_mean - np.where(held, log_Q, 0.0)
        above = np.where(off < 0.5, np.log1p(np.minimum(off, 0.5)), far)
        terms = R * (log_R - log_mean) - math.exp(-self.log_skew) * Q * above
        return max(0.5 * float(terms.sum()) * cell_volume, 0.0)

    def potential(self, R: np.ndarray, log_Q: np.ndarray, epsilon: float) -> np.ndarray:
        inside = np.isfinite(log_Q)
        log_R = np.log(R, out=np.full(R.shape, -np.inf), where=R > 0.0)
        log_t = np.subtract(log_R, log_Q, out=np.zeros(R.shape), where=inside)
        slope = np.where(inside, self._slope(log_t), np.nan)
        return epsilon * np.where(~inside & (R > 0.0), self.recession, slope)

    def gibbs(
        self, U: np.ndarray, log_Q: np.ndarray, epsilon: float, cell_volume: float
    ) -> tuple[np.ndarray, float]:
        return gibbs(self, U, log_Q, epsilon, cell_volume)

    def proximal(self, z: np.ndarray, log_Q: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return proximal(self, z, log_Q, weight)


def _entropy(t: np.ndarray) -> np.ndarray:
    return t * np.log(t, out=np.zeros_like(t), where=t > 0.0)
