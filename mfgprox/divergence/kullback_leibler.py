"""The Kullback–Leibler divergence, f(t) = t log t.

Source: Baptista et al., Proximal optimal transport divergences, section 2.1 and Theorem 3.3.
"""

from __future__ import annotations

import numpy as np
from scipy.special import wrightomega

from mfgprox.divergence.base import KL, Law


class KullbackLeibler:
    """Everything in the logarithms of R and Q."""

    name = "kl"
    recession = np.inf
    law = Law(KL, 1.0, 1.0)

    def f(self, t: np.ndarray) -> np.ndarray:
        t = np.asarray(t, float)
        return np.where(t > 0.0, t * np.log(np.where(t > 0.0, t, 1.0)), 0.0)

    def derivative(self, t: np.ndarray) -> np.ndarray:
        t = np.asarray(t, float)
        return np.log(t, out=np.full(t.shape, -np.inf), where=t > 0.0) + 1.0

    def conjugate(self, s: np.ndarray) -> np.ndarray:
        return np.exp(np.asarray(s) - 1.0)

    def conjugate_derivative(self, s: np.ndarray) -> np.ndarray:
        return np.exp(np.asarray(s) - 1.0)

    def between(self, R: np.ndarray, log_Q: np.ndarray, cell_volume: float) -> float:
        held = R > 0.0
        if np.any(np.isneginf(log_Q[held])):
            return np.inf
        value = float(np.sum(R[held] * (np.log(R[held]) - log_Q[held])) * cell_volume)
        return max(value, 0.0)  # R = Q leaves round-off of either sign

    def potential(self, R: np.ndarray, log_Q: np.ndarray, epsilon: float) -> np.ndarray:
        log_R = np.log(R, out=np.full(R.shape, -np.inf), where=R > 0.0)
        inside = np.isfinite(log_Q)
        return epsilon * np.subtract(log_R, log_Q, out=np.full(R.shape, np.nan), where=inside)

    def gibbs(
        self, U: np.ndarray, log_Q: np.ndarray, epsilon: float, cell_volume: float
    ) -> tuple[np.ndarray, float]:
        exponent = U / epsilon + log_Q
        top = float(exponent.max())
        if np.isfinite(top):
            top += float(np.log(np.exp(exponent - top).sum()))
        log_mass = top + np.log(cell_volume)
        return np.exp(exponent - log_mass), epsilon * log_mass

    def log_curvature(self, log_t: np.ndarray) -> np.ndarray:
        return -np.asarray(log_t, float)

    def proximal(self, z: np.ndarray, log_Q: np.ndarray, weight: np.ndarray) -> np.ndarray:
        # R + weight (log(R/Q) + 1) = z has the root weight ω(z/weight + log Q - 1 - log weight)
        # with the Wright function ω + log ω = its argument.
        exponent = z / weight + log_Q - 1.0 - np.log(weight)
        return weight * np.real(wrightomega(exponent))
