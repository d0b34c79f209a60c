"""A cloud's problem by way of others that are easier for Newton's method.

Newton's method finds its way where every cell holds mass to begin with and keeps it. At psi = 0 the
points beyond P hold none. For epsilon of the order of the mean squared distance between P and Q, R
is spread over all points, and a potential is known at which all of their cells hold mass
(`beginning`). From there epsilon goes to where it is wanted: R changes a little at a time, and
cells lose what they have too much. Where P has next to no mass between its parts, a share of P is
spread evenly over the box first, and falls until there is none. So it does at the epsilon that is
wanted where the first way leads nowhere.

A stretch of such a way that ends with empty cells, or not at all, is taken again in shorter ones.
Source: Baptista et al., Proximal optimal transport divergences, (2.4); continuation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mfgprox.solvers.semi_discrete.beginning import contracted
from mfgprox.solvers.semi_discrete.dual import Lattice, Point, point
from mfgprox.solvers.semi_discrete.newton import improved
from mfgprox.solvers.semi_discrete.sites import Source

PATIENCE = 8, 20
"""Steps in which ‖R - r‖ must halve in a direct attempt, and in one from the end of the first way;
in the last attempt there is no such limit."""
NEAR = 1e-3
"""‖R - r‖ at which a problem on the way is left."""
ASTRAY = 0.5
"""Share of its R that a cell may lack, or hold too much, when a problem on the way is left: points
that crowd at a corner of P share less than ‖R - r‖ sees."""
STEPS, HASTE = 25, 4
"""Steps at a problem on the way at most, and those in which ‖R - r‖ must halve."""
LEAST = 10.0
"""‖R - r‖ below which nothing matters on the way, as a multiple of the tolerance."""
FIRST = 0.1
"""Share of the whole way that the first stretch is."""
LONGER, SHORTER, SHORTEST = 1.5, 0.4, 1e-3
"""Factors of a stretch after one of few steps and after one that failed; the end of all trying."""
FEW, SHORT = 4, 0.12
"""Steps that are few; length up to which a stretch counts that leaves cells astray."""
POWER = 6
"""Of what is left of the way: the share of P that is spread evenly, 1 to begin with and 0 at the
end."""
MOST = 100
"""Stretches at most."""


def climbed(
    lattice: Lattice, first: np.ndarray, tolerance: float, most_steps: int
) -> tuple[Point, int]:
    """The point with ‖R - r‖ <= tolerance, or the best known, and the Newton steps in all.

    first (n,): psi to begin with. most_steps: at the problem itself, in each of the attempts.
    """
    at, steps = _descended(lattice, first, tolerance, tolerance, most_steps, PATIENCE[0])
    if at.residual <= tolerance:
        return at, steps
    for way, patience in (_by_epsilon, PATIENCE[1]), (_by_background, most_steps):
        psi, taken = way(lattice, tolerance)
        new, last = _descended(lattice, psi, tolerance, tolerance, most_steps, patience)
        at, steps = (new if new.residual < at.residual else at), steps + taken + last
        if at.residual <= tolerance:
            break
    return at, steps


def _by_epsilon(lattice: Lattice, tolerance: float) -> tuple[np.ndarray, int]:
    """psi near the solution, and the steps in all."""
    easy = _mean_square(lattice)
    begin = replace(lattice, epsilon=easy)
    at, steps = _descended(begin, contracted(begin), NEAR, LEAST * tolerance, STEPS, HASTE)
    psi = at.psi
    if not _settled(at, NEAR, LEAST * tolerance):
        psi, taken = _by_background(begin, tolerance)
        steps += taken

    def on_the_way(t: float) -> Lattice:
        return replace(lattice, epsilon=easy ** (1.0 - t) * lattice.epsilon**t)

    psi, taken = _followed(on_the_way, psi, tolerance)
    return psi, steps + taken


def _by_background(lattice: Lattice, tolerance: float) -> tuple[np.ndarray, int]:
    """psi near the solution, and the steps in all."""
    begin = replace(lattice, source=_covered(lattice.source, 1.0))
    at, steps = _descended(begin, contracted(begin), NEAR, LEAST * tolerance, STEPS, PATIENCE[0])

    def on_the_way(t: float) -> Lattice:
        return replace(lattice, source=_covered(lattice.source, (1.0 - t) ** POWER))

    psi, taken = _followed(on_the_way, at.psi, tolerance)
    return psi, steps + taken


def _followed(
    on_the_way: Callable[[float], Lattice], psi: np.ndarray, tolerance: float
) -> tuple[np.ndarray, int]:
    """psi at on_the_way(1), or as far as Newton's method goes, and the steps in all.

    psi (n,): at on_the_way(0).
    """
    t, stretch, steps = 0.0, FIRST, 0
    for _ in range(MOST):
        to = min(1.0, t + stretch)
        at, taken = _descended(on_the_way(to), psi, NEAR, LEAST * tolerance, STEPS, HASTE)
        steps += taken
        if _settled(at, NEAR, LEAST * tolerance):
            t, psi = to, at.psi
            stretch *= LONGER if taken <= FEW else 1.0
        elif at.residual <= NEAR and to - t <= SHORT:
            t, psi = to, at.psi
        else:
            stretch = SHORTER * (to - t)
        if t == 1.0 or stretch < SHORTEST:
            break
    return psi, steps


def _covered(source: Source, share: float) -> Source:
    """P with a share of its mass spread evenly over the box."""
    area = source.P.size * source.spacing[0] * source.spacing[1]
    return replace(source, P=(1.0 - share) * source.P + share / area)


def _mean_square(lattice: Lattice) -> float:
    """E |x - y|² of independent x and y, with the origin for their means."""
    return lattice.source.second_moment + float((lattice.sites.b * lattice.sites.squares).sum())


def _settled(at: Point, tolerance: float, least: float) -> bool:
    """Whether ‖R - r‖ <= least, or <= tolerance and no cell that matters misses R by ASTRAY.

    Which matter: those that hold or want more than least / n.
    """
    matters = at.R.size * np.maximum(at.r, at.R) > least
    astray = matters & (np.abs(at.R - at.r) > ASTRAY * at.R)
    return at.residual <= least or (at.residual <= tolerance and not bool(astray.any()))


def _descended(
    lattice: Lattice,
    psi: np.ndarray,
    tolerance: float,
    least: float,
    most_steps: int,
    patience: int,
) -> tuple[Point, int]:
    """The point where Newton's method ends, once it is settled, and its steps."""
    at, steps = point(lattice, psi), 0
    half, since = 0.5 * at.residual, 0
    while not _settled(at, tolerance, least) and steps < most_steps and since < patience:
        at, length = improved(lattice, at)
        steps, since = steps + 1, since + 1
        if at.residual <= half:
            half, since = 0.5 * at.residual, 0
        if length == 0.0:
            break
    return at, steps
