"""The power family: α-divergences and those that are multiples of one.

f(t) = scale (t^α - αt + α - 1)/(α(α-1)) + shift (t - 1), for α = 0 its limit t - 1 - log t.
Source: Baptista et al., Proximal optimal transport divergences, section 2.1; Csiszár's
f-divergences.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.divergence.base import POWER, Law
from mfgprox.divergence.gibbs import gibbs
from mfgprox.divergence.proximal import proximal


@dataclass(frozen=True)
class Power:
    """One of the family; alpha != 1, which is Kullback–Leibler.

    Raises ValueError for alpha = 1 or numbers that are not finite, or a scale that is not positive.
    """

    name: str
    alpha: float
    scale: float = 1.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        finite = all(math.isfinite(v) for v in (self.alpha, self.scale, self.shift))
        if not finite or self.alpha == 1.0 or self.scale <= 0.0:
            raise ValueError(
                "a power divergence needs a finite alpha other than 1 and a finite scale above 0; "
                f"got alpha = {self.alpha}, scale = {self.scale}"
            )

    @property
    def recession(self) -> float:
        return self.end if self.side > 0 else math.inf

    @property
    def law(self) -> Law:
        return Law(POWER, self.alpha, self.scale)

    @property
    def end(self) -> float:
        return self.shift + self.scale / (1.0 - self.alpha)

    @property
    def side(self) -> int:
        return 1 if self.alpha < 1.0 else -1

    def log_ratio(self, distance: np.ndarray) -> np.ndarray:
        """distance > 0."""
        return np.log(abs(self.alpha - 1.0) / self.scale * distance) / (self.alpha - 1.0)

    def elasticity(self, distance: np.ndarray) -> np.ndarray:
        return np.full(np.shape(distance), 1.0 / (self.alpha - 1.0))

    def distance(self, log_t: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            power = np.exp((self.alpha - 1.0) * np.asarray(log_t, float))
        return self.scale / abs(self.alpha - 1.0) * power

    def log_distance(self, log_t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        power = self.alpha - 1.0
        value = math.log(self.scale / abs(power)) + power * np.asarray(log_t, float)
        return value, np.full(np.shape(log_t), power)

    def log_curvature(self, log_t: np.ndarray) -> np.ndarray:
        return math.log(self.scale) + (self.alpha - 2.0) * np.asarray(log_t, float)

    def conjugate_of(self, log_t: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return self.scale * _power_minus_one(log_t, self.alpha) + self.shift

    def f(self, t: np.ndarray) -> np.ndarray:
        t = np.asarray(t, float)
        a, log_t = self.alpha, _log(t)
        with np.errstate(over="ignore"):
            if a == 0.0:
                value = t - 1.0 - log_t
            else:
                value = (_power_minus_one(log_t, a) - (t - 1.0)) / (a - 1.0)
        return self.scale * value + self.shift * (t - 1.0)

    def derivative(self, t: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return self.scale * _power_minus_one(_log(t), self.alpha - 1.0) + self.shift

    def conjugate(self, s: np.ndarray) -> np.ndarray:
        beyond = self.side * (self.end - np.asarray(s, float))
        value = self.conjugate_of(self._log_ratio(beyond))
        return np.where(beyond >= 0.0, value, np.inf if self.side > 0 else value)

    def conjugate_derivative(self, s: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.exp(self._log_ratio(self.side * (self.end - np.asarray(s, float))))

    def _log_ratio(self, distance: np.ndarray) -> np.ndarray:
        inside = distance > 0.0
        value = self.log_ratio(np.where(inside, distance, 1.0))
        return np.where(inside, value, self.side * np.inf)

    def between(self, R: np.ndarray, log_Q: np.ndarray, cell_volume: float) -> float:
        held = np.isfinite(log_Q)
        if math.isinf(self.recession) and np.any(R[~held] > 0.0):
            return math.inf
        singular = float(R[~held].sum()) if not held.all() else 0.0
        R, log_Q = R[held], log_Q[held]
        Q, log_R = np.exp(log_Q), _log(R)
        a = self.alpha
        if a == 0.0:
            # Q may have underflown where its logarithm is finite: it costs nothing there.
            log_t = np.where(Q > 0.0, log_R - log_Q, 0.0)
            terms = R - Q - Q * log_t
        else:
            # Q t^α in logarithms: t = R/Q may be far beyond what a float holds.
            with np.errstate(invalid="ignore"):
                mixed = np.exp(a * log_R + (1.0 - a) * log_Q)
            terms = (mixed - a * R + (a - 1.0) * Q) / (a * (a - 1.0))
        value = self.scale * float(terms.sum()) + self.shift * float((R - Q).sum())
        if singular:
            value += self.recession * singular
        return max(value * cell_volume, 0.0)

    def potential(self, R: np.ndarray, log_Q: np.ndarray, epsilon: float) -> np.ndarray:
        inside = np.isfinite(log_Q)
        log_t = np.subtract(_log(R), log_Q, out=np.full(R.shape, np.nan), where=inside)
        with np.errstate(over="ignore"):
            slope = self.scale * _power_minus_one(log_t, self.alpha - 1.0) + self.shift
        if math.isfinite(self.recession):
            slope = np.where(~inside & (R > 0.0), self.recession, slope)
        return epsilon * slope

    def gibbs(
        self, U: np.ndarray, log_Q: np.ndarray, epsilon: float, cell_volume: float
    ) -> tuple[np.ndarray, float]:
        return gibbs(self, U, log_Q, epsilon, cell_volume)

    def proximal(self, z: np.ndarray, log_Q: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return proximal(self, z, log_Q, weight)


def _log(t: np.ndarray) -> np.ndarray:
    t = np.asarray(t, float)
    return np.log(t, out=np.full(t.shape, -np.inf), where=t > 0.0)


def _power_minus_one(log_t: np.ndarray, a: float) -> np.ndarray:
    """(t^a - 1)/a, its limit log t at a = 0."""
    return np.asarray(log_t if a == 0.0 else np.expm1(a * log_t) / a)
