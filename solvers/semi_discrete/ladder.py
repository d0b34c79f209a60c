"""A semi-discrete problem by way of others, whose epsilon is easier for Newton's method.

For epsilon of the order of the mean squared distance between P and Q neither is R forced far from
the cells that the points have at psi = 0, nor are masses pushed across gaps of P by potentials that
nothing holds back. From there epsilon changes by small factors, each potential starting the next.
Source: Baptista et al., Proximal optimal transport divergences, (2.4); continuation in epsilon.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mfgprox.solvers.semi_discrete.dual import Lattice, Point, point
from mfgprox.solvers.semi_discrete.newton import improved

DOWN, UP = 0.5, 3.0
"""Factors of epsilon from rung to rung: hidden cells appear on the way down, none on the way up."""
RUNG = 1e-3
"""‖R - r‖ at which a rung is left."""
PATIENCE = 30
"""Steps in which ‖R - r‖ must halve; a direct attempt that does not is given up for the ladder."""


def climbed(
    lattice: Lattice, first: np.ndarray, tolerance: float, most_steps: int
) -> tuple[Point, int]:
    """The point with ‖R - r‖ <= tolerance, or the best known, and the Newton steps in all.

    first (n,): psi to begin with. most_steps: at one epsilon at most.
    """
    at, steps = _descended(lattice, first, tolerance, most_steps, PATIENCE)
    if at.residual <= tolerance:
        return at, steps
    psi = np.zeros(lattice.sites.count)
    for epsilon in _rungs(lattice):
        rung = replace(lattice, epsilon=epsilon)
        on_the_way, taken = _descended(rung, psi, RUNG, most_steps, most_steps)
        psi, steps = on_the_way.psi, steps + taken
    new, taken = _descended(lattice, psi, tolerance, most_steps, most_steps)
    return (new if new.residual < at.residual else at), steps + taken


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
