"""The dual value of a diagram, the density that psi asks for, and the exact gap between the two.

J(psi) = E_P[psi^c] - eps inf_nu { nu + Σ b_j f*(-psi_j/eps - nu) },  ∂J/∂psi_j = R_j - r_j.
With r the masses of the cells, the primal value of r is J + eps KL(r‖R), and of the Bregman
distance of D_f(·‖b) between r and R for other f: no bound, an identity.
Source: Baptista et al., Proximal optimal transport divergences, Theorem 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfgprox.divergence import Divergence
from mfgprox.divergence.base import JENSEN_SHANNON, KL
from mfgprox.solvers.semi_discrete.diagram import Diagram, diagram
from mfgprox.solvers.semi_discrete.sites import Sites, Source

ROUNDING = 1e-12
"""Relative difference of dual values up to which they may be the same."""
SOLID = 1e-10
"""Mass of a cell whose moments are known to 1e-6 or so: they are differences of sums of order 1."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """A semi-discrete problem: P, the atoms, the weight and f.

    cells (n,): the cell of P's grid in which each atom lies, where there is one atom in a cell at
    most; None for points anywhere.
    """

    source: Source
    sites: Sites
    epsilon: float
    divergence: Divergence
    cells: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Point:
    """A psi with all that follows from it: the diagram, R (n,), the dual value and the gap.

    given, left_out: what the diagram was made from, and can be made from again to the same bits.
    curvature (n,): dR_j/dpsi_j = -curvature at fixed nu. conjugate: the second term of J.
    """

    given: np.ndarray
    left_out: np.ndarray | None
    diagram: Diagram
    R: np.ndarray
    curvature: np.ndarray
    conjugate: float
    dual: float
    gap: float

    @property
    def psi(self) -> np.ndarray:
        return self.diagram.psi

    @property
    def r(self) -> np.ndarray:
        return self.diagram.r

    @property
    def primal(self) -> float:
        return self.dual + self.gap

    @property
    def residual(self) -> float:
        """‖R - r‖ in L1."""
        return float(np.abs(self.R - self.r).sum())

    @property
    def hidden(self) -> np.ndarray:
        """Which sites are hidden, (n,)."""
        hidden = np.zeros(self.R.size, bool)
        hidden[self.diagram.hidden.sites] = True
        return hidden

    @property
    def lost(self) -> float:
        """Σ R of the hidden sites."""
        return float(self.R[self.diagram.hidden.sites].sum())


def point(lattice: Lattice, psi: np.ndarray, left_out: np.ndarray | None = None) -> Point:
    """Everything at psi (n,). Raises FloatingPointError where it is not finite."""
    at = diagram(lattice.source, lattice.sites, psi, left_out)
    f, log_b, epsilon = lattice.divergence, lattice.sites.log_b, lattice.epsilon
    R, conjugate = f.gibbs(-at.psi, log_b, epsilon, 1.0)
    dual = at.transport - conjugate
    if f.law.kind == KL:
        gap = epsilon * _kl(at.r, R)
    else:
        between = f.between(at.r, log_b, 1.0)
        gap = float((at.psi * at.r).sum()) + epsilon * between + conjugate
    curvature = _slope(f, R, log_b) / epsilon
    return Point(psi, left_out, at, R, curvature, conjugate, dual, gap)


def barycentres(lattice: Lattice, at: Point) -> list[np.ndarray]:
    """Of P in the cells of the diagram, (n,) along x and along y; an atom's own place where its
    cell holds so little that the moments are rounding."""
    n = at.r.size
    return [
        np.divide(moment, at.r, out=y[:n].copy(), where=at.r > SOLID)
        for moment, y in zip(at.diagram.moment, (lattice.sites.x, lattice.sites.y), strict=True)
    ]


def better(a: Point, b: Point) -> bool:
    """Whether a has the larger dual value; where rounding decides that, the smaller gap."""
    if abs(a.dual - b.dual) > ROUNDING * max(1.0, abs(a.dual)):
        return a.dual > b.dual
    return a.gap < b.gap


def _kl(r: np.ndarray, R: np.ndarray) -> float:
    held = r > 0.0
    log_ratio = np.zeros(r.size)
    log_ratio[held] = np.log(r[held]) - np.log(np.maximum(R[held], 1e-300))
    # Every term is at least 0, but for rounding.
    return float(np.maximum(r * log_ratio - r + R, 0.0).sum())


def _slope(f: Divergence, R: np.ndarray, log_b: np.ndarray) -> np.ndarray:
    """b (f*)'' = b / f''(R/b)."""
    law = f.law
    if law.kind == KL:
        return R
    b = np.exp(log_b)
    t = np.divide(R, b, out=np.zeros(R.size), where=b > 0.0)
    if law.kind == JENSEN_SHANNON:
        return 2.0 * R * (1.0 + t)
    with np.errstate(over="ignore"):  # inf: what no step moves
        power = np.maximum(t, 1e-300) ** (2.0 - law.alpha)
    return np.where(t > 0.0, b * power / law.scale, 0.0)
