"""What atoms leave out: the value of spreading the mass of an atom again within its cell.

R is not an atom in a cell that an edge of Q cuts, nor even uniform there where it is a layer along
the edge. With ∇psi = 2 (y - S(y)), S the barycentres of the cells of the diagram, the density in
cell j that is best to first order is R ∝ Q exp(-∇psi·(y - y_j)/eps). To the value it adds

    -eps Σ_j r_j log E_Q,j[exp(-∇psi_j·(y - y_j)/eps)] + Σ_j r_j tr((1 - 2 ∇S_j) Cov_j[y]):

what the layer saves, and what it costs to send a cell of the diagram onto an area. Both are of
second order in the width of the cells; what is left is smooth enough for Richardson.
"""

from __future__ import annotations

import itertools

import numpy as np

from mfgprox.divergence.base import KL
from mfgprox.solvers.cut_cells import Parts
from mfgprox.solvers.semi_discrete.dual import Lattice, Point, barycentres

TINY = 1e-100
LARGEST = 50.0
"""Exponent within a cell at most."""


def spread(lattice: Lattice, at: Point, parts: Parts, cells: np.ndarray) -> float:
    """The two sums over the cells whose parts are known, less what they would be if Q were the same
    in all parts. An atom is the barycentre of its parts; cells (n,): flat indices of all atoms'."""
    n, r = lattice.sites.count, at.r
    y = (lattice.sites.x[:n], lattice.sites.y[:n])
    S = barycentres(lattice, at)
    gradient = _gradients(lattice.source.P.shape, cells, r > 0.0, y, S)
    which = np.searchsorted(cells, parts.cells)
    slope = [2.0 * (c - s)[which] for c, s in zip(y, S, strict=True)]
    axes = range(1 if lattice.source.flat else 2)
    total = 0.0
    for sign, shares in ((1.0, parts.shares), (-1.0, np.ones((which.size, 1, 1)))):
        log_mean, covariance = _tilted(lattice, at, which, shares, slope)
        worth = -log_mean
        for a, b in itertools.product(axes, axes):
            worth += (float(a == b) - 2.0 * gradient[a][b][which]) * covariance[a][b]
        total += sign * float((r[which] * worth).sum())
    return total


def _tilted(
    lattice: Lattice,
    at: Point,
    which: np.ndarray,
    shares: np.ndarray,
    slope: list[np.ndarray],
) -> tuple[np.ndarray, list[list[np.ndarray]]]:
    """eps log E[exp(-slope·(y - y_j)/eps)] and the covariance of y under that tilt, of the atoms
    `which`, for KL; for other f the same to second order, with the curvature of f in the place of
    that of KL."""
    r, flat = at.r[which], lattice.source.flat
    width = [h / k for h, k in zip(lattice.source.spacing, shares.shape[:0:-1], strict=True)]
    place = [w * (np.arange(k) + 0.5) for w, k in zip(width, shares.shape[:0:-1], strict=True)]
    if lattice.divergence.law.kind == KL:
        rate = np.full(r.size, 1.0 / lattice.epsilon)
    else:
        # What overflows has next to no mass.
        rate = np.divide(at.curvature[which], r, out=np.zeros(r.size), where=r > TINY)
        rate[~(rate < 1.0 / TINY)] = 0.0
    x_share, y_share = shares.sum(axis=1), shares.sum(axis=2)
    means = [x_share @ place[0], y_share @ place[1]]
    tilt = [
        np.clip(-(rate * g)[:, None] * (p[None, :] - m[:, None]), -LARGEST, LARGEST)
        for g, p, m in zip(slope, place, means, strict=True)
    ]
    weight = shares * np.exp(tilt[0])[:, None, :]
    if not flat:
        weight = weight * np.exp(tilt[1])[:, :, None]
    total = weight.sum(axis=(1, 2))
    log_mean = np.log(total)
    for a in range(1 if flat else 2):
        log_mean += _log_sinhc(0.5 * width[a] * rate * slope[a])
    weight /= total[:, None, None]
    x_weight, y_weight = weight.sum(axis=1), weight.sum(axis=2)
    x, y = x_weight @ place[0], y_weight @ place[1]
    xx = x_weight @ np.square(place[0]) - x * x + width[0] ** 2 / 12.0
    yy = y_weight @ np.square(place[1]) - y * y + width[1] ** 2 / 12.0
    xy = np.einsum("nij,i,j->n", weight, place[1], place[0]) - x * y
    scaled = np.divide(log_mean, rate, out=np.zeros(r.size), where=rate > 0.0)
    return scaled, [[xx, xy], [xy, yy]]


def _log_sinhc(z: np.ndarray) -> np.ndarray:
    """log(sinh z / z)."""
    z = np.minimum(np.abs(z), LARGEST)
    small = z < 1e-3
    return np.where(small, z * z / 6.0, np.log(np.sinh(z) / np.where(small, 1.0, z) + small))


def _gradients(
    shape: tuple[int, int],
    cells: np.ndarray,
    known: np.ndarray,
    y: tuple[np.ndarray, np.ndarray],
    S: list[np.ndarray],
) -> list[list[np.ndarray]]:
    """∂S_b/∂y_a at the atoms, [a][b] (n,), between the atoms before and after along axis a (x
    first); on one side where there is none on the other, 0 where there is none at all."""
    index = np.full(shape, -1)
    index.ravel()[cells[known]] = np.flatnonzero(known)
    own = np.arange(cells.size)
    out = []
    for axis in (1, 0):
        padded = np.pad(
            index, [(1, 1) if k == axis else (0, 0) for k in (0, 1)], constant_values=-1
        )
        before, after = (
            np.take(padded, np.arange(k, k + shape[axis]), axis=axis).ravel()[cells] for k in (0, 2)
        )
        a, b = np.where(before >= 0, before, own), np.where(after >= 0, after, own)
        along = y[1 - axis]
        gap = np.where(a != b, along[b] - along[a], np.inf)
        out.append([(s[b] - s[a]) / gap for s in S])
    return out
