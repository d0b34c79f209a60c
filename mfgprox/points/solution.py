"""What is known of a solved problem between two clouds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array


@dataclass(frozen=True, eq=False)
class PointsSolution:
    """plan: sparse (N, M), rows sum to a. weights: (M,), those of R on the points of Q. psi: (M,).

    lower (dual) <= D <= upper (primal), both values of feasible pairs; `gap` their distance. psi
    has the constant for which Σ a_i min_j (C_ij - psi_j) is `lower`. steps: Newton steps in all.
    status: a sentence.
    """

    plan: csr_array
    weights: np.ndarray
    psi: np.ndarray
    lower: float
    upper: float
    transport_cost: float
    information_divergence: float
    converged: bool
    steps: int
    status: str

    @property
    def divergence(self) -> float:
        """The primal value."""
        return self.upper

    @property
    def gap(self) -> float:
        return self.upper - self.lower
