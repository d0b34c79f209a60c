"""One power diagram: cells, their masses and moments, what they pass on to each other.

psi^c(x) = min_j |x - y_j|² - psi_j is attained by the site whose cell holds x.
Source: Baptista et al., Proximal optimal transport divergences, (5.1)-(5.4); Aurenhammer, Hoffmann,
Aronov, Algorithmica 20 (1998) 61.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from mfgprox.kernels.power_cells import facet_integrals, gather
from mfgprox.kernels.power_triangulation import facets, place, triangulate
from mfgprox.kernels.threads import over
from mfgprox.solvers.semi_discrete.sites import Sites, Source

ROUNDING = 1e-15
WORK_PER_FACET = 8
"""Cells of work that a facet counts as, where work is shared among threads."""


@dataclass(frozen=True, eq=False)
class Hidden:
    """Sites whose cell is empty: in no triangle, their psi lowered to the hull of the others.

    sites (m,); corners (m, 3) of the triangle around each, and its weights there (m, 3): psi - |y|²
    of a hidden site is this mean of that of the corners. Corners may be outer sites at weight 0.
    """

    sites: np.ndarray
    corners: np.ndarray
    weights: np.ndarray
    triangle: np.ndarray


@dataclass(frozen=True, eq=False)
class Triangulation:
    """Rows of triangles in use; see `kernels.power_triangulation`."""

    corners: np.ndarray
    across: np.ndarray
    plane: np.ndarray


@dataclass(frozen=True, eq=False)
class Diagram:
    """psi (n,) with hidden sites on the hull; r (n,) >= 0 and moment (2, n): ∫P and ∫xP over the
    cells; transport: E_P[psi^c]; visible (n,); pairs of neighbours with ∂r_j/∂psi_k = -coupling.

    aside: sites in no triangle that lie beyond the hull of the others, their psi as given: those
    of points in a row that is not quite straight, say. Weights: those of the true corners alone.
    """

    psi: np.ndarray
    r: np.ndarray
    moment: np.ndarray
    transport: float
    visible: np.ndarray
    hidden: Hidden
    aside: Hidden
    j_of: np.ndarray
    k_of: np.ndarray
    coupling: np.ndarray
    triangulation: Triangulation


def diagram(
    source: Source, sites: Sites, psi: np.ndarray, left_out: np.ndarray | None = None
) -> Diagram:
    """The power diagram of psi (n,).

    left_out (n,): sites to be left out and kept hidden, whatever their psi; one outside of the hull
    of the others is put back. Raises FloatingPointError if psi is not finite.
    """
    if not np.isfinite(psi).all():
        raise FloatingPointError("the potential is not finite")
    n = sites.count
    z = np.empty(n + 4)
    z[:n] = sites.squares - psi
    kept = sites.order if left_out is None else sites.order[~left_out[sites.order]]
    inside = z[kept] if kept.size else z[:n]
    z[n:] = inside.max() + 1.0 + 2.0 * sites.reach * _width(source)
    tolerance = ROUNDING * max(1e-300, float(np.abs(inside).max()))
    rows = 2 * n + 64
    corners, across = np.empty((rows, 3), np.int64), np.empty((rows, 3), np.int64)
    plane = np.empty((rows, 3))
    count = triangulate(
        sites.X, sites.Y, sites.x, sites.y, z, kept, tolerance, corners, across, plane
    )
    whole = Triangulation(corners[:count], across[:count], plane[:count])
    visible = np.zeros(n + 4, bool)
    used = whole.corners[whole.corners[:, 0] >= 0]
    visible[used.ravel()] = True
    visible = visible[:n]
    hidden, height, aside = _hidden(sites, whole, visible)
    if left_out is not None:
        back = left_out & ~visible
        back[hidden.sites] = False
        if back.any():
            return diagram(source, sites, psi, left_out & ~back)
    psi = psi.copy()
    psi[hidden.sites] = sites.squares[hidden.sites] - height
    return _measured(source, sites, psi, whole, visible, (hidden, aside))


def _width(source: Source) -> float:
    return math.dist(source.lower, source.upper)


def _hidden(
    sites: Sites, whole: Triangulation, visible: np.ndarray
) -> tuple[Hidden, np.ndarray, Hidden]:  # fmt: skip
    """The hidden sites within the hull of the visible ones, its height there, and those aside."""
    found = sites.walk[~visible[sites.walk]]
    where, weights = np.empty(found.size, np.int64), np.zeros((found.size, 3))
    height = np.zeros(found.size)
    if found.size:
        place(
            found, sites.X, sites.Y, sites.x, sites.y, len(whole.corners), whole.corners,
            whole.across, whole.plane, where, weights, height,
        )  # fmt: skip
    corners = whole.corners[where]
    outer = (corners >= sites.count) & (weights > 0.0)
    within = (where >= 0) & ~outer.any(axis=1)
    hidden = Hidden(found[within], corners[within], weights[within], where[within])
    beyond = (where >= 0) & ~within
    share = np.where(corners < sites.count, weights, 0.0)[beyond]
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-300)
    aside = Hidden(found[beyond], corners[beyond], share, where[beyond])
    return hidden, height[within], aside


def _measured(
    source: Source,
    sites: Sites,
    psi: np.ndarray,
    whole: Triangulation,
    visible: np.ndarray,
    out: tuple[Hidden, Hidden],
) -> Diagram:
    n = sites.count
    r, moment, j_of, k_of, coupling = _cells(source, sites, whole)
    transport = (
        source.second_moment
        + float(((sites.squares - psi) * r).sum())
        - 2.0 * float((sites.x[:n] * moment[0] + sites.y[:n] * moment[1]).sum())
    )
    return Diagram(
        psi, np.maximum(r, 0.0), moment, transport, visible, *out,
        j_of, k_of, coupling, whole,
    )  # fmt: skip


def _cells(source: Source, sites: Sites, whole: Triangulation) -> tuple[np.ndarray, ...]:
    """r, moment, j_of, k_of, coupling as in Diagram."""
    n, count = sites.count, len(whole.corners)
    most = 3 * n + 64
    pair, ends = np.empty((most, 2), np.int64), np.empty((most, 2), np.int64)
    m = facets(count, n, whole.corners, whole.across, pair, ends)
    pair, ends = pair[:m], ends[:m]
    line = np.empty((m, 4))
    over(
        facet_integrals, m, WORK_PER_FACET * m, ends, whole.plane, source.lower[0], source.lower[1],
        source.spacing[0], source.spacing[1], source.P, source.left, source.left_x, line,
    )  # fmt: skip
    r, moment = np.empty(n), np.empty((2, n))
    j_of, k_of, coupling = np.empty(m, np.int64), np.empty(m, np.int64), np.empty(m)
    used = gather(pair, sites.x, sites.y, line, r, moment, j_of, k_of, coupling)
    return r, moment, j_of[:used], k_of[:used], coupling[:used]


def bridged(source: Source, sites: Sites, of: Diagram) -> Diagram:
    """The diagram with the couplings it had if P filled its own gaps, evenly."""
    _, _, j_of, k_of, coupling = _cells(source.filled, sites, of.triangulation)
    return replace(of, j_of=j_of, k_of=k_of, coupling=coupling)
