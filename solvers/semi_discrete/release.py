"""Cells that are empty although R wants mass there: their psi raised until they hold it.

Newton's method knows nothing about a cell without a boundary within P. Two kinds are met: sites
above the hull of the others (hidden), and cells that lie where P has no mass.
"""

from __future__ import annotations

import numpy as np

from mfgprox.kernels.graph import rows_of
from mfgprox.kernels.power_search import least_cost
from mfgprox.solvers.semi_discrete.dual import Lattice, Point, better, point
from mfgprox.solvers.semi_discrete.sites import Source

SAMPLES = 5
"""Points of a facet at which P is looked up."""
RAISES = 8
"""Raises of hidden sites that are tried at most."""
EMPTY = 1e-3
"""Share of its R below which a cell counts as empty."""
MOST = 100
"""Cells outside of P that are raised at a time: those with the largest R."""
NEAREST = 64
"""Cells of P among which a raised cell looks for its mass first."""
SHORTER = 0.3
"""Of all raises after one that lowered the dual value."""
CUTS, HALVINGS = 12, 4
"""Cuts of a raise at most, and those of them that halve it; the later ones halve its exponent."""
LEAST_SHARE = 1e-12
"""Of what a cell needs to reach the centre of a cell of P."""
ONE_BY_ONE, FINE = 10, 1e-6
"""Cells that are raised one after the other, and the relative gap below which they are."""
TOO_MUCH = 2.0


def released(lattice: Lattice, at: Point) -> Point:
    """The point with hidden sites back in the hull; the same where that lowers the dual value.

    The sites of a triangle are raised together; where they get too much, they are raised less.
    """
    hidden = at.diagram.hidden
    triangles, which = np.unique(hidden.triangle, return_inverse=True)
    wanted = np.bincount(which, at.R[hidden.sites], triangles.size)
    c = _lift(lattice, at, triangles, wanted)
    bow = _bow(lattice, at)
    best = at
    for _ in range(RAISES):
        psi = at.psi.copy()
        psi[hidden.sites] += np.minimum(c[which] * bow, lattice.epsilon)
        new = point(lattice, psi)
        if better(new, best):
            best = new
        got = np.bincount(which, new.r[hidden.sites], triangles.size)
        much = got > TOO_MUCH * wanted
        if best is new and (not much.any() or new.residual < at.residual):
            break
        share = np.clip(wanted / np.maximum(got, 1e-300), 0.05, 0.5)
        # J rises with any raise that is small enough: its slope there is R.
        c = np.where(much, share, 1.0 if best is new else SHORTER) * c
    return best if best is not at else _one_by_one(lattice, at, hidden.sites)


def _bow(lattice: Lattice, at: Point) -> np.ndarray:
    """I_T|y|² - |y|² at the hidden sites, I_T linear between the corners of the triangle around:
    strictly concave, so that all hidden sites of a triangle come into the hull together."""
    hidden, sites = at.diagram.hidden, lattice.sites
    bow = -sites.squares[hidden.sites]
    for k in range(3):
        v = hidden.corners[:, k]
        bow = bow + hidden.weights[:, k] * (sites.x[v] ** 2 + sites.y[v] ** 2)
    return np.maximum(bow, 0.0)


def _lift(lattice: Lattice, at: Point, T: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """c at which the sites in each triangle T, raised by c times their bow, get the mass wanted.

    Their cells cover c² |T| around the vertex of the diagram and strips along its three facets.
    """
    whole, sites = at.diagram.triangulation, lattice.sites
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
    return np.minimum(2.0 * wanted / np.maximum(linear + root, 1e-300), 1.0)


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

    All together first, then one by one, then all by the same share. The same point where each of
    these lowers the dual value.
    """
    empty = np.flatnonzero(
        (at.r < EMPTY * at.R) & (at.R.size * at.R > EMPTY * at.residual) & ~at.hidden
    )
    if not empty.size:
        return at
    empty = empty[np.argsort(-at.R[empty], kind="stable")][:MOST]
    needed = _needed(lattice, at, empty)
    best = _raised(lattice, at, empty, needed)
    if best is at and empty.size > 1:
        best = _one_by_one(lattice, at, empty)
    return best if best is not at else _lifted(lattice, at, empty, needed)


def _one_by_one(lattice: Lattice, at: Point, empty: np.ndarray) -> Point:
    """Near the end those with the largest R, one after the other: points that nearly coincide cover
    each other when they are raised together."""
    if at.gap < FINE * abs(at.dual):
        for j in empty[np.argsort(-at.R[empty], kind="stable")][:ONE_BY_ONE]:
            one = np.array([j])
            at = _raised(lattice, at, one, _needed(lattice, at, one))
    return at


def _raised(lattice: Lattice, at: Point, empty: np.ndarray, needed: np.ndarray) -> Point:
    """Each raised by what it needs alone, the others staying where they are, less where it then
    holds too much; the best point that is met."""
    low, length, high, best = np.zeros(empty.size), needed, needed, at
    left_out = at.hidden
    left_out[empty] = False
    for again in range(CUTS):
        psi = at.psi.copy()
        psi[empty] += length
        new = point(lattice, psi, left_out)
        if better(new, best):
            best = new
        r, R = new.r[empty], new.R[empty]
        much, little = r > TOO_MUCH * R, TOO_MUCH * r < R
        high, low = np.where(much, length, high), np.where(little, length, low)
        undecided = (much | little) & (low < high)
        enough = again < HALVINGS and best is new and not much.any()
        if enough or not undecided.any():
            break
        # Of points that nearly coincide one holds its R in a strip that a raise of 1e-11 makes.
        middle = 0.5 * (low + high)
        if again >= HALVINGS:
            middle = np.sqrt(np.maximum(low, LEAST_SHARE * high) * high)
        length = np.where(undecided, middle, length)
    return best


def _lifted(lattice: Lattice, at: Point, empty: np.ndarray, needed: np.ndarray) -> Point:
    """All raised by the same share of what they need: where neighbours hide each other in turn the
    dual value, concave along that line, rises for some share, and Newton's method goes on."""
    share = 1.0
    for _ in range(CUTS):
        share *= SHORTER
        psi = at.psi.copy()
        psi[empty] += share * needed
        new = point(lattice, psi, at.hidden)
        if new.dual > at.dual:
            return new
    return at


def _needed(lattice: Lattice, at: Point, empty: np.ndarray) -> np.ndarray:
    """By how much psi_j must rise for the cell to reach cells of P with a mass of R_j."""
    source, sites = lattice.source, lattice.sites
    held, x, y = source.support
    cost = _conjugate(lattice, at)
    mass = source.P.ravel()[held] * (source.spacing[0] * source.spacing[1])
    out = np.zeros(empty.size)
    for q, j in enumerate(empty):
        slack = (x - sites.x[j]) ** 2 + (y - sites.y[j]) ** 2 - at.psi[j] - cost
        out[q] = max(_level(slack, mass, float(at.R[j])), 0.0)
    return out


def _level(slack: np.ndarray, mass: np.ndarray, wanted: float) -> float:
    """The slack below which cells hold the mass that is wanted."""
    most = min(NEAREST, slack.size)
    while True:
        nearest = np.argpartition(slack, most - 1)[:most]
        nearest = nearest[np.argsort(slack[nearest], kind="stable")]
        held = np.cumsum(mass[nearest])
        if held[-1] >= wanted or most == slack.size:
            enough = min(int(np.searchsorted(held, wanted)), most - 1)
            return float(slack[nearest[enough]])
        most = min(16 * most, slack.size)


def _conjugate(lattice: Lattice, at: Point) -> np.ndarray:
    """psi^c at the centres of the cells of P that hold mass."""
    sites, d = lattice.sites, at.diagram
    n = sites.count
    start, index = np.empty(n + 1, np.int64), np.empty(2 * d.j_of.size, np.int64)
    rows_of(n, d.j_of, d.k_of, d.coupling, start, index, np.empty(index.size))
    _, x, y = lattice.source.support
    out = np.empty(x.size)
    first = int(np.argmax(at.r))
    least_cost(x, y, sites.x[:n], sites.y[:n], at.psi, start, index, first, out)
    return out
