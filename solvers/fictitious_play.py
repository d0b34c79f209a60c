"""Fictitious play on a monotone scheme and its transpose, on nested grids, extrapolated.

Each step answers a terminal potential U_1 by a backward Hamilton-Jacobi and a forward continuity
sweep, which are exact discrete adjoints, and updates U_1: by a Newton step (default), or from the
average of (rho, m) over the answers with weights 1/(k+1) or by exact line search.
Source: Baptista et al., Proximal optimal transport divergences, (2.23)-(2.25); the line search is
the generalised conditional gradient method (Lavigne and Pfeiffer, arXiv 2209.12772).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.solvers import fictitious_averaging as averaging
from mfgprox.solvers import fictitious_grids as grids
from mfgprox.solvers import fictitious_newton as newton
from mfgprox.solvers import fictitious_state as states
from mfgprox.solvers.fictitious_level import Response
from mfgprox.solvers.fictitious_result import Outcome, assemble
from mfgprox.solvers.fictitious_state import State
from mfgprox.solvers.fictitious_terminal import unmet
from mfgprox.solvers.iterate import Record
from mfgprox.solvers.refuse import require_plain
from mfgprox.tolerance import Status, Tolerance

UPDATES = ("newton", "line-search", "classical")
ROUGH_GAP, ROUGH_STEPS = 1e-3, 12
"""A grid that is not extrapolated only gives a start: a relative gap, or so many updates."""
GAP, RESIDUAL = 1e-6, 1e-4
"""Relative discrete gap and ∫|R_pushed - R_Gibbs|, where U_1 tells R, of the grids that are
extrapolated: R is off by that, which may be as large as the root of the gap."""
GAIN = 1e-5
"""Relative rise of the dual value in the last update below which, from a start, the coarser ones of
these grids are done too: what remains is a fraction of it, and the gap is mostly in the tails."""
QUICK, ACCURATE = (0.5, 15), (0.02, 40)
"""Forcing and products of the Newton equations; accurate ones pay on the first grid from a start,
which is far from it in the tails and small."""
SLOW, SLOW_STEPS, MOST_SLOW_STEPS = 0.9, 3, 12
"""Updates that leave more than this share of gap and residual are slow; after so many in a row the
residual no longer matters, after more the grid is left, or the solve ends as stalled."""
LEVEL_STEPS = 40
"""An extrapolated grid, but the finest, is left after so many updates."""
MATTERS = 1e-5
"""Density relative to the largest above which no speed may be cut."""
MOST_ENLARGEMENTS = 4
"""How often the bound on speeds may be raised."""


@dataclass(frozen=True)
class FictitiousPlay:
    """The settings; update: one of UPDATES. Raises ValueError for an unknown update."""

    update: str = "newton"
    name = "fictitious-play"

    def __post_init__(self) -> None:
        if self.update not in UPDATES:
            raise ValueError(f"update must be one of {', '.join(UPDATES)}; got {self.update!r}")

    def init(self, problem: Problem, start: Solution | None, tolerance: Tolerance) -> State:
        """The state before the first step, on the coarsest grid."""
        require_plain(problem, self.name)
        return states.begin(problem, start)

    def step(self, problem: Problem, state: State, tolerance: Tolerance) -> Record:
        """One update of the potential of the current grid; goes on to the next grid when done."""
        response = states.current(problem, state)
        update = self._newton if self.update == "newton" else self._average
        record = update(problem, state, response, tolerance)
        if not math.isfinite(record.dual) or math.isnan(record.primal):
            raise FloatingPointError("the values of a best response are not finite")
        if state.response is not None:
            state.age += 1
            if not state.last and (record.stalled or self._done(state, record)):
                states.advance(problem, state)
        return record

    def finish(
        self,
        problem: Problem,
        state: State,
        status: Status,
        iterations: int,
        history: dict[str, np.ndarray],
    ) -> Solution:
        """Richardson extrapolation over the grids that were solved, on top of the finest one."""
        solved = state.last and status in (Status.CONVERGED, Status.STALLED)
        while not state.last:
            states.advance(problem, state)
        levels = [state.level]
        if solved and self.update == "newton":
            levels = list(range(state.level, state.first_extrapolated - 1, -1))
        responses = [states.reached(problem, state, level) for level in levels]
        outcome = Outcome(self.name, status, iterations, history)
        solution = assemble(problem, outcome, responses, state.average, state.best_dual)
        notes = [*solution.notes, *state.notes]
        if state.origin is not None:
            value, error = solution.divergence, solution.divergence_error
            notes.append(state.origin.confirmation(problem.epsilon, value, error))
        return replace(solution, notes=tuple(notes))

    def _newton(
        self, problem: Problem, state: State, response: Response, tolerance: Tolerance
    ) -> Record:
        warm = state.start is not None
        accuracy = ACCURATE if warm and state.level == 0 else QUICK
        new, improved = newton.update(response, *accuracy)
        state.response, state.potentials[-1] = new, new.wanted
        left = unmet(new)
        slow = new.gap > SLOW * response.gap and left > SLOW * unmet(response)
        state.slow_steps = state.slow_steps + 1 if slow else 0
        improved = improved and state.slow_steps < MOST_SLOW_STEPS
        settled = _settled(new, left, tolerance, patient=state.slow_steps < SLOW_STEPS)
        if warm and not state.last:
            gain = new.dual - response.dual
            settled = settled or (gain <= GAIN * abs(new.dual) and left <= RESIDUAL)
        if settled and _too_slow(state, new):
            record = _record(state, new, settled=False)
            states.speed_up(problem, state)
            return record
        return _record(state, new, settled=settled, stalled=not improved)

    def _average(
        self, problem: Problem, state: State, response: Response, tolerance: Tolerance
    ) -> Record:
        level = response.level
        if state.average is None:
            state.average = averaging.pair_of(response)
        answer = averaging.respond_to(level, state.average)
        state.best_dual = max(state.best_dual, answer.dual)
        primal = averaging.primal(level, state.average)
        state.response, state.potentials[-1] = answer, answer.wanted
        record = Record(
            state.level,
            state.levels,
            primal=primal,
            dual=state.best_dual,
            residual=answer.residual,
            exploitability=primal - answer.dual,
        )
        if not tolerance.met(record.gap, record.dual):
            pair = averaging.pair_of(answer)
            state.average = averaging.mix(level, state.average, pair, self.update)
        return record

    def _done(self, state: State, record: Record) -> bool:
        """Whether the current grid, not the finest, has given what it is for."""
        if state.level < state.first_extrapolated or self.update != "newton":
            near = record.gap <= ROUGH_GAP * abs(record.dual)
            return near or state.age >= ROUGH_STEPS
        return record.settled or state.age >= LEVEL_STEPS


def _settled(response: Response, left: float, tolerance: Tolerance, patient: bool) -> bool:
    """Whether the gap, and while there is patience what is left of R too, are small enough for the
    extrapolation to make sense."""
    rtol = min(tolerance.rtol, GAP)
    near = response.gap <= tolerance.atol + rtol * abs(response.dual)
    return near and (left <= RESIDUAL or not patient)


def _too_slow(state: State, response: Response) -> bool:
    """Whether mass moves at the bound on speeds on a grid that is extrapolated."""
    level = response.level
    matters = state.level >= state.first_extrapolated and state.enlargements < MOST_ENLARGEMENTS
    faster = level.speed < level.problem.grid.diameter
    return matters and faster and grids.used_speed(response, MATTERS) > level.speed


def _record(state: State, response: Response, **flags: bool) -> Record:
    return Record(
        state.level,
        state.levels,
        primal=response.primal,
        dual=response.dual,
        residual=response.residual,
        exploitability=response.gap,
        **flags,
    )
