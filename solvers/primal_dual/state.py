"""What changes during a primal–dual solve, and the way from grid to grid."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from mfgprox.density import DensityError
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.solvers.iterate import TRANSIENT
from mfgprox.solvers.primal_dual.chain import Lower
from mfgprox.solvers.primal_dual.discretisation import Discretisation, length_scale
from mfgprox.solvers.primal_dual.feasible import Upper
from mfgprox.solvers.primal_dual.fields import Start, U_on, fields_of, half_times, rho_on
from mfgprox.solvers.primal_dual.iteration import Iterate, Steps, cold, from_fields
from mfgprox.solvers.warm import Useless, not_used

COARSEST_CELLS = 24
"""No axis of the coarsest grid has more cells."""
FEWEST_STEPS = 4
"""Time steps below which time is not coarsened."""
ORDER_WINDOW = 0.5


@dataclass
class State:
    """level: index of the present grid; steps: iterations done on it; unit: the unit of length.

    upper, lower: the best certificates on this grid; values: estimates of the discrete
    values of the grids before; terminals: their terminal potentials (N,); idle: steps since one
    improved. start: where the grids begin that are not reached from a coarser one; trusted: it is
    known to be near the optimum on the last grid. allowed: the gap that the tolerance allows, in
    the problem's units.
    """

    cells: list[tuple[int, ...]]
    time_steps: list[int]
    unit: float
    level: int
    iterate: Iterate
    steps: int = 0
    upper: Upper | None = None
    lower: Lower | None = None
    values: list[float] = field(default_factory=list)
    terminals: list[np.ndarray] = field(default_factory=list)
    idle: int = 0
    start: Start | None = None
    trusted: bool = False
    allowed: float = 0.0
    notes: list[str] = field(default_factory=list)
    discretisation: Discretisation | None = field(default=None, metadata=TRANSIENT)

    @property
    def levels(self) -> int:
        return len(self.cells)

    @property
    def last(self) -> bool:
        return self.level == self.levels - 1


def begin(problem: Problem, start: Solution | None, steps: Steps) -> State:
    """Cold on the coarsest grid. From a solution on the two or three finest grids, of which the
    coarser ones tell the discretisation error."""
    grids = nested(problem.grid)
    usable = [g for g in grids[:-1] if _samples(problem, g)] + grids[-1:]
    fields, notes = None, []
    if start is not None:
        try:
            fields = fields_of(problem, start)
            usable = [g for g in usable[-3:-2] if max(g.cells) >= COARSEST_CELLS] + usable[-2:]
        except Useless as error:
            notes.append(not_used(start.solver, str(error)))
    unit = length_scale(problem)
    first = Discretisation(_on(problem, usable[0]), unit)
    iterate = cold(first) if fields is None else fields.on(first, steps)
    return State(
        [g.cells for g in usable], [g.time_steps for g in usable], unit, 0, iterate,
        start=fields, notes=notes, discretisation=first,
    )  # fmt: skip


def begin_again(problem: Problem, state: State, steps: Steps, reason: str) -> None:
    """Forget the start: cold on the coarsest grid."""
    assert state.start is not None
    fresh = begin(problem, None, steps)
    fresh.notes = [*state.notes, not_used(state.start.origin.solver, reason)]
    state.__dict__.update(fresh.__dict__)


def present(problem: Problem, state: State) -> Discretisation:
    """The discretisation of the present grid."""
    if state.discretisation is None:
        grid = problem.grid.with_cells(state.cells[state.level], state.time_steps[state.level])
        state.discretisation = Discretisation(_on(problem, grid), state.unit)
    return state.discretisation


def refine(problem: Problem, state: State, steps: Steps) -> None:
    """Go on to the next grid, from the start or else from the fields of this one."""
    old = present(problem, state)
    fields = state.iterate
    if state.upper is not None and state.lower is not None:
        state.values.append(discrete_value(state.upper, state.lower))
        state.terminals.append(state.lower.U[-1])
    else:  # stopped early: what older grids say does not extrapolate past this one
        state.values, state.terminals = [], []
    state.level += 1
    state.discretisation = None
    new = present(problem, state)
    if state.start is not None:
        state.iterate = state.start.on(new, steps)
    else:
        grid, half = old.problem.grid, half_times(old.slabs)
        rho = rho_on(new, fields.rho, grid)
        U = U_on(new, -steps.sigma * fields.phi, half, grid)
        state.iterate = from_fields(new, steps, rho, U, steps.floor)
    state.steps = state.idle = 0
    state.upper = state.lower = None


def discrete_value(upper: Upper, lower: Lower) -> float:
    """Estimate of the discrete optimum, between the Lagrangian of the chain and the pair, which is
    never below it."""
    return 0.5 * (upper.value + min(lower.value + lower.charge, upper.value))


def refinement(state: State) -> float:
    """How much finer the last grid is than the one before."""
    pairs = zip(*state.cells[-2:], strict=True)
    return float(np.mean([fine / coarse for coarse, fine in pairs if fine > coarse]))


def regular(before: float, after: float, state: State) -> bool:
    """Whether two differences in a row shrink as errors of order 2 ± ORDER_WINDOW do.

    Coarse grids that do not resolve P or Q would make an extrapolation worse than none.
    """
    order = math.log(before / after) / math.log(refinement(state))
    return abs(order - 2.0) <= ORDER_WINDOW


def nested(grid: Grid) -> list[Grid]:
    """The grids from the coarsest to the finest."""
    grids = [grid]
    while max(grids[0].cells) > COARSEST_CELLS:
        coarse = grids[0].coarsened()
        time_steps = max(coarse.time_steps, min(FEWEST_STEPS, grids[0].time_steps))
        grids.insert(0, grid.with_cells(coarse.cells, time_steps))
    return grids


def _on(problem: Problem, grid: Grid) -> Problem:
    return problem if grid == problem.grid else problem.on(grid)


def _samples(problem: Problem, grid: Grid) -> bool:
    """Whether P and Q have mass on a coarse grid too."""
    try:
        problem.on(grid)
    except DensityError:
        return False
    return True
