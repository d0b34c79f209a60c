"""Where Newton's method begins, its steps, and how far it goes along a direction."""

from __future__ import annotations

import math

import numpy as np

from mfgprox.solution import Solution
from mfgprox.solvers.newton_level import Direction, Level, Potential, resampled
from mfgprox.solvers.newton_linear import EFFORT, THOROUGH
from mfgprox.solvers.newton_state import SETTLED, NewtonState

ROUNDING = 1e-13
PATIENCE = 4
"""Steps on a grid after which the last systems are solved better: for large epsilon the smoothest
errors are nearly in the kernel, and steps that leave 5 % of them never end."""
TRUSTED = 0.02
"""Mass that the residual leaves in the wrong place below which full steps need no line search."""


def advance(
    level: Level, at: Potential, state: NewtonState, there: bool
) -> tuple[Potential, Direction, bool]:
    """A step, which the state takes, and whether no further one helps on this grid.

    there: whether epsilon is the one that was asked for.
    """
    slowly = there and state.steps >= PATIENCE and state.residual < TRUSTED
    effort = THOROUGH if slowly else EFFORT
    way = level.direction(at, state.epsilon, state.floor, effort)
    trusted = (
        way.clamped < SETTLED
        and way.residual < min(TRUSTED, 1.2 * state.residual)
        and abs(way.decrement) <= 2.0 * state.decrement
    )
    if trusted:
        new, length = level.normalised(at.chi + way.step, state.epsilon), 1.0
    else:
        new, length = search(level, at, way, state.epsilon)
    slow = trusted and way.residual > 0.95 * state.residual
    state.take(new, way)
    return new, way, length == 0.0 or slow or state.folds


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
