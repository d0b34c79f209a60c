"""The lattice problem on the line without blur, solved directly on nested grids.

What it finds is taken where its values agree; elsewhere the solve goes the way of any dimension.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers.back_and_forth.continuous import continuous
from mfgprox.solvers.back_and_forth.lattice import Lattice
from mfgprox.solvers.back_and_forth.line import Line, Point
from mfgprox.solvers.back_and_forth.plan import Plan

FILLINGS = (0.5, 0.1, 0.03, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
"""Stages; on grids after the first one from AGAIN on."""
AGAIN = 3
LEAST = 1e-12
"""Where nothing is filled."""
MOST_STEPS, MOST_POINTS = 60, 2500
"""Newton steps of a stage, and points in all: a solve that takes more is given up."""
SETTLED = 1e-14
"""Mass of a cell from which on its potential is believed."""
VALUES = 3
"""Grids whose values are told, before the last one."""


@dataclass(eq=False)
class Direct:
    """What was found: the plan on the last grid, and values as in `BackAndForthState`."""

    plan: Plan
    lattice: Lattice
    values: list[float] = field(default_factory=list)
    between: list[float] = field(default_factory=list)


def direct(problem: Problem, grids: list[Grid]) -> Direct | None:
    """The solution on the last of the nested grids, None where there is none."""
    try:
        with np.errstate(all="ignore"):
            return _direct(problem, grids)
    except (FloatingPointError, np.linalg.LinAlgError):
        return None


def _direct(problem: Problem, grids: list[Grid]) -> Direct | None:
    line: Line | None = None
    at: Point | None = None
    before: Lattice | None = None
    left = MOST_POINTS
    values: list[float] = []
    between: list[float] = []
    for level, grid in enumerate(grids):
        lattice = Lattice(problem if grid == problem.grid else problem.on(grid))
        torn = bool((np.diff(lattice.sources) > 1).any())
        for filled in _stages(torn, lattice.shared)[AGAIN if level else 0 :]:
            new = Line(lattice, *filled)
            if at is None or line is None or before is None:
                at = new.at(np.zeros(new.y.size))
            elif before is lattice:
                at = new.taken_over(line, at)
            else:
                first = Line(before, *filled)
                at = new.at(np.interp(new.y, first.y, first.taken_over(line, at).u))
            before = lattice
            at, points = new.solved(at, MOST_STEPS)
            line, left = new, left - points
            if left < 0:
                return None
        if level >= len(grids) - 1 - VALUES and at is not None:
            plan = sharp_plan(lattice, *_on_cells(lattice, at))
            if grid == problem.grid:
                return Direct(plan, lattice, values, between)
            values.append(plan.dual)
            between.append(continuous(lattice, plan).value)
    return None


def _stages(torn: bool, shared: bool) -> list[tuple[float, float]]:
    """What the gaps of P and the cells without Q are filled with; more of the former where both
    are, or mass that stays in such cells is lost to the gaps."""
    if torn or shared:
        power = 0.5 if shared else 1.0
        return [(f**power if torn else 0.0, f) for f in FILLINGS]
    return [(0.0, LEAST)] * (AGAIN + 1)


def _on_cells(lattice: Lattice, at: Point) -> tuple[np.ndarray, np.ndarray]:
    """psi = -U and the masses of R on the cells, flat."""
    R = np.exp(at.log_R)
    if lattice.shared:
        outside = -lattice.epsilon * lattice.f.recession
        return np.where(lattice.held, -at.U, outside), R
    psi, masses = np.full(lattice.held.size, -np.inf), np.zeros(lattice.held.size)
    psi[lattice.cells], masses[lattice.cells] = -at.U, R
    return psi, masses


def sharp_plan(lattice: Lattice, psi: np.ndarray, R: np.ndarray) -> Plan:
    """The plan that moves P to masses R in order, without its pairs, beside a potential: raised to
    its envelope, which raises J. Raises FloatingPointError where a value is not finite."""
    # Where next to nothing of R is, psi may not have settled yet, or follow from the rest.
    told = ~lattice.held | (R > SETTLED)
    tried = [_raised(lattice, psi), _raised(lattice, np.where(told, psi, -np.inf))]
    psi, phi, argmin, gibbs, dual = max(tried, key=lambda found: found[-1])
    cost, none = lattice.monotone_cost(R), np.empty(0)
    if not np.isfinite([dual, cost]).all():
        raise FloatingPointError("the values are not finite")
    whole = np.empty(0, np.int64)
    return Plan(psi, phi, argmin, R, R, whole, whole, none, dual, gibbs, cost, 0.0)


def _raised(
    lattice: Lattice, psi: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, float]:
    """psi raised to its envelope, psi^c and its argmin, the second term of J, and J."""
    phi, _ = lattice.transform(lattice.masked(psi))
    psi = lattice.masked(np.where(lattice.held, np.maximum(psi, lattice.envelope(phi)), psi))
    phi, argmin = lattice.transform(psi)
    _, gibbs = lattice.marginal(psi)
    dual = float((lattice.mass * phi.ravel()[lattice.sources]).sum()) - gibbs
    return psi, phi, argmin, gibbs, dual if np.isfinite(dual) else -np.inf
