"""A semi-discrete problem by way of others that are easier for Newton's method.

- Other epsilon. For epsilon of the order of the mean squared distance between P and Q neither is R
  forced far from the cells that the points have at psi = 0, nor are masses pushed across gaps of P
  by potentials that nothing holds back. From there epsilon changes by small factors.
- Other P. Where P has next to no mass a cell loses all of it in one step and nothing tells Newton
  how to get it back. With a share of P spread evenly over the box every cell keeps a mass; that
  share falls until it is below what the tolerance notices.

Each potential starts the next problem.
Source: Baptista et al., Proximal optimal transport divergences, (2.4); continuation.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from mfgprox.solvers.semi_discrete.dual import Lattice, Point, point
from mfgprox.solvers.semi_discrete.newton import improved
from mfgprox.solvers.semi_discrete.sites import Source

DOWN, UP = math.sqrt(0.5), 3.0
"""Factors of epsilon from rung to rung: hidden cells appear on the way down, none on the way up."""
RUNG = 1e-3
"""‖R - r‖ at which a rung is left."""
PATIENCE = 8
"""Steps in which ‖R - r‖ must halve; a direct attempt that does not is given up for a ladder."""
HALVED, THINNED, MUCH = 0.5, 0.1, 5e-3
"""Factors of the background's share from rung to rung, above MUCH and below."""
LEAST = 1e-2
"""Share of the tolerance below which no background is left."""
WIDE, BELOW = 1e-2, 0.3
"""‖R - r‖ at which a rung with a background is left: WIDE at most, and BELOW times its share."""


def climbed(
    lattice: Lattice, first: np.ndarray, tolerance: float, most_steps: int
) -> tuple[Point, int]:
    """The point with ‖R - r‖ <= tolerance, or the best known, and the Newton steps in all.

    first (n,): psi to begin with. most_steps: at one problem at most.
    """
    full = bool((lattice.source.P > 0.0).all())
    at, steps = _descended(lattice, first, tolerance, most_steps, PATIENCE)
    # Where P has edges the last background costs more steps than all that epsilon asks for.
    ladders = [_by_background, _by_epsilon] if full else [_by_epsilon, _by_background]
    for ladder in ladders:
        if at.residual <= tolerance:
            break
        psi, taken = ladder(lattice, tolerance, most_steps)
        new, last = _descended(lattice, psi, tolerance, most_steps, most_steps)
        at, steps = (new if new.residual < at.residual else at), steps + taken + last
    return at, steps


def _by_epsilon(lattice: Lattice, tolerance: float, most_steps: int) -> tuple[np.ndarray, int]:
    """psi of the last rung and the steps in all."""
    psi, steps = np.zeros(lattice.sites.count), 0
    for epsilon in _rungs(lattice):
        rung = replace(lattice, epsilon=epsilon)
        at, taken = _descended(rung, psi, max(RUNG, tolerance), most_steps, most_steps)
        psi, steps = at.psi, steps + taken
    return psi, steps


def _by_background(lattice: Lattice, tolerance: float, most_steps: int) -> tuple[np.ndarray, int]:
    """psi of the last rung and the steps in all."""
    psi, steps, share = np.zeros(lattice.sites.count), 0, 1.0
    while share > LEAST * tolerance:
        rung = replace(lattice, source=_covered(lattice.source, share))
        enough = max(min(WIDE, BELOW * share), tolerance)
        at, taken = _descended(rung, psi, enough, most_steps, most_steps)
        psi, steps = at.psi, steps + taken
        share *= HALVED if share > MUCH else THINNED
    return psi, steps


def _covered(source: Source, share: float) -> Source:
    """P with a share of its mass spread evenly over the box."""
    area = source.P.size * source.spacing[0] * source.spacing[1]
    return replace(source, P=(1.0 - share) * source.P + share / area)


def _rungs(lattice: Lattice) -> list[float]:
    """From the mean squared distance to epsilon, without it."""
    sites, source = lattice.sites, lattice.source
    epsilon = source.second_moment + float((sites.b * sites.squares).sum())
    up = lattice.epsilon > epsilon
    found = []
    while lattice.epsilon > epsilon if up else lattice.epsilon < epsilon:
        found.append(epsilon)
        epsilon *= UP if up else DOWN
    return found


def _descended(
    lattice: Lattice, psi: np.ndarray, tolerance: float, most_steps: int, patience: int
) -> tuple[Point, int]:
    at, steps = point(lattice, psi), 0
    half, since = 0.5 * at.residual, 0
    while at.residual > tolerance and steps < most_steps and since < patience:
        at, length = improved(lattice, at)
        steps, since = steps + 1, since + 1
        if at.residual <= half:
            half, since = 0.5 * at.residual, 0
        if length == 0.0:
            break
    return at, steps
