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
from mfgprox.solvers.fictitious_level import CFL_LIMIT, Level, Response
from mfgprox.solvers.iterate import TRANSIENT

EXTRAPOLATED = 3
"""How many of the finest grids are solved to the end and enter the Richardson extrapolation."""
MOST_ENLARGEMENTS = 20


@dataclass
class State:
    """Where a solve stands; the grid that is being solved is the last one reached.

    potentials: U_1 of every grid reached, before the cap, (nz, ny, nx), coarsest first.
    steps, speeds: internal time steps and capped speeds (per axis, x first) of every grid reached.
    finest_steps: internal steps of the finest grid, 0 before they are known; those of the other
    extrapolated grids follow from it, so that time steps and widths shrink together.
    age: updates done on this grid. average: the averaged pair of this grid (averaging rules only).
    """

    levels: int
    first_extrapolated: int
    potentials: list[np.ndarray] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    speeds: list[np.ndarray] = field(default_factory=list)
    finest_steps: int = 0
    age: int = 0
    enlargements: int = 0
    best_dual: float = -math.inf
    average: Average | None = None
    problems: list[Problem] | None = field(default=None, metadata=TRANSIENT)
    response: Response | None = field(default=None, metadata=TRANSIENT)

    @property
    def level(self) -> int:
        return len(self.potentials) - 1

    @property
    def last(self) -> bool:
        return self.level == self.levels - 1


def begin(problem: Problem, start: Solution | None) -> State:
    """Cold: a constant potential on the coarsest grid. Warm: the potential of the start, on the
    grids that the extrapolation needs."""
    problems = grids.nested(problem, None if start is None else EXTRAPOLATED)
    state = State(len(problems), max(0, len(problems) - EXTRAPOLATED), problems=problems)
    grid = problems[0].grid
    potential = np.zeros(grid.shape)
    if start is not None:
        potential = grids.resample(start.U[-1], start.problem.grid, grid)
    _enter(problem, state, [potential], grids.box_speeds(problem))
    return state


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
    speeds = state.speeds[-1]
    if level < state.first_extrapolated:
        speeds = grids.used_speeds(current(problem, state))
    _enter(problem, state, starts, speeds)


def enlarge(problem: Problem, state: State, faster: float, longer: float) -> None:
    """Faster capped speeds and more time steps by these factors at least.

    The extrapolated grids must shrink together, so they are begun again from the first of them.
    Raises FloatingPointError when that has been done too often.
    """
    state.enlargements += 1
    if state.enlargements > MOST_ENLARGEMENTS:
        raise FloatingPointError("no number of time steps keeps the sweeps monotone")
    kept = min(state.level, state.first_extrapolated) + 1
    for values in (state.potentials, state.steps, state.speeds):
        del values[kept:]  # type: ignore[attr-defined]
    speeds = np.minimum(faster * state.speeds[-1], grids.box_speeds(problem))
    grid = _problems(problem, state)[state.level].grid
    least = max(longer * state.steps[-1], grids.stable_steps(grid, speeds))
    state.speeds[-1] = speeds
    state.steps[-1] = math.ceil(least)
    if state.level == state.first_extrapolated:
        state.finest_steps = grids.whole_steps(
            problem.grid, least * grids.coarsening(problem.grid, grid)
        )
        state.steps[-1] = _coarse_steps(problem.grid, grid, state.finest_steps)
    _restart(state)


def current(problem: Problem, state: State) -> Response:
    """The best response on the current grid, computed when it is not there."""
    while state.response is None:
        response = _level(problem, state, state.level).respond(state.potentials[-1])
        if response.cfl <= CFL_LIMIT:
            state.response = response
        else:
            _lengthen(problem, state, response.cfl)
    return state.response


def reached(problem: Problem, state: State, level: int) -> Response:
    """The best response on any grid reached."""
    if level == state.level:
        return current(problem, state)
    return _level(problem, state, level).respond(state.potentials[level])


def _enter(problem: Problem, state: State, starts: list[np.ndarray], speeds: np.ndarray) -> None:
    """Begin the next grid from the best of the starts, by the dual value."""
    grid = _problems(problem, state)[len(state.potentials)].grid
    if len(state.potentials) < state.first_extrapolated:
        steps = math.ceil(2.0 * grids.stable_steps(grid, speeds))
    else:
        if state.finest_steps == 0:
            least = grids.stable_steps(problem.grid, speeds)
            state.finest_steps = grids.whole_steps(problem.grid, least)
        steps = _coarse_steps(problem.grid, grid, state.finest_steps)
    state.steps.append(steps)
    state.speeds.append(speeds)
    level = _level(problem, state, len(state.potentials))
    best = max((level.respond(start) for start in starts), key=lambda response: response.dual)
    state.potentials.append(best.wanted)
    _restart(state)
    if best.cfl <= CFL_LIMIT:
        state.response = best
    else:
        _lengthen(problem, state, best.cfl)


def _lengthen(problem: Problem, state: State, cfl: float) -> None:
    if not math.isfinite(cfl):
        raise FloatingPointError("the potential is not finite")
    enlarge(problem, state, faster=1.0, longer=min(2.0, 1.05 * cfl / CFL_LIMIT))


def _restart(state: State) -> None:
    state.response, state.average = None, None
    state.age, state.best_dual = 0, -math.inf


def _coarse_steps(finest: Grid, grid: Grid, finest_steps: int) -> int:
    return max(1, round(finest_steps / grids.coarsening(finest, grid)))


def _problems(problem: Problem, state: State) -> list[Problem]:
    if state.problems is None:
        state.problems = grids.nested(problem, state.levels)
    return state.problems


def _level(problem: Problem, state: State, level: int) -> Level:
    return Level(_problems(problem, state)[level], state.steps[level], state.speeds[level])
