"""A primal–dual interior-point method for the problem restricted to some pairs.

    min  Σ_e C_e π_e + eps D_f(r‖b),   Σ_j π_ij = a_i,  r_j = Σ_i π_ij,  π >= 0
    C_e - phi_i - psi_j = s_e >= 0,   π_e s_e = mu -> 0,   psi_j = -eps f'(r_j/b_j)

Newton's systems, with weights d = π/s and phi eliminated, are a graph Laplacian on the points of Q
plus the slope of r in psi: an M-matrix, which is factorised without pivots or cancellation.
Source: Baptista et al., Proximal optimal transport divergences, (5.1)-(5.4); Mehrotra, SIAM J.
Optim. 2 (1992) 575, for the predictor and corrector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csc_array, csr_array
from scipy.sparse.linalg import splu

from mfgprox.points.marginal import Marginal

BOUNDARY = 0.99
"""Share of the way to the boundary of π, s >= 0 that a step goes at most."""
CENTRINGS = 60

Direction = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs sorted by row, every row and every column having one: i, j, C (E,), first (N,)."""

    i: np.ndarray
    j: np.ndarray
    C: np.ndarray
    first: np.ndarray
    columns: int

    @property
    def rows(self) -> int:
        return self.first.size

    def row_sums(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.i, values, self.rows)

    def column_sums(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.j, values, self.columns)

    def row_minima(self, values: np.ndarray) -> np.ndarray:
        return np.minimum.reduceat(values, self.first)

    def matrix(self, values: np.ndarray) -> csr_array:
        """(N, M)."""
        start = np.append(self.first, self.i.size)
        return csr_array((values, self.j, start), shape=(self.rows, self.columns))


@dataclass(frozen=True, eq=False)
class Iterate:
    """pi, s (E,) > 0, phi (N,), psi (M,); length of the step that led here."""

    pairs: Pairs
    pi: np.ndarray
    s: np.ndarray
    phi: np.ndarray
    psi: np.ndarray
    length: float = 1.0


def pairs_of(C: np.ndarray, flat: np.ndarray) -> Pairs:
    """The pairs with these sorted flat indices of C (N, M)."""
    i, j = np.divmod(flat, C.shape[1])
    first = np.searchsorted(i, np.arange(C.shape[0]))
    return Pairs(i, j, C.ravel()[flat], first, C.shape[1])


def centred(pairs: Pairs, a: np.ndarray, psi: np.ndarray, mu: float) -> Iterate:
    """From psi (M,): phi such that π = mu/s has the marginal a (N,)."""
    free = pairs.C - psi[pairs.j]
    low = pairs.row_minima(free)
    free -= low[pairs.i]
    above = least = mu / a
    for _ in range(CENTRINGS):
        w = 1.0 / (free + above[pairs.i])
        total, slope = pairs.row_sums(w), pairs.row_sums(w * w)
        # Newton's method on the reciprocal of the sum, which is nearly linear.
        step = (1.0 / total - least) * total * total / slope
        above = np.maximum(above - step, least)
        if not np.any(np.abs(step) > 1e-10 * above):
            break
    s = free + above[pairs.i]
    return Iterate(pairs, mu / s, s, low - above, psi)


def stepped(at: Iterate, a: np.ndarray, marginal: Marginal) -> Iterate:
    """One predictor–corrector step. Raises FloatingPointError where it is not finite."""
    pairs, pi, s = at.pairs, at.pi, at.s
    way = _newton(at, a, marginal)
    predicted = way(-pi * s)
    mu, count = float((pi * s).sum()), pi.size
    up, down = _reach(pi, predicted[0]), _reach(s, predicted[1])
    left = float(((pi + up * predicted[0]) * (s + down * predicted[1])).sum())
    centre = (left / mu) ** 3 * mu / count
    d_pi, d_s, d_phi, d_psi = way(centre - pi * s - predicted[0] * predicted[1])
    # One length for both sides: psi and r are tied by an equation that is not linear.
    length = min(_reach(pi, d_pi), _reach(s, d_s))
    length = length if length == 1.0 else BOUNDARY * length
    if not (np.isfinite(d_pi).all() and np.isfinite(d_s).all() and np.isfinite(d_psi).all()):
        raise FloatingPointError("a step is not finite")
    return Iterate(
        pairs, pi + length * d_pi, s + length * d_s, at.phi + length * d_phi,
        at.psi + length * d_psi, length,
    )  # fmt: skip


def _newton(at: Iterate, a: np.ndarray, marginal: Marginal) -> Callable[[np.ndarray], Direction]:
    """Changes of pi, s, phi, psi for given s · dπ + π · ds."""
    pairs, pi, s = at.pairs, at.pi, at.s
    i, j = pairs.i, pairs.j
    d = pi / s
    total = pairs.row_sums(d)
    weights = pairs.matrix(d)
    change, slope = marginal.wanted(at.psi, pairs.column_sums(pi))
    factors = splu(
        _laplacian(pairs.matrix(d / np.sqrt(total)[i]), slope), permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0, options={"SymmetricMode": True},
    )  # fmt: skip
    off_row = a - pairs.row_sums(pi)
    off_dual = pairs.C - at.phi[i] - at.psi[j] - s

    def way(target: np.ndarray) -> Direction:
        known = target / s - d * off_dual
        right = off_row - pairs.row_sums(known)
        d_psi = factors.solve(change - pairs.column_sums(known) - weights.T @ (right / total))
        d_phi = (right - weights @ d_psi) / total
        d_s = off_dual - d_phi[i] - d_psi[j]
        return target / s - d * d_s, d_s, d_phi, d_psi

    return way


def _laplacian(root: csr_array, slope: np.ndarray) -> csc_array:
    """diag(slope) + the Laplacian of the couplings rootᵀ root (M, M)."""
    matrix = csc_array(root.T @ root)
    matrix.setdiag(0.0)
    coupled = np.asarray(matrix.sum(axis=0)).ravel()
    matrix = -matrix
    # A column without coupling and slope keeps its psi.
    matrix.setdiag(coupled + slope + np.finfo(float).tiny)
    return matrix


def _reach(values: np.ndarray, change: np.ndarray) -> float:
    """The largest t <= 1 with values + t · change >= 0."""
    falls = change < 0.0
    return min(1.0, float(np.min(-values[falls] / change[falls], initial=1.0)))


def thinned(at: Iterate, a: np.ndarray, share: float) -> Iterate:
    """Without the pairs that carry less than `share` of their row and of their column's r."""
    pairs = at.pairs
    r = pairs.column_sums(at.pi)
    kept = (at.pi > share * a[pairs.i]) | (at.pi > 0.1 * r[pairs.j])
    kept |= at.s <= pairs.row_minima(at.s)[pairs.i]
    i = pairs.i[kept]
    first = np.searchsorted(i, np.arange(pairs.rows))
    fewer = Pairs(i, pairs.j[kept], pairs.C[kept], first, pairs.columns)
    return replace(at, pairs=fewer, pi=at.pi[kept], s=at.s[kept])
