"""The free marginal: eps D_f(r‖b) on the points of Q, its dual term and what psi asks of r.

f is used with f'(1) = 0, by a shift c (t - 1) that no measure of mass one notices: for large
epsilon psi is then small, and keeps its digits.
Source: Baptista et al., Proximal optimal transport divergences, Theorem 3.1 and (5.4), where the
weights b_j are missing in print.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mfgprox.divergence import Divergence

LARGEST = 600.0
"""Of |log r/b| in derivatives: beyond it they may overflow, and mean the same."""


@dataclass(frozen=True, eq=False)
class Marginal:
    """b (M,) of sum one, the weight epsilon, and f."""

    b: np.ndarray
    epsilon: float
    divergence: Divergence

    @cached_property
    def log_b(self) -> np.ndarray:
        return np.log(self.b)

    @cached_property
    def at_one(self) -> float:
        """f'(1) as it is given."""
        return float(self.divergence.derivative(np.ones(1))[0])

    def information(self, r: np.ndarray) -> float:
        """D_f(r‖b)."""
        return self.divergence.between(r, self.log_b, 1.0)

    def conjugate(self, psi: np.ndarray) -> float:
        """eps · inf_nu { nu + Σ b_j f*(-psi_j/eps - nu) }."""
        return self.divergence.gibbs(-psi, self.log_b, self.epsilon, 1.0)[1]

    def wanted(self, psi: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(change, slope): to first order r should change by change - slope · (change of psi).

        The equation psi = -eps f'(r/b) is linearised where it is the tamer one: at r where r must
        grow, at the r that psi asks for where r must shrink.
        """
        f, eps = self.divergence, self.epsilon
        with np.errstate(over="ignore", divide="ignore", invalid="ignore", under="ignore"):
            asked = self.b * f.conjugate_derivative(self.at_one - psi / eps)
            shrinks = asked <= r
            at = np.where(shrinks, asked, r)
            log_t = np.clip(np.log(at) - self.log_b, -LARGEST, LARGEST)
            slope = self.b / eps * np.exp(-np.clip(f.log_curvature(log_t), -LARGEST, LARGEST))
            slope = np.where(at > 0.0, slope, 0.0)
            t = np.exp(log_t)
            excess = psi + eps * (f.derivative(t) - self.at_one)
            change = np.where(shrinks, asked - r, -slope * excess)
        return change, slope
