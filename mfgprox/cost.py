"""The transport cost |v|^p and the velocity that a gradient drives, v = -H'(q).

H(q) = sup_v { -q·v - |v|^p } = (p-1) (|q|/p)^{p/(p-1)}; for the separable cost sum_i |v_i|^p the
Hamiltonian is the sum over the axes of the one-dimensional one.
Source: Baptista et al., Proximal optimal transport divergences, (2.23)-(2.25).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NORMS = ("euclidean", "separable")


@dataclass(frozen=True)
class Cost:
    """c(x, y) = |x - y|^p, p > 1, Euclidean or separable norm.

    Raises ValueError for p <= 1, a p that is not finite, or an unknown norm.
    """

    p: float = 2.0
    norm: str = "euclidean"

    def __post_init__(self) -> None:
        object.__setattr__(self, "p", float(self.p))
        if not (math.isfinite(self.p) and self.p > 1.0):
            raise ValueError(f"p must be a finite number above 1; got {self.p}")
        if self.norm not in NORMS:
            raise ValueError(f"cost must be one of {', '.join(NORMS)}; got {self.norm!r}")

    @property
    def separable(self) -> bool:
        """Whether the cost is the sum over the axes of |v_i|^p."""
        return self.norm == "separable"

    def __call__(self, displacement: Sequence[np.ndarray]) -> np.ndarray:
        """|v|^p of a vector given by its components."""
        if self.separable:
            return sum(np.abs(v) ** self.p for v in displacement)
        return _norm(displacement) ** self.p

    def velocity(self, gradient: Sequence[np.ndarray]) -> list[np.ndarray]:
        """v = -H'(q): the optimal velocity, component by component."""
        if self.separable:
            return [-np.sign(g) * (np.abs(g) / self.p) ** (1.0 / (self.p - 1.0)) for g in gradient]
        size = _norm(gradient)
        speed = (size / self.p) ** (1.0 / (self.p - 1.0))
        factor = np.divide(speed, size, out=np.zeros_like(size), where=size > 0.0)
        return [-factor * g for g in gradient]

    def steepest(self, distance: float) -> float:
        """Slope of |y|^p at this distance: no optimal potential is steeper on a box that wide."""
        return self.p * distance ** (self.p - 1.0)


def _norm(components: Sequence[np.ndarray]) -> np.ndarray:
    return np.sqrt(sum(np.square(c) for c in components))
