"""Both values of a pair of a plan and potentials: over all pairs of points, whatever they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from mfgprox.points.interior import Iterate
from mfgprox.points.marginal import Marginal

NEGLIGIBLE = 1e-13
"""Share of a row below which an entry of a plan is dropped, and the row brought to its sum."""


@dataclass(frozen=True, eq=False)
class Proof:
    """The best plan and the best psi so far; `lower` and `upper` are their values."""

    plan: csr_array
    r: np.ndarray
    transport: float
    information: float
    upper: float
    psi: np.ndarray
    lower: float

    @property
    def gap(self) -> float:
        return self.upper - self.lower


def primal(at: Iterate, a: np.ndarray, marginal: Marginal) -> tuple[np.ndarray, float]:
    """The plan (E,) with rows that sum to a, and its value."""
    pairs = at.pairs
    pi = np.where(at.pi > NEGLIGIBLE * a[pairs.i], at.pi, 0.0)
    pi = pi * (a / pairs.row_sums(pi))[pairs.i]
    r = pairs.column_sums(pi)
    return pi, float((pi * pairs.C).sum()) + marginal.epsilon * marginal.information(r)


def dual(C: np.ndarray, a: np.ndarray, marginal: Marginal, psi: np.ndarray) -> float:
    """J(psi) with minima over all points of Q."""
    return float((a * (C - psi).min(axis=1)).sum()) - marginal.conjugate(psi)


def restricted_dual(at: Iterate, a: np.ndarray, marginal: Marginal) -> float:
    """J(psi) with minima over the pairs in use: the dual value of the restricted problem."""
    pairs = at.pairs
    minima = pairs.row_minima(pairs.C - at.psi[pairs.j])
    return float((a * minima).sum()) - marginal.conjugate(at.psi)


def proof(
    C: np.ndarray, a: np.ndarray, marginal: Marginal, at: Iterate, old: Proof | None
) -> Proof:
    """That of `at`, or what of the old one proves more."""
    lower = dual(C, a, marginal, at.psi)
    pi, upper = primal(at, a, marginal)
    if old is not None and old.upper <= upper:
        return replace(old, psi=at.psi, lower=lower) if lower > old.lower else old
    plan = at.pairs.matrix(pi)
    plan.eliminate_zeros()
    r = at.pairs.column_sums(pi)
    transport, information = float((pi * at.pairs.C).sum()), marginal.information(r)
    new = Proof(plan, r, transport, information, upper, at.psi, lower)
    if old is not None and old.lower > lower:
        return replace(new, psi=old.psi, lower=old.lower)
    return new
