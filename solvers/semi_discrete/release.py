"""Cells that are empty although R wants mass there: their psi raised until they hold it.

Newton's method knows nothing about a cell without a boundary within P. Two kinds are met: sites
above the hull of the others (hidden), and cells that lie where P has no mass.
"""

from __future__ import annotations

import numpy as np

from mfgprox.cost import Cost
from mfgprox.kernels.least import least_cost
from mfgprox.kernels.threads import over
from mfgprox.solvers.semi_discrete.dual import Lattice, Point, point
from mfgprox.solvers.semi_discrete.sites import Source
from mfgprox.transform import c_transform

SAMPLES = 5
"""Points of a facet at which P is looked up."""
LENGTHS = (1.0, 0.3, 0.1, 0.03)
"""Shares of the raise that are tried, the first one that does not lower the dual value is taken."""
EMPTY = 1e-3
"""Share of its R below which a cell counts as empty."""
MOST = 100
"""Cells outside of P that are raised at a time: those with the largest R."""
NEAREST = 64
"""Cells of P among which a raised cell looks for its mass."""
HALVINGS = 8
TOO_MUCH = 2.0


def released(lattice: Lattice, at: Point) -> Point:
    """The point with hidden sites back in the hull; the same where that lowers the dual value."""
    raise_by = _bows(lattice, at)
    for length in LENGTHS:
        new = point(lattice, at.psi + length * raise_by)
        if new.dual >= at.dual:
            return new
    return at


def _bows(lattice: Lattice, at: Point) -> np.ndarray:
    """For the hidden sites of each triangle T c (I_T|y|² - |y|²), I_T linear interpolation between
    its corners: strictly concave within T, so that all of them come into the hull together.

    c: such that the cells of T's sites get the R of these: what is left of c|T|c at the vertex and
    strips along the facets.
    """
    hidden, whole, sites = at.diagram.hidden, at.diagram.triangulation, lattice.sites
    T, which = np.unique(hidden.triangle, return_inverse=True)
    wanted = np.bincount(which, at.R[hidden.sites], T.size)
    corner = whole.corners[T]
    x, y = sites.x[corner], sites.y[corner]
    ex, ey = np.roll(x, -1, 1) - x, np.roll(y, -1, 1) - y
    area = 0.5 * np.abs(ex[:, 0] * ey[:, 1] - ey[:, 0] * ex[:, 1])
    vertex = 0.5 * whole.plane[T, :2]
    quadratic = area * lattice.source.density(vertex[:, 0], vertex[:, 1])
    linear = np.zeros(T.size)
    for k in range(3):
        side = (k + 1) % 3
        o = whole.across[T, k]
        end = np.where((o >= 0)[:, None], 0.5 * whole.plane[o, :2], vertex)
        inner = corner[:, [side, (k + 2) % 3]].max(axis=1) < sites.count
        height = 2.0 * area / np.hypot(ex[:, side], ey[:, side])
        linear += np.where(inner, 0.5 * height * _along(lattice.source, vertex, end), 0.0)
    root = np.sqrt(linear**2 + 4.0 * quadratic * wanted)
    c = np.minimum(2.0 * wanted / np.maximum(linear + root, 1e-300), 1.0)
    bow = -sites.squares[hidden.sites]
    for k in range(3):
        v = hidden.corners[:, k]
        bow = bow + hidden.weights[:, k] * (sites.x[v] ** 2 + sites.y[v] ** 2)
    out = np.zeros(sites.count)
    out[hidden.sites] = np.clip(c[which] * bow, 0.0, lattice.epsilon)
    return out


def _along(source: Source, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """∫P along segments, (m, 2) each, from samples between where they enter and leave the box."""
    enter, leave = np.zeros(len(a)), np.ones(len(a))
    d = b - a
    for k in range(2):
        step = np.where(d[:, k] == 0.0, 1e-300, d[:, k])
        s, t = (source.lower[k] - a[:, k]) / step, (source.upper[k] - a[:, k]) / step
        enter, leave = np.maximum(enter, np.minimum(s, t)), np.minimum(leave, np.maximum(s, t))
    within = np.maximum(leave - enter, 0.0)
    enter = np.where(within > 0.0, enter, 0.0)
    total = np.zeros(len(a))
    for s in (np.arange(SAMPLES) + 0.5) / SAMPLES:
        at = a + (enter + s * within)[:, None] * d
        total += source.density(at[:, 0], at[:, 1])
    return total / SAMPLES * within * np.hypot(d[:, 0], d[:, 1])


def touched(lattice: Lattice, at: Point) -> Point:
    """The point with empty cells outside of P raised until each holds its R.

    Each is raised by what it needs alone, the others staying where they are; where several get too
    much together, each halves its raise. The same point where that lowers the dual value.
    """
    empty = np.flatnonzero(
        (at.r < EMPTY * at.R) & (at.R.size * at.R > EMPTY * at.residual) & ~at.hidden
    )
    if not empty.size:
        return at
    empty = empty[np.argsort(-at.R[empty], kind="stable")][:MOST]
    low, left_out = np.zeros(empty.size), at.hidden
    length = high = _needed(lattice, at, empty)
    best = at
    for _ in range(HALVINGS):
        psi = at.psi.copy()
        psi[empty] += length
        new = point(lattice, psi, left_out)
        if new.dual > best.dual:
            best = new
        r, R = new.r[empty], new.R[empty]
        much = r > TOO_MUCH * R
        if not much.any():
            break
        high = np.where(much, length, high)
        low = np.where(~much & (TOO_MUCH * r < R), length, low)
        length = np.where(much | (low == length), 0.5 * (low + high), length)
    return best


def _needed(lattice: Lattice, at: Point, empty: np.ndarray) -> np.ndarray:
    """By how much psi_j must rise for the cell to reach cells of P with a mass of R_j."""
    source, sites = lattice.source, lattice.sites
    held, x, y = source.support
    cost = _conjugate(lattice, at, held, x, y)
    mass = source.P.ravel()[held] * (source.spacing[0] * source.spacing[1])
    most = min(NEAREST, held.size) - 1
    out = np.zeros(empty.size)
    for q, j in enumerate(empty):
        slack = (x - sites.x[j]) ** 2 + (y - sites.y[j]) ** 2 - at.psi[j] - cost
        nearest = np.argpartition(slack, most)[: most + 1]
        nearest = nearest[np.argsort(slack[nearest], kind="stable")]
        enough = np.searchsorted(np.cumsum(mass[nearest]), at.R[j])
        out[q] = max(slack[nearest[min(enough, most)]], 0.0)
    return out


def _conjugate(
    lattice: Lattice, at: Point, held: np.ndarray, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """psi^c at the centres of the cells of P that hold mass."""
    source, sites = lattice.source, lattice.sites
    if lattice.cells is None:
        out = np.empty(x.size)
        n = sites.count
        work = x.size * n
        over(least_cost, x.size, work, x, y, sites.x[:n], sites.y[:n], at.psi, out)
        return out
    field = np.full(source.P.size, -np.inf)
    field[lattice.cells] = at.psi
    shape = (1, *source.P.shape)
    values, _ = c_transform(field.reshape(shape), Cost(2.0), (1.0, *source.spacing[::-1]))
    return values.ravel()[held]
