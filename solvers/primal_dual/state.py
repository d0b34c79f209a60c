"""What changes during a primal–dual solve, and the way from grid to grid."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mfgprox.density import DensityError
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.solvers.iterate import TRANSIENT
from mfgprox.solvers.primal_dual.certificate import Lower, Upper
from mfgprox.solvers.primal_dual.discretisation import Discretisation, length_scale
from mfgprox.solvers.primal_dual.interpolation import in_space, in_time
from mfgprox.solvers.primal_dual.iteration import Iterate, Steps, cold, from_fields

COARSEST_CELLS = 24
"""No axis of the coarsest grid has more cells."""
FEWEST_STEPS = 4
"""Time steps below which time is not coarsened."""


@dataclass
class State:
    """level: index of the present grid; steps: iterations done on it; unit: the unit of length.

    upper, lower: the best certificates on this grid; values: estimates of the discrete
    values of the grids before; terminals: their terminal potentials (N,); idle: steps since one
    improved.
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
    discretisation: Discretisation | None = field(default=None, metadata=TRANSIENT)

    @property
    def levels(self) -> int:
        return len(self.cells)

    @property
    def last(self) -> bool:
        return self.level == self.levels - 1


def begin(problem: Problem, start: Solution | None, steps: Steps) -> State:
    """Cold on the coarsest grid, or from a solution on the problem's own."""
    grids = nested(problem.grid) if start is None else [problem.grid]
    usable = [g for g in grids[:-1] if _samples(problem, g)] + grids[-1:]
    unit = length_scale(problem)
    first = Discretisation(_on(problem, usable[0]), unit)
    iterate = cold(first) if start is None else _from_solution(first, start, steps)
    return State(
        [g.cells for g in usable], [g.time_steps for g in usable], unit, 0, iterate,
        discretisation=first,
    )  # fmt: skip


def present(problem: Problem, state: State) -> Discretisation:
    """The discretisation of the present grid."""
    if state.discretisation is None:
        grid = problem.grid.with_cells(state.cells[state.level], state.time_steps[state.level])
        state.discretisation = Discretisation(_on(problem, grid), state.unit)
    return state.discretisation


def refine(problem: Problem, state: State, steps: Steps) -> None:
    """Go on to the next grid, starting from the fields of this one."""
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
    rho = _rho_on(new, fields.rho, old.problem.grid)
    U = _U_on(new, -steps.sigma * fields.phi, _half_times(old.slabs), old.problem.grid)
    state.iterate = from_fields(new, steps, rho, U)
    state.steps = state.idle = 0
    state.upper = state.lower = None


def discrete_value(upper: Upper, lower: Lower) -> float:
    """Estimate of the discrete optimum, between the Lagrangian of the chain and the pair, which is
    never below it."""
    return 0.5 * (upper.value + min(lower.value + lower.charge, upper.value))


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


def _half_times(slabs: int) -> np.ndarray:
    return (np.arange(slabs) + 0.5) / slabs


def _rho_on(d: Discretisation, rho: np.ndarray, grid: Grid) -> np.ndarray:
    """Densities (levels, N) of another grid on this one: >= 0, mass one, P at time 0."""
    times = np.arange(len(rho)) / (len(rho) - 1)
    new = d.problem.grid
    values = in_time(rho.reshape(len(rho), *grid.shape), times, new.times)
    values = np.maximum(in_space(values, grid, new).reshape(len(new.times), -1), 0.0)
    values[-1] *= d.allowed
    if not values[-1].any():
        values[-1] = d.allowed
    values[0] = d.P
    return values / (values.sum(axis=1, keepdims=True) * new.cell_volume)


def _U_on(d: Discretisation, U: np.ndarray, times: np.ndarray, grid: Grid) -> np.ndarray:
    """Potentials (times, N) of another grid between the levels of this one, (K, N)."""
    values = in_time(U.reshape(len(U), *grid.shape), times, _half_times(d.slabs))
    return in_space(values, grid, d.problem.grid).reshape(d.slabs, -1)


def _from_solution(d: Discretisation, start: Solution, steps: Steps) -> Iterate:
    grid = start.problem.grid
    rho = _rho_on(d, start.rho, grid)
    U = _U_on(d, start.U / d.unit, np.linspace(0.0, 1.0, len(start.U)), grid)
    return from_fields(d, steps, rho, U)
