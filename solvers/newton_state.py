"""What changes during a Newton solve."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from mfgprox.solvers.iterate import TRANSIENT
from mfgprox.solvers.newton_continuation import Continuation
from mfgprox.solvers.newton_level import Direction, Level, Potential

FIRST_FLOOR, REFINED_FLOOR, LAST_FLOOR = 0.05, 4e-3, 1e-5
UNSEEN, CAUGHT_ON = 1e-9, 0.1
SETTLED = 1e-6
"""Share of the mass on clamped cells below which the map counts as a smooth one."""
PATIENCE, WINDOW = 8, 4
"""Steps that Newton may take without progress, and those over which progress is measured."""
FALL, MOST_FALLS = 1e-6, 2
"""Share of the dual value that counts as a fall, and how many falls in a row are no accident."""


@dataclass
class NewtonState:
    """chi and the constant of the current grid, and how far the solve has come."""

    level: int
    chi: np.ndarray
    epsilon: float
    """Of the current problem: smaller than the asked one while it is being approached."""
    constant: float = math.nan
    dual: float = math.nan
    primal: float = math.nan
    scale: float = 0.0
    """|D| as far as it is known."""
    floor: float = 0.5
    """Eigenvalue of DS below which its logarithm is continued linearly."""
    steps: int = 0
    """On this grid at this epsilon."""
    residual: float = math.inf
    decrement: float = math.inf
    clamped: float = 0.0
    course: list[list[float]] = field(default_factory=list)
    """Residual and clamped share of the mass, step by step, on this grid at this epsilon."""
    falls: int = 0
    """Steps in a row by which the dual value fell, on this grid at this epsilon."""
    folded: float = math.nan
    """The clamped share that the coarser grid was left with, if Newton failed on it."""
    duals: list[float] = field(default_factory=list)
    """Dual values of the grids that are done, coarsest first."""
    settled: bool = False
    """On the problem's own grid and epsilon."""
    excess: float = math.inf
    """Of the primal over the dual value, once settled."""
    corrections: int = 0
    before: np.ndarray | None = None
    """chi before the last correction."""
    continuation: Continuation = field(default_factory=Continuation)
    work: Level | None = field(default=None, metadata=TRANSIENT)

    def take(self, new: Potential, way: Direction) -> None:
        """Note a step."""
        fell = self.dual - new.dual > FALL * self.scale
        self.falls = self.falls + 1 if fell else 0
        self.chi, self.constant, self.dual = new.chi, new.constant, new.dual
        if math.isfinite(new.dual):
            self.scale = abs(new.dual)
        elif self.scale == 0.0:
            self.scale = abs(way.primal)
        self.steps += 1
        self.residual, self.decrement = way.residual, abs(way.decrement)
        self.clamped, self.floor = way.clamped, _next_floor(self.floor, way)
        self.course.append([way.residual, way.clamped])

    @property
    def folds(self) -> bool:
        """Whether the map stays folded: neither the residual nor the clamped mass still halves, or
        steps that should raise the dual value lower it."""
        if self.clamped <= SETTLED:
            return False
        if self.falls >= MOST_FALLS:
            return True
        if len(self.course) < PATIENCE:
            return False
        residuals, clamped = zip(*self.course, strict=True)
        return (
            min(residuals[-WINDOW:]) > 0.5 * min(residuals[:-WINDOW])
            and clamped[-1] > 0.5 * clamped[-1 - WINDOW]
        )

    @property
    def caught_on(self) -> bool:
        """Whether Newton came close enough for another start not to change where it ends."""
        return any(residual < CAUGHT_ON for residual, _ in self.course)

    def restart(self, epsilon: float) -> None:
        """Forget all but chi, the level and the way so far."""
        self.epsilon, self.steps, self.floor, self.work = epsilon, 0, 0.5, None
        self.course, self.falls = [], 0
        self.constant = self.dual = self.primal = math.nan
        self.residual = self.decrement = math.inf


def _next_floor(floor: float, way: Direction) -> float:
    """Halved until the map is smooth above it; below FIRST_FLOOR only when Newton has caught on."""
    if floor > FIRST_FLOOR or (way.clamped > UNSEEN and way.residual < CAUGHT_ON):
        return max(0.5 * floor, LAST_FLOOR)
    return floor
