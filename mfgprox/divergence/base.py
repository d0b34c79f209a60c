"""What a solver may ask of an information divergence D_f(R‖Q).

All methods take log Q with -inf where Q has no mass: Q is never floored. `U` below stands for the
terminal potential U_1 = epsilon f'(R/Q) + const; see mathematics in docs.
Source: Baptista et al., Proximal optimal transport divergences, Theorem 3.1 and section 2.1.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np


class Law(NamedTuple):
    """log (f*)' for kernels: f of the family `kind` with scale = f''(1); alpha is the exponent, for
    Jensen–Shannon the logarithm of the skew."""

    kind: int
    alpha: float
    scale: float


KL, POWER, JENSEN_SHANNON = range(3)


@runtime_checkable
class Divergence(Protocol):
    """f with f(1) = 0, its derivative, its conjugate over t >= 0, and what follows from them."""

    @property
    def name(self) -> str:
        """By which `by_name` finds it again."""
        ...

    @property
    def recession(self) -> float:
        """f'(∞): the price of mass where Q = 0."""
        ...

    @property
    def law(self) -> Law:
        """The same f for kernels."""
        ...

    def f(self, t: np.ndarray) -> np.ndarray:
        """f(t), t >= 0; inf where it is infinite."""
        ...

    def derivative(self, t: np.ndarray) -> np.ndarray:
        """f'(t), t >= 0; -inf at t = 0 where f' has no finite limit."""
        ...

    def conjugate(self, s: np.ndarray) -> np.ndarray:
        """f*(s) = sup over t >= 0 of s t - f(t); inf above f'(∞)."""
        ...

    def conjugate_derivative(self, s: np.ndarray) -> np.ndarray:
        """(f*)'(s), the t that attains it; inf above f'(∞)."""
        ...

    def between(self, R: np.ndarray, log_Q: np.ndarray, cell_volume: float) -> float:
        """D_f(R‖Q) of two densities on the same cells; mass where Q = 0 costs the recession."""
        ...

    def potential(self, R: np.ndarray, log_Q: np.ndarray, epsilon: float) -> np.ndarray:
        """epsilon f'(R/Q); -inf where R = 0 and f'(0) = -inf; nan where Q = 0 says nothing."""
        ...

    def gibbs(
        self, U: np.ndarray, log_Q: np.ndarray, epsilon: float, cell_volume: float
    ) -> tuple[np.ndarray, float]:
        """The density R = Q (f*)'(U/epsilon - nu) of mass one, and
        epsilon · inf_nu { nu + E_Q[f*(U/epsilon - nu)] }.

        Where f'(∞) is finite and the largest U lies where Q = 0, R has mass there.
        """
        ...

    def log_curvature(self, log_t: np.ndarray) -> np.ndarray:
        """log f''(t) of log t."""
        ...

    def proximal(self, z: np.ndarray, log_Q: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """argmin over R >= 0 of Q f(R/Q) + (R - z)² / (2 weight), cell by cell; f'(∞) R where
        Q = 0."""
        ...
