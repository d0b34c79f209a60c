"""Where Newton's method begins, and how far it goes along a direction."""

from __future__ import annotations

import math

import numpy as np

from mfgprox.solution import Solution
from mfgprox.solvers.newton_level import Direction, Level, Potential, resampled

ROUNDING = 1e-13
TRUSTED = 0.02
"""Mass that the residual leaves in the wrong place below which full steps need no line search."""


def search(level: Level, at: Potential, way: Direction, epsilon: float) -> tuple[Potential, float]:
    """The longest of the steps 1, ½, ¼, … that raises the dual value enough; 0 if none does."""
    if not math.isfinite(at.dual):
        at = level.evaluated(at)
    # Near the root the discrete residual and the dual value differ by the discretisation error.
    allowance = ROUNDING * (1.0 + abs(at.dual))
    if way.residual < TRUSTED:
        allowance += abs(way.decrement)
    length = 1.0
    while length > 1e-3:
        try:
            new = level.evaluated(level.normalised(at.chi + length * way.step, epsilon))
        except FloatingPointError:
            length *= 0.5
            continue
        if new.dual >= at.dual + 1e-4 * length * max(way.decrement, 0.0) - allowance:
            return new, length
        length *= 0.5
    return at, 0.0


def chi_of(start: Solution, level: Level, epsilon: float) -> np.ndarray:
    """chi of another solution, or zero where that is the better start."""
    grid = start.problem.grid
    psi = -np.asarray(start.U[-1]).reshape(grid.kernel_shape)
    same_box = (grid.lower, grid.upper) == (level.grid.lower, level.grid.upper)
    if not same_box or not np.isfinite(psi).all():
        return np.zeros(level.shape)
    return better(level, resampled(psi, level.shape) - level.base, epsilon)


def better(level: Level, chi: np.ndarray, epsilon: float) -> np.ndarray:
    """chi, or zero where that has the larger dual value, or chi one that is not finite."""
    zero = np.zeros(level.shape)
    least = level.evaluated(level.normalised(zero, epsilon)).dual
    try:
        found = level.evaluated(level.normalised(chi, epsilon)).dual
    except FloatingPointError:
        return zero
    return chi if found > least else zero
