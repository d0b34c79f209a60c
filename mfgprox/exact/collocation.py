"""The optimality system on the line by Gauss collocation: ten and more digits of D and of R.

With S(y) where the mass that ends at y comes from, the optimum solves

    U_1'(y) = p sign(S - y) |S - y|^{p-1},   R = Q (f*)'(U_1/epsilon),   P below S(y) = R below y

from one end of the support of Q to the other, without mass at the first end and with all of it at
the last. Across a gap of Q, (a, b), the mass that comes from the same S is indifferent between its
sides, U_1(b) - U_1(a) = |S - a|^p - |S - b|^p, unless P has a gap at that mass: then the mass below
is that of P. Source: Baptista, Birmpa, Katsoulakis, Rey-Bellet, Zhang: Proximal optimal
transport divergences, (2.23)-(2.25) with the terminal condition of (2.4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfgprox.divergence import Divergence
from mfgprox.exact.convex_1d import SMALLEST_DISTANCE
from mfgprox.exact.distribution import NODES, WEIGHTS, Distribution

SMALLEST_MASS = 1e-290
LEAST_WEIGHT = 1e-8
"""U_1 is to be right where there is no mass to speak of too, with so many fewer digits."""
POINTS = np.concatenate([[-1.0], NODES])
"""Where the polynomials of a panel are known."""
MONOMIALS = np.linalg.inv(np.vander(POINTS, increasing=True))


@dataclass(frozen=True, eq=False)
class System:
    """P, Q, p, epsilon and the divergence, as functions of what the equations contain."""

    P: Distribution
    Q: Distribution
    p: float
    epsilon: float
    divergence: Divergence

    def slope(self, away: np.ndarray) -> np.ndarray:
        """U_1' where the mass comes from this far to the right."""
        return self.p * np.sign(away) * np.abs(away) ** (self.p - 1.0)

    def bend(self, away: np.ndarray) -> np.ndarray:
        """Its derivative, finite at 0 (for p < 2: it only steers the step)."""
        size = np.maximum(np.abs(away), SMALLEST_DISTANCE)
        return self.p * (self.p - 1.0) * size ** (self.p - 2.0)

    def log_ratio(self, U: np.ndarray) -> np.ndarray:
        """log(R/Q) where U_1 is U, in the gauge epsilon f'(R/Q) (for KL epsilon log(R/Q))."""
        if self.divergence.name == "kl":
            return U / self.epsilon
        ratio = np.asarray(self.divergence.conjugate_derivative(U / self.epsilon))
        return np.log(ratio, out=np.full(ratio.shape, -np.inf), where=ratio > 0.0)

    def log_ratio_slope(self, U: np.ndarray) -> np.ndarray:
        """Its derivative in U."""
        if self.divergence.name == "kl":
            return np.full(U.shape, 1.0 / self.epsilon)
        log_t = self.log_ratio(U)
        held = np.isfinite(log_t)
        log_t = np.where(held, log_t, 0.0)
        bend = np.clip(log_t + self.divergence.log_curvature(log_t), -600.0, 600.0)
        return np.where(held, np.exp(-bend) / self.epsilon, 0.0)

    def information(self, U: np.ndarray) -> np.ndarray:
        """f(R/Q); for KL t log t - t + 1, which with masses one keeps its digits where R is Q."""
        log_ratio = self.log_ratio(U)
        if self.divergence.name == "kl":
            return np.exp(log_ratio) * log_ratio - np.expm1(log_ratio)
        return np.asarray(self.divergence.f(np.exp(log_ratio)))


@dataclass(frozen=True, eq=False)
class Panels:
    """Intervals [left, right] (k,) that carry Q, in order; where two do not touch Q has a gap.

    first, last: masses of R before the first and after the last, next to nothing. fixed: (k-1,),
    the mass below where P has a gap at the mass of a gap of Q; nan where the mass is free. split:
    panels from this one on are described by the mass above, those before by the mass below.
    """

    left: np.ndarray
    right: np.ndarray
    first: float
    last: float
    fixed: np.ndarray
    split: int

    @property
    def half(self) -> np.ndarray:
        return 0.5 * (self.right - self.left)

    @property
    def nodes(self) -> np.ndarray:
        """Gauss points, (k, m)."""
        return 0.5 * (self.left + self.right)[:, None] + self.half[:, None] * NODES

    def integrate(self, values: np.ndarray) -> float:
        """The integral of values at the nodes."""
        return float((self.half * (values @ WEIGHTS)).sum())

    @property
    def shift(self) -> np.ndarray:
        """What to add to the mass variable for the mass below, (k,)."""
        return np.where(np.arange(self.left.size) < self.split, 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Fields:
    """U_1 and the mass variable: at the nodes (k, m), at the left and at the right ends (k,)."""

    U: np.ndarray
    M: np.ndarray
    ends_U: np.ndarray
    """(2, k): left, right."""
    ends_M: np.ndarray


@dataclass(frozen=True, eq=False)
class Collocation:
    """A solution of the collocation equations on its panels."""

    system: System
    panels: Panels
    fields: Fields

    def origin(self, M: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """S: where P has as much mass below as the mass variable says."""
        below = np.where(shift == 0.0, M, 1.0 + M)
        above = np.where(shift == 0.0, 1.0 - M, -M)
        tiny = SMALLEST_MASS
        return self.system.P.quantile(np.clip(below, tiny, 1.0), np.clip(above, tiny, 1.0))

    def density(self, U: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.exp(self.system.Q.log_density(y) + self.system.log_ratio(U))

    def values(self) -> tuple[float, float]:
        """W_p^p(P, R) and D_f(R‖Q)."""
        system, y = self.system, self.panels.nodes
        S = self.origin(self.fields.M, self.panels.shift[:, None])
        Q, U = np.exp(system.Q.log_density(y)), self.fields.U
        R = Q * np.exp(system.log_ratio(U))
        transport = self.panels.integrate(R * np.abs(S - y) ** system.p)
        information = self.panels.integrate(Q * system.information(U))
        ends = np.array([self.panels.left[0], self.panels.right[-1]])
        beyond = system.Q.mass_below(ends)[0], system.Q.mass_above(ends)[1]
        rest = system.information(self.fields.ends_U[[0, 1], [0, -1]])
        return transport, information + float((np.array(beyond) * rest).sum())

    def inside(self, share: np.ndarray, k: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
        """U_1, the mass variable and its shift, by the polynomials of the panels.

        share: of the way from left to right, (n, ...); k: the panels, (n,); all of them if None.
        """
        panels, fields = self.panels, self.fields
        k = np.arange(panels.left.size) if k is None else k
        basis = np.vander((2.0 * share - 1.0).ravel(), POINTS.size, increasing=True) @ MONOMIALS
        basis = basis.reshape(*share.shape, POINTS.size)
        values = [
            np.concatenate([ends[0][:, None], nodes], axis=1)[k]
            for ends, nodes in ((fields.ends_U, fields.U), (fields.ends_M, fields.M))
        ]
        U, M = (np.einsum("n...m,nm->n...", basis, v) for v in values)
        return U, M, np.broadcast_to(panels.shift[k].reshape(-1, *[1] * (U.ndim - 1)), U.shape)

    def at(self, y: np.ndarray) -> tuple[np.ndarray, ...]:
        """The same at positions y, (n,), that carry mass."""
        panels = self.panels
        k = (np.searchsorted(panels.left, y, side="right") - 1).clip(0, panels.left.size - 1)
        share = (y - panels.left[k]) / (panels.right[k] - panels.left[k])
        return self.inside(share.clip(0.0, 1.0), k)
