"""What changes during a solve: the potential, the grid that it stands on, the values so far."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from mfgprox.solvers.back_and_forth.lattice import Lattice
from mfgprox.solvers.back_and_forth.plan import Plan
from mfgprox.solvers.iterate import TRANSIENT


@dataclass
class BackAndForthState:
    """psi on the cells of the level, flat; blur of each source, empty before it is chosen."""

    level: int
    psi: np.ndarray
    blur: np.ndarray = field(default_factory=lambda: np.empty(0))
    steps: int = 0
    """On this grid."""
    dual: float = math.nan
    gap: float = math.nan
    residual: float = math.inf
    """∫ |R of the potential - R of its plan|."""
    decrement: float = math.inf
    values: list[float] = field(default_factory=list)
    """Dual values of the coarser grids that were solved, coarsest first."""
    between: list[float] = field(default_factory=list)
    """Of the splines through the potentials of those grids, for p other than 2."""
    cooled: int = 0
    """Stages of less blur on the last grid, where the cost is linear beyond a distance."""
    warmer: list[np.ndarray] = field(default_factory=list)
    """psi and blur of the stage before."""
    warmest: list[np.ndarray] = field(default_factory=list)
    """psi and blur before the first stage."""
    direct: np.ndarray = field(default_factory=lambda: np.empty(0))
    """Masses of R where the line was solved directly: psi and they are final."""
    notes: list[str] = field(default_factory=list)
    lattice: Lattice | None = field(default=None, metadata=TRANSIENT)
    plan: Plan | None = field(default=None, metadata=TRANSIENT)
