"""Parts of P that gaps cut off from the rest: cells that share one, moved as a whole.

While the facets around such cells lie in a gap, their mass does not change with psi, so that
Newton's method does not know how far the other side is. Here it is looked up: psi of all of them
falls, or rises, until the mass that they have too much, or too little, has changed hands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mfgprox.solvers.semi_discrete.dual import Lattice, Point, point

MOST = 64
"""Groups that are moved at a time, and cells of a group at most."""
SHARE = 1e-3
"""Of ‖R - r‖ that a group must have too much or too little."""
NEAREST = 64
"""Cells of P in which the mass is looked for."""
FINE = 12
"""Points an axis in each of them."""
HALVINGS = 6


@dataclass(frozen=True, eq=False)
class Group:
    """Cells (m,) that share a part of P, those around them (k,), and what they lack."""

    cells: np.ndarray
    around: np.ndarray
    lack: float


def shifted(lattice: Lattice, at: Point) -> Point:
    """The point with such groups moved; the same where that does not raise the dual value."""
    change = np.zeros(at.psi.size)
    for group in _groups(at):
        change[group.cells] = _shift(lattice, at, group)
    if not change.any():
        return at
    share, left_out = 1.0, at.hidden if at.diagram.hidden.sites.size else None
    for _ in range(HALVINGS):
        new = point(lattice, at.psi + share * change, left_out)
        if new.dual > at.dual:
            return new
        share *= 0.5
    return at


def _groups(at: Point) -> list[Group]:
    """The groups that lack most, of few cells; the others settle with them."""
    d, n = at.diagram, at.R.size
    joined = d.coupling > 0.0
    pairs = coo_array((np.ones(joined.sum()), (d.j_of[joined], d.k_of[joined])), shape=(n, n))
    count, label = connected_components(pairs, directed=False)
    lack = np.bincount(label, np.where(at.hidden, 0.0, at.R - at.r), count)
    size = np.bincount(label, minlength=count)
    held = np.bincount(label, at.r, count) > 0.0
    wanted = (np.abs(lack) > SHARE * at.residual) & (size <= MOST) & held
    chosen = np.flatnonzero(wanted)
    chosen = chosen[np.argsort(-np.abs(lack[chosen]), kind="stable")][:MOST]
    out = []
    for c in chosen:
        inside = label == c
        around = np.concatenate([d.k_of[inside[d.j_of]], d.j_of[inside[d.k_of]]])
        around = np.unique(around[~inside[around]])
        if around.size:
            out.append(Group(np.flatnonzero(inside), around, float(lack[c])))
    return out


def _shift(lattice: Lattice, at: Point, group: Group) -> float:
    """By how much psi of a group must change for the mass that it lacks to change hands."""
    source = lattice.source
    held, x, y = source.support
    mass = source.P.ravel()[held] * (source.spacing[0] * source.spacing[1])
    gain = 1.0 if group.lack > 0.0 else -1.0
    slack = gain * _advantage(lattice, at, group, x, y)
    nearest = np.flatnonzero(slack > -_reach(lattice, group))
    nearest = nearest[np.argsort(slack[nearest], kind="stable")][:NEAREST]
    steps = (np.arange(FINE) + 0.5) / FINE - 0.5
    u, v = np.meshgrid(steps * source.spacing[0], steps * source.spacing[1])
    px = (x[nearest][:, None] + u.ravel()).ravel()
    py = (y[nearest][:, None] + v.ravel()).ravel()
    fine = gain * _advantage(lattice, at, group, px, py)
    weight = np.repeat(mass[nearest] / u.size, u.size)
    beyond = fine > 0.0
    order = np.argsort(fine[beyond], kind="stable")
    total = np.cumsum(weight[beyond][order])
    if not total.size:
        return 0.0
    enough = min(int(np.searchsorted(total, abs(group.lack))), total.size - 1)
    return gain * float(fine[beyond][order][enough])


def _advantage(
    lattice: Lattice, at: Point, group: Group, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """How much less points cost with the cells around than with the group."""
    sites = lattice.sites
    best = []
    for cells in (group.cells, group.around):
        least = np.full(x.size, np.inf)
        for j in cells:
            cost = (x - sites.x[j]) ** 2 + (y - sites.y[j]) ** 2 - at.psi[j]
            np.minimum(least, cost, out=least)
        best.append(least)
    return best[0] - best[1]


def _reach(lattice: Lattice, group: Group) -> float:
    """How much the advantage may change within a cell of P."""
    sites, (hx, hy) = lattice.sites, lattice.source.spacing
    both = np.concatenate([group.cells, group.around])
    return float(hx * np.ptp(sites.x[both]) + hy * np.ptp(sites.y[both]))
