"""Damped Newton on the logarithmic Monge–Ampère form of the optimality system, p = 2.

With psi = -U_1 and the inverse map S(y) = y - ½∇psi the optimum is the root of
    log det DS + log P(S) - log Q - log (f*)'(-psi/epsilon - nu).
Nested grids; a line search on the dual value, whose error is quadratic in that of psi; geometric
multigrid for the steps. Smooth positive P and Q with a continuous optimal map.
Source: Baptista et al., Proximal optimal transport divergences, Theorem 3.1 and (2.23)-(2.25).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.density import has_edges
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.solvers.iterate import Record, Unsuitable
from mfgprox.solvers.newton_certify import certified, competitor_of
from mfgprox.solvers.newton_continuation import REACHED, Continuation, first_epsilon
from mfgprox.solvers.newton_level import Direction, Level, Potential, resampled
from mfgprox.solvers.newton_line import LineState, NewtonOnTheLine, on_the_line
from mfgprox.solvers.newton_result import Outcome, solution
from mfgprox.solvers.newton_search import TRUSTED, advance, better, chi_of
from mfgprox.solvers.newton_start import gaussian_start, resolved
from mfgprox.solvers.newton_state import REFINED_FLOOR, SETTLED, NewtonState
from mfgprox.solvers.refuse import require_plain
from mfgprox.tolerance import Status, Tolerance

ACCEPTED = (
    "newton needs p = 2, or in one dimension p from 1.5 to 8; and P and Q smooth kinds (in one "
    "dimension with another p, or another f than kl, they may jump), positive on the box"
)
NEAR = 1e-6
"""Relative decrement below which a solve counts as settled though it no longer falls."""
FADES = 0.25
"""Share of the clamped mass that halving the cells must leave at most: else the map is torn."""


@dataclass(frozen=True)
class Newton:
    """Settings. coarsest: cells an axis of the first grid at most; 0: chosen by the dimension."""

    coarsest: int = 0
    most_steps: int = 40
    """Newton steps on one grid."""
    name: str = "newton"

    def __post_init__(self) -> None:
        if self.coarsest < 0 or self.most_steps < 1:
            raise ValueError(
                "newton: coarsest must be at least 0 and most_steps at least 1; got "
                f"{self.coarsest} and {self.most_steps}"
            )

    @property
    def on_the_line(self) -> NewtonOnTheLine:
        """Who solves problems in one dimension with p != 2 or f other than KL."""
        return NewtonOnTheLine(self.most_steps)

    def init(
        self, problem: Problem, start: Solution | None, tolerance: Tolerance
    ) -> NewtonState | LineState:
        """Raises ValueError for problems outside the method."""
        require(problem)
        if on_the_line(problem):
            return self.on_the_line.init(problem, start)
        grids = self.grids(problem.grid)
        if start is None:
            state = NewtonState(0, np.zeros(grids[0].kernel_shape), problem.epsilon)
            level = self.level(problem, state)
            state.chi = level.gibbs.start(gaussian_start(problem, grids[0], problem.epsilon))
            return state
        state = NewtonState(len(grids) - 1, np.zeros(problem.grid.kernel_shape), problem.epsilon)
        state.chi = chi_of(start, self.level(problem, state), problem.epsilon)
        return state

    def grids(self, grid: Grid) -> list[Grid]:
        """The nested grids, coarsest first."""
        most = self.coarsest or (256, 64, 32)[grid.dimension - 1]
        grids = [grid]
        while max(grids[0].cells) > most:
            grids.insert(0, grids[0].with_cells(grids[0].coarsened().cells))
        return grids

    def level(self, problem: Problem, state: NewtonState) -> Level:
        """The level that the state stands on."""
        if state.work is None:
            grids = self.grids(problem.grid)
            grid = grids[state.level]
            here = problem if grid == problem.grid else problem.on(grid)
            start = gaussian_start(problem, grids[0], state.epsilon)
            state.work = Level(here, start)
            state.floor = min(state.floor, 0.5 * start.contraction)
        return state.work

    def step(
        self, problem: Problem, state: NewtonState | LineState, tolerance: Tolerance
    ) -> Record:
        if isinstance(state, LineState):
            return self.on_the_line.step(problem, state, tolerance)
        level, levels = self.level(problem, state), len(self.grids(problem.grid))
        here, there = state.level, state.epsilon == problem.epsilon
        at = Potential(state.chi, state.constant, state.dual)
        if not math.isfinite(at.constant):
            at = level.normalised(state.chi, state.epsilon)
        if state.corrections:
            return certified(level, level.evaluated(at), state, tolerance, levels)
        new, way, stuck = advance(level, at, state, there)
        stuck = stuck or state.steps >= self.most_steps
        wanted = _target(level.grid, there and here == levels - 1) * state.scale + tolerance.atol
        small = way.clamped < SETTLED and (
            state.decrement <= wanted or (not there and way.residual < REACHED)
        )
        torn = False
        if small or stuck:
            new = level.evaluated(new)
            state.dual, state.scale = new.dual, abs(new.dual)
            done, torn = self._go_on(problem, state, way, small, tolerance)
            if done:
                return certified(level, new, state, tolerance, levels)
        return Record(
            here, levels, dual=new.dual, residual=way.residual, stalled=torn, settled=False
        )

    def _go_on(
        self,
        problem: Problem,
        state: NewtonState,
        way: Direction,
        small: bool,
        tolerance: Tolerance,
    ) -> tuple[bool, bool]:
        """To the next epsilon or grid, where Newton is at its end: small, or stuck.

        Returns whether there is none left, and whether the map is torn.
        """
        there, smooth = state.epsilon == problem.epsilon, way.clamped < SETTLED
        last, torn = state.level == len(self.grids(problem.grid)) - 1, False
        if not small and not smooth and state.caught_on:
            # What is missing is resolution, not a better start; a larger epsilon needs more.
            state.continuation.given_up, torn = True, not there
        near = there and smooth and state.decrement <= NEAR * state.scale + tolerance.atol
        done = (there and small) or state.continuation.given_up
        if torn or not (done or near or (there and not last and way.residual < TRUSTED)):
            self._continue(problem, state, small)
            return False, torn
        if last:
            # psi = 0 proves D >= 0: a negative value is no maximum, however small the step.
            state.settled = near and state.dual > -NEAR * max(1.0, problem.epsilon)
            return True, False
        torn = not smooth and state.clamped > FADES * state.folded
        self._refine(problem, state, small and resolved(self.level(problem, state).problem))
        return False, torn

    def _continue(self, problem: Problem, state: NewtonState, small: bool) -> None:
        """Go on with another epsilon on the same grid."""
        goal, course = problem.epsilon, state.continuation
        if small:
            psi = state.chi + self.level(problem, state).base
            state.restart(course.solved(psi, state.epsilon, goal))
        elif course.given_up:
            state.restart(goal)
        else:
            state.restart(course.failed(first_epsilon(problem), goal))
        base = self.level(problem, state).base
        psi = np.zeros_like(base) if course.psi is None else course.psi
        state.chi = psi - base
        if course.given_up:
            state.chi = better(self.level(problem, state), state.chi, goal)

    def _refine(self, problem: Problem, state: NewtonState, good: bool) -> None:
        """Go on to the next grid; good: what this one has found is worth beginning from."""
        state.duals.append(state.dual)
        state.level += 1
        chi = resampled(state.chi, self.grids(problem.grid)[state.level].kernel_shape)
        floor, given_up = state.floor, state.continuation.given_up
        state.folded = state.clamped if given_up else math.nan
        state.continuation = Continuation(given_up=given_up)
        state.restart(problem.epsilon)
        state.chi, state.floor = chi, max(floor, REFINED_FLOOR)
        if not good:
            # What a grid that is too coarse has found may be worse than the first guess.
            state.chi = better(self.level(problem, state), chi, problem.epsilon)

    def finish(
        self,
        problem: Problem,
        state: NewtonState | LineState,
        status: Status,
        iterations: int,
        history: dict[str, np.ndarray],
    ) -> Solution:
        """The solution that the state stands for, on the problem's own grid."""
        if isinstance(state, LineState):
            return self.on_the_line.finish(problem, state, status, iterations, history)
        grids = self.grids(problem.grid)
        full = state.level == len(grids) - 1 and state.epsilon == problem.epsilon
        if not full:
            psi = state.chi + self.level(problem, state).base
            state = NewtonState(len(grids) - 1, psi, problem.epsilon)
            psi = resampled(psi, problem.grid.kernel_shape)
            state.chi = psi - self.level(problem, state).base
        level = self.level(problem, state)
        at = level.evaluated(level.normalised(state.chi, problem.epsilon))
        value = state.primal
        if not math.isfinite(value):
            value = competitor_of(level, at, state).by_map
        decrement = state.decrement if math.isfinite(state.decrement) else abs(value - at.dual)
        outcome = Outcome(status, iterations, decrement, state.clamped, state.duals, state.settled)
        return solution(level, at, value, outcome, history)


def require(problem: Problem) -> None:
    """Raises ValueError naming what newton accepts if the problem is something else."""
    require_plain(problem, "newton")
    found = []
    if problem.p != 2.0 and not on_the_line(problem):
        found.append(f"p = {problem.p:g}")
    if not (problem.smooth or (on_the_line(problem) and _positive(problem))):
        found.append("a density with edges or zeros")
    if found:
        raise Unsuitable(f"{ACCEPTED}; got {', '.join(found)}")


def _positive(problem: Problem) -> bool:
    """Whether P and Q are positive and known within cells, which they may jump in."""
    finite = np.isfinite(problem.log_P).all() and np.isfinite(problem.log_Q).all()
    return bool(finite) and all(
        density.smooth or has_edges(density, problem.grid) for density in problem.densities
    )


def _target(grid: Grid, last: bool) -> float:
    """The relative decrement at which a grid is done: the error of its dual value falls faster."""
    return max(1e-8 * (64.0 / min(grid.cells)) ** 4, 1e-12) if last else 1e-7
