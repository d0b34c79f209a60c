"""Where a solve by fictitious play stands, and how it moves from grid to grid."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.solvers import fictitious_grids as grids
from mfgprox.solvers.fictitious_averaging import Average
from mfgprox.solvers.fictitious_level import Level, Response, stable_steps
from mfgprox.solvers.iterate import TRANSIENT
from mfgprox.solvers.warm import Origin, Useless, not_used, origin_of, terminal_potential

EXTRAPOLATED = 3
"""How many of the finest grids are solved to the end and enter the Richardson extrapolation."""
FASTER = 1.25
"""Margin of the bound on speeds that a start suggests: the scheme spreads mass further."""
FINE_ENOUGH = 32
"""A grid with fewer cells on every axis is too coarse for a first-order error."""


@dataclass
class State:
    """Where a solve stands; the grid that is being solved is the last one reached.

    potentials: U_1 of every grid reached, before the cap, (nz, ny, nx), coarsest first.
    steps, speeds: internal time steps and the bound on speeds of every grid reached.
    finest_steps: internal steps of the finest grid, 0 before they are known; those of the other
    extrapolated grids follow from it, so that time steps and widths shrink together.
    start, origin: the terminal potential to start from on the problem's grid, and whose it was.
    age: updates done on this grid; slow_steps: how many of the last ones gained little.
    average, best_dual: the averaged pair of this grid (averaging rules only).
    """

    levels: int
    first_extrapolated: int
    potentials: list[np.ndarray] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    speeds: list[float] = field(default_factory=list)
    finest_steps: int = 0
    age: int = 0
    slow_steps: int = 0
    enlargements: int = 0
    best_dual: float = -math.inf
    average: Average | None = None
    start: np.ndarray | None = None
    origin: Origin | None = None
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] | None = field(default=None, metadata=TRANSIENT)
    response: Response | None = field(default=None, metadata=TRANSIENT)

    @property
    def level(self) -> int:
        """The current grid, 0 the coarsest."""
        return len(self.potentials) - 1

    @property
    def last(self) -> bool:
        """Whether that is the problem's own grid."""
        return self.level == self.levels - 1


def begin(problem: Problem, start: Solution | None) -> State:
    """Cold: a constant potential on the coarsest grid. Warm: the potential of the start, on the
    grids that the extrapolation needs."""
    if start is not None:
        try:
            return _begin_from(problem, start)
        except (Useless, FloatingPointError) as error:
            state = begin(problem, None)
            state.notes.append(not_used(start.solver, str(error)))
            return state
    problems = grids.nested(problem)
    state = State(len(problems), _first_extrapolated(problems), problems=problems)
    _enter(problem, state, [np.zeros(problems[0].grid.shape)], problem.grid.diameter)
    return state


def _begin_from(problem: Problem, start: Solution) -> State:
    """Raises Useless where the constant potential is a better start."""
    if start.problem.grid.dimension != problem.grid.dimension:
        raise Useless(f"it is {start.problem.grid.dimension}-dimensional")
    potential = grids.resample(terminal_potential(start), start.problem.grid, problem.grid)
    problems = grids.nested(problem, EXTRAPOLATED)
    state = State(len(problems), _first_extrapolated(problems), problems=problems)
    state.start, state.origin = potential, origin_of(start)
    grid, diameter = problems[0].grid, problem.grid.diameter
    level = Level(problems[0], stable_steps(problems[0], diameter), diameter)
    first = _start_on(problem, state, 0)
    response, rest = level.respond(first), level.respond(np.zeros(grid.shape))
    if not response.dual > rest.dual:
        raise Useless("its dual value is below that of a constant")
    _enter(problem, state, [first], min(diameter, FASTER * grids.next_speed(response)))
    return state


def _start_on(problem: Problem, state: State, level: int) -> np.ndarray:
    """The potential of the start on a nested grid."""
    assert state.start is not None
    return grids.resample(state.start, problem.grid, _problems(problem, state)[level].grid)


def advance(problem: Problem, state: State) -> None:
    """Go on to the next grid, from what the coarser ones found."""
    problems, level = _problems(problem, state), state.level
    known = range(max(0, level - 1), level + 1)
    potentials = [
        _level(problem, state, i).admissible(state.potentials[i])[0].reshape(problems[i].grid.shape)
        for i in known
    ]
    starts = grids.prolonged(
        potentials, [problems[i].grid for i in known], problems[level + 1].grid
    )
    starts += _safe_starts(current(problem, state), problems[level].grid, problems[level + 1].grid)
    if state.start is not None:
        own = [_start_on(problem, state, i) for i in (*known, level + 1)]
        nested = [problems[i].grid for i in (*known, level + 1)]
        starts.append(grids.corrected(own, potentials, nested))
    speed = state.speeds[-1]
    if level < state.first_extrapolated:
        speed = grids.next_speed(current(problem, state))
    _enter(problem, state, starts, speed)


def _safe_starts(response: Response, coarse: Grid, fine: Grid) -> list[np.ndarray]:
    """The potential that was found without its valleys in tails, which may draw all the mass where
    speeds are bounded otherwise, and a constant."""
    mass = response.gibbs
    lowest = response.potential[mass > grids.WITH_MASS * mass.max()].min()
    filled = np.maximum(response.potential, lowest).reshape(coarse.shape)
    return [grids.resample(filled, coarse, fine, degree=1, beyond=False), np.zeros(fine.shape)]


def speed_up(problem: Problem, state: State) -> None:
    """Begin the extrapolated grids again with faster speeds, from the first of them."""
    state.enlargements += 1
    speed = grids.next_speed(current(problem, state))
    kept = state.first_extrapolated + 1
    for values in (state.potentials, state.steps, state.speeds):
        del values[kept:]
    state.finest_steps = 0
    state.speeds[-1] = max(speed, state.speeds[-1])
    state.steps[-1] = _steps(problem, state, state.level, state.speeds[-1])
    _restart(state)


def current(problem: Problem, state: State) -> Response:
    """The best response on the current grid, computed when it is not there."""
    if state.response is None:
        state.response = reached(problem, state, state.level)
    return state.response


def reached(problem: Problem, state: State, level: int) -> Response:
    """The best response on any grid reached."""
    if level == state.level and state.response is not None:
        return state.response
    return _level(problem, state, level).respond(state.potentials[level])


def _enter(problem: Problem, state: State, starts: list[np.ndarray], speed: float) -> None:
    """Begin the next grid from the best of the starts, by the dual value."""
    level = len(state.potentials)
    state.speeds.append(speed)
    state.steps.append(_steps(problem, state, level, speed))
    rules = _level(problem, state, level)
    best = max((rules.respond(start) for start in starts), key=lambda response: response.dual)
    if not np.isfinite(best.dual):
        raise FloatingPointError("the potential that the grid starts from is not finite")
    state.potentials.append(best.wanted)
    _restart(state)
    state.response = best


def _steps(problem: Problem, state: State, level: int, speed: float) -> int:
    """Internal steps of a grid: on the extrapolated ones dt shrinks as the widths do."""
    problems = _problems(problem, state)
    least = stable_steps(problems[level], speed)
    if level < state.first_extrapolated:
        return least
    if state.finest_steps == 0:
        needed = [
            stable_steps(p, speed) * grids.coarsening(problem.grid, p.grid)
            for p in problems[state.first_extrapolated :]
        ]
        state.finest_steps = grids.whole_steps(problem.grid, max(needed))
    return max(
        least, round(state.finest_steps / grids.coarsening(problem.grid, problems[level].grid))
    )


def _restart(state: State) -> None:
    state.response, state.average = None, None
    state.age, state.slow_steps, state.best_dual = 0, 0, -math.inf


def _first_extrapolated(problems: list[Problem]) -> int:
    """The first of the grids to be extrapolated: fine enough, unless there are only two."""
    fine = sum(max(p.grid.cells) >= FINE_ENOUGH for p in problems)
    return max(0, len(problems) - max(2, min(EXTRAPOLATED, fine)))


def _problems(problem: Problem, state: State) -> list[Problem]:
    if state.problems is None:
        state.problems = grids.nested(problem, state.levels)
    return state.problems


def _level(problem: Problem, state: State, level: int) -> Level:
    return Level(_problems(problem, state)[level], state.steps[level], state.speeds[level])
