"""One step of Newton's method on the dual value of a semi-discrete problem.

The Hessian of J is -(A + diag(curvature)) up to a rank that R - r, whose sum is 0, does not see;
A_jk = -∫ P / (2 |y_j - y_k|) over the facet between two cells. A cell is asked to change its mass
by a factor at most, since the linearisation knows nothing beyond.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from mfgprox.solvers.semi_discrete.diagram import Hidden, bridged
from mfgprox.solvers.semi_discrete.dual import Lattice, Point, better, point
from mfgprox.solvers.semi_discrete.islands import shifted
from mfgprox.solvers.semi_discrete.linear import exact, solved
from mfgprox.solvers.semi_discrete.release import released, touched

FACTOR = 8.0
"""By which a cell's mass is asked to change in one step at most."""
LONGEST = 5.0
"""Change of psi in one step at most, in units of epsilon."""
SUFFICIENT = 1e-4
"""Share of the predicted increase of the dual value that a step must bring."""
SHORTEST = 1e-6
HIDING = 0.005
"""Share of ‖R - r‖ that may newly lie on hidden sites after a step …"""
BOLD = 0.01
"""… unless the step is shorter than this."""
RELEASE = 0.03
"""Share of ‖R - r‖ on hidden sites from which these are released."""
FAR, EFFORT = 0.05, (1e-2, 1e-4)
"""Relative accuracy of a lattice's linear systems, while ‖R - r‖ exceeds FAR and below. A cloud's
are solved exactly: where points crowd at a corner of P an error of 10⁻⁴ of the energy, which is
that of the cells with much mass, empties the cells that hold 10⁻⁴ of theirs."""
LOPSIDED = 0.05
"""Ratio of limited gains to limited losses, or the reverse, below which the limit is widened."""
WEAK = 1e-10
"""Coupling of cells outside of P to their neighbours, as a share of the largest one."""
ROUNDING = 1e-13


@dataclass(frozen=True, eq=False)
class Direction:
    """A change of psi (n,) and the increase of J that its slope promises."""

    step: np.ndarray
    increase: float


def improved(lattice: Lattice, at: Point, slow: bool = False) -> tuple[Point, float]:
    """The point after one step, and the step's length; 0 and the best point known if none helps.

    slow: whether the last step brought next to nothing, and gaps of P may be in the way.
    """
    if at.lost > RELEASE * at.residual:
        at = released(lattice, at)
    at = touched(lattice, at)
    if slow:
        at = shifted(lattice, at)
    way = direction(lattice, at, FACTOR)
    if not way.increase > 0.0:
        way = direction(lattice, at, np.inf)
    new, length = _search(lattice, at, way)
    if length == 0.0:
        new, length = _search(lattice, at, direction(lattice, at, FACTOR, widened=False))
    if slow or length == 0.0:
        # In gaps of P masses do not change with psi until a facet reaches the other side.
        wide = replace(at, diagram=bridged(lattice.source, lattice.sites, at.diagram))
        for way in direction(lattice, wide, FACTOR), direction(lattice, at, np.inf):
            other, taken = _search(lattice, at, way)
            if better(other, new):
                new, length = other, taken
    return new, length


def direction(lattice: Lattice, at: Point, factor: float, *, widened: bool = True) -> Direction:
    """Newton's step for the visible sites; others move with those around, their R counts there.

    factor: by which masses are asked to change at most; widened where that is too little.
    """
    d, n = at.diagram, lattice.sites.count
    R, shift, active = at.R.copy(), at.curvature.copy(), np.ones(n, bool)
    for out in d.hidden, d.aside:
        active[out.sites] = False
        for values in R, shift:
            _passed_on(out, values)
    held = np.zeros(n, bool)
    held[d.j_of[d.coupling > 0.0]] = held[d.k_of[d.coupling > 0.0]] = True
    # A cell outside of P moves with its neighbours: psi could rise by epsilon there unnoticed.
    loose = active & ~held & (np.count_nonzero(active) > 1)
    gradient = np.where(loose, 0.0, R - d.r)
    right = gradient if np.isinf(factor) else _balanced(gradient, d.r, factor, widened)
    shift = np.where(loose, 0.0, np.maximum(shift, 1e-14 / (lattice.epsilon * n)))
    if lattice.cells is None:
        found = exact(d.j_of, d.k_of, d.coupling, shift, right, active & ~loose, loose)
    else:
        found = _approximate(at, right, shift, active, loose)
    if not np.isfinite(found).all():
        raise FloatingPointError("a step is not finite")
    step = np.zeros(n + 4)
    step[:n] = np.clip(found, -LONGEST * lattice.epsilon, LONGEST * lattice.epsilon)
    for out in d.hidden, d.aside:
        step[out.sites] = (step[out.corners] * out.weights).sum(axis=1)
    step = step[:n]
    return Direction(step, float((gradient * step)[active].sum()))


def _passed_on(out: Hidden, values: np.ndarray) -> None:
    """Values (n,) of sites without a cell, added to those at the corners around them."""
    n, share = values.size, values[out.sites]
    values[out.sites] = 0.0
    for k in range(3):
        real = out.corners[:, k] < n
        values += np.bincount(out.corners[real, k], (share * out.weights[:, k])[real], minlength=n)


def _approximate(
    at: Point, right: np.ndarray, shift: np.ndarray, active: np.ndarray, loose: np.ndarray
) -> np.ndarray:
    """The solution (n,) of a lattice's system, 0 where not active; the loose weakly coupled."""
    d, coupling = at.diagram, at.diagram.coupling
    if loose.any():
        weak = WEAK * float(coupling.max(initial=0.0))
        coupling = np.where(loose[d.j_of] | loose[d.k_of], weak, coupling)
    number = np.cumsum(active) - 1
    effort = EFFORT[0] if at.residual > FAR else EFFORT[1]
    found = np.zeros(active.size)
    found[active], _ = solved(
        number[d.j_of], number[d.k_of], coupling, shift[active], right[active], effort
    )
    return found


def _balanced(change: np.ndarray, r: np.ndarray, factor: float, widened: bool) -> np.ndarray:
    """R - r with every cell's mass changed by a factor at most, gains and losses being equal."""
    held = r > 0.0
    while math.isfinite(factor):
        part = np.where(held, np.clip(change, r / factor - r, r * factor - r), change)
        gain, loss = float(part[part > 0.0].sum()), -float(part[part < 0.0].sum())
        least = min(gain, loss)
        if least > (LOPSIDED * max(gain, loss) if widened else 0.0):
            return np.where(part > 0.0, part * (least / gain), part * (least / loss))
        # Next to empty cells cannot take in time what the full ones have too much.
        factor = factor * factor if factor < 1e100 else math.inf
    return change


def _search(lattice: Lattice, at: Point, way: Direction) -> tuple[Point, float]:
    """Halve the step until the dual value rises enough and not too much of R gets hidden."""
    left_out = at.hidden if at.diagram.hidden.sites.size else None
    rounding = ROUNDING * max(1.0, abs(at.dual))
    most = max(1.5 * at.lost, HIDING * at.residual)
    length = 1.0
    while length > SHORTEST:
        new = point(lattice, at.psi + length * way.step, left_out)
        seen = length < BOLD or new.lost <= most
        if seen and new.dual >= at.dual + SUFFICIENT * length * way.increase - rounding:
            return new, length
        length *= 0.5
    return at, 0.0
