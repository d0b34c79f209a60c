"""Lipschitz-regularised divergences: R is compared with Q after a cheap further move.

    D_f^{Lip_L}(R‖Q) = sup over L-Lipschitz φ { E_R φ - inf_ν ν + E_Q f*(φ - ν) }
                     = inf_S { D_f(S‖Q) + L W_1(R, S) }
It is finite for every R on the box, however thin the support of Q is. It is no sum over cells: what
a solver may ask of it is the potential of a terminal U with |∇U| <= epsilon L, and S.
Source: Baptista et al., Proximal optimal transport divergences, Example 3.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from mfgprox.divergence.base import Divergence, Law


@dataclass(frozen=True)
class Lipschitz:
    """The regularisation of `base` with the constant L = `constant`, by the name "lipschitz(f, L)".

    Raises ValueError for a constant that is not a finite number above 0, or a base that is
    regularised already.
    """

    base: Divergence
    constant: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "constant", float(self.constant))
        if not (math.isfinite(self.constant) and self.constant > 0.0):
            raise ValueError(f"lipschitz must be a finite number above 0; got {self.constant}")
        if isinstance(self.base, Lipschitz):
            raise ValueError(f"{self.base.name} is Lipschitz-regularised already")

    @property
    def name(self) -> str:
        return f"lipschitz({self.base.name}, {self.constant!r})"

    @property
    def recession(self) -> float:
        """That of `base`: what S pays where Q = 0. R may have mass anywhere."""
        return self.base.recession

    @property
    def law(self) -> Law:
        return self.base.law

    def gibbs(
        self, U: np.ndarray, log_Q: np.ndarray, epsilon: float, cell_volume: float
    ) -> tuple[np.ndarray, float]:
        """The density S = Q (f*)'(U/epsilon - nu), not R, and the value of a U with
        |∇U| <= epsilon L, as for `base`."""
        return self.base.gibbs(U, log_Q, epsilon, cell_volume)

    def f(self, t: np.ndarray) -> np.ndarray:
        self._refuse("f")

    def derivative(self, t: np.ndarray) -> np.ndarray:
        self._refuse("f'")

    def conjugate(self, s: np.ndarray) -> np.ndarray:
        self._refuse("f*")

    def conjugate_derivative(self, s: np.ndarray) -> np.ndarray:
        self._refuse("(f*)'")

    def between(self, R: np.ndarray, log_Q: np.ndarray, cell_volume: float) -> float:
        self._refuse("a sum over cells")

    def potential(self, R: np.ndarray, log_Q: np.ndarray, epsilon: float) -> np.ndarray:
        self._refuse("a potential cell by cell")

    def log_curvature(self, log_t: np.ndarray) -> np.ndarray:
        self._refuse("f''")

    def proximal(self, z: np.ndarray, log_Q: np.ndarray, weight: np.ndarray) -> np.ndarray:
        self._refuse("a proximal map cell by cell")

    def _refuse(self, what: str) -> NoReturn:
        raise ValueError(
            f"f_divergence = {self.name} compares R with Q after a move, and has not got {what}"
        )
