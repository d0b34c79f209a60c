"""Information divergences D_f(R‖Q): everything that a solver may ask of one.

A divergence joins by implementing `Divergence` and one line in `DIVERGENCES`; no solver knows its
name. All methods take log Q with -inf where Q has no mass: Q is never floored.
`U` below stands for the terminal potential U_1 = epsilon f'(R/Q) + const; see mathematics in docs.
Source: Baptista et al., Proximal optimal transport divergences, Theorem 3.1 and section 2.1.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from scipy.special import logsumexp, wrightomega


@runtime_checkable
class Divergence(Protocol):
    """f with f(1) = 0, its derivative, its conjugate over t >= 0, and what follows from them."""

    name: str
    recession: float
    """f'(∞): the price of mass where Q = 0."""

    def f(self, t: np.ndarray) -> np.ndarray: ...

    def derivative(self, t: np.ndarray) -> np.ndarray: ...

    def conjugate(self, s: np.ndarray) -> np.ndarray: ...

    def conjugate_derivative(self, s: np.ndarray) -> np.ndarray: ...

    def between(self, R: np.ndarray, log_Q: np.ndarray, cell_volume: float) -> float:
        """D_f(R‖Q) of two densities on the same cells."""
        ...

    def potential(self, R: np.ndarray, log_Q: np.ndarray, epsilon: float) -> np.ndarray:
        """epsilon f'(R/Q); -inf where R = 0 and f'(0) = -inf; nan where Q = 0 says nothing."""
        ...

    def gibbs(
        self, U: np.ndarray, log_Q: np.ndarray, epsilon: float, cell_volume: float
    ) -> tuple[np.ndarray, float]:
        """The density R = Q (f*)'(U/epsilon - nu) of mass one, and
        epsilon · inf_nu { nu + E_Q[f*(U/epsilon - nu)] }."""
        ...

    def proximal(self, z: np.ndarray, log_Q: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """argmin over R >= 0 of Q f(R/Q) + (R - z)² / (2 weight), cell by cell."""
        ...


class KullbackLeibler:
    """f(t) = t log t; everything in the logarithms of R and Q."""

    name = "kl"
    recession = np.inf

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
        log_mass = float(logsumexp(exponent)) + np.log(cell_volume)
        return np.exp(exponent - log_mass), epsilon * log_mass

    def proximal(self, z: np.ndarray, log_Q: np.ndarray, weight: np.ndarray) -> np.ndarray:
        # R + weight (log(R/Q) + 1) = z has the root weight ω(z/weight + log Q - 1 - log weight)
        # with the Wright function ω + log ω = its argument.
        exponent = z / weight + log_Q - 1.0 - np.log(weight)
        return weight * np.real(wrightomega(exponent))


DIVERGENCES: dict[str, type] = {"kl": KullbackLeibler}


def by_name(name: str) -> Divergence:
    """The divergence of that name. Raises ValueError listing the names that exist."""
    if name not in DIVERGENCES:
        raise ValueError(f"f_divergence must be one of {', '.join(DIVERGENCES)}; got {name!r}")
    return DIVERGENCES[name]()
