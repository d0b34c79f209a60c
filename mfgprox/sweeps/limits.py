"""What D tends to at the two ends of a sweep (Theorem 2.8).

D/epsilon → D_f(P‖Q) as epsilon → 0 and D → W_p^p(P, Q) as epsilon → ∞; both are approached from
below, and D <= min(W_p^p(P, Q), epsilon D_f(P‖Q)) in between (2.10).
Source: Baptista, Birmpa, Katsoulakis, Rey-Bellet, Zhang: Proximal optimal transport divergences.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mfgprox.density import Gaussian
from mfgprox.exact.distribution import Distribution
from mfgprox.exact.line import distribution
from mfgprox.problem import Problem
from mfgprox.sweeps.rows import Row

NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)
TRUSTED = 0.2
"""Largest share of W_p^p that may come from extrapolation in epsilon."""


@dataclass(frozen=True)
class Limits:
    """The limits at one p.

    information: D_f(P‖Q), inf where it is. transport: W_p^p(P, Q), nan where it is not known.
    how: how the latter was found. doubt: an error that it may have, nan for round-off.
    """

    p: float
    information: float
    transport: float
    how: str
    doubt: float = float("nan")


def limits(problem: Problem, rows: Iterable[Row]) -> Limits:
    """The limits of a problem at its own p, from its data, and where those do not give W_p^p from
    the rows at that p."""
    information = float(
        problem.divergence.between(problem.P, problem.log_Q, problem.grid.cell_volume)
    )
    if problem.split is not None:  # mass stays in its slice: no formula below knows that
        return Limits(problem.p, information, *_extrapolated(rows))
    if problem.grid.dimension == 1:
        P, Q = (distribution(density, problem.grid) for density in problem.densities)
        return Limits(problem.p, information, quantile_cost(P, Q, problem.p), "from the quantiles")
    P_kind, Q_kind = problem.densities
    if isinstance(P_kind, Gaussian) and isinstance(Q_kind, Gaussian) and problem.p == 2.0:
        return Limits(problem.p, information, _bures(P_kind, Q_kind), "closed form")
    return Limits(problem.p, information, *_extrapolated(rows))


def quantile_cost(P: Distribution, Q: Distribution, p: float) -> float:
    """W_p^p on the line: ∫_0^1 |F_P^{-1} - F_Q^{-1}|^p, by Gauss's rule on panels that end where
    one of the two quantile functions may have a corner."""
    below = np.unique(np.concatenate([d.mass_below(d.edges) for d in (P, Q)]).clip(0.0, 1.0))
    below = np.unique(np.concatenate([[0.0], below, [1.0]]))
    half = 0.5 * np.diff(below)
    u = (below[:-1] + half)[:, None] + half[:, None] * NODES
    shift = np.abs(P.quantile(u.ravel(), 1.0 - u.ravel()) - Q.quantile(u.ravel(), 1.0 - u.ravel()))
    return float(((shift**p).reshape(u.shape) * WEIGHTS).sum(axis=1) @ half)


def _bures(P: Gaussian, Q: Gaussian) -> float:
    """W_2² of two Gaussians: |m1 - m2|² + tr(S1 + S2 - 2 (S1^{1/2} S2 S1^{1/2})^{1/2})."""
    scale, axes = np.linalg.eigh(P.cov)
    root = (axes * np.sqrt(scale)) @ axes.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ Q.cov @ root).clip(0.0))
    shift = np.subtract(P.mean, Q.mean)
    return float(shift @ shift + np.trace(P.cov) + np.trace(Q.cov) - 2.0 * cross.sum())


def _extrapolated(rows: Iterable[Row]) -> tuple[float, str, float]:
    """W_p^p(P, Q) = D + epsilon D_f(R‖Q) + O(epsilon^-2), since dD/d epsilon = D_f(R‖Q)."""
    solved = [row for row in rows if row.converged]
    if solved:
        last = max(solved, key=lambda row: row.epsilon)
        correction = last.epsilon * last.information_divergence
        found = last.divergence + correction
        if correction <= TRUSTED * found:
            doubt = correction**2 / found + last.divergence_error
            return found, f"extrapolated from epsilon {last.epsilon:g}", doubt
    return float("nan"), "not known: no epsilon is large enough", float("nan")
