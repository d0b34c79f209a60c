"""Damped Newton on the logarithmic Monge–Ampère form of the optimality system, p = 2 and KL.

With psi = -U_1 and the inverse map S(y) = y - ½∇psi the optimum is the root of
    log det DS + log P(S) + psi/epsilon - log Q.
Nested grids; a line search on the dual value, whose error is quadratic in that of psi; geometric
multigrid for the steps. Smooth positive P and Q with a continuous optimal map.
Source: Baptista et al., Proximal optimal transport divergences, Theorem 3.1 and (2.23)-(2.25).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.solvers.iterate import Record, Unsuitable
from mfgprox.solvers.newton_continuation import FIRST, REACHED, Continuation
from mfgprox.solvers.newton_level import Direction, Level, Potential, resampled
from mfgprox.solvers.newton_primal import competitor
from mfgprox.solvers.newton_result import Outcome, solution
from mfgprox.solvers.newton_start import Quadratic, quadratic_start
from mfgprox.solvers.newton_state import REFINED_FLOOR, SETTLED, NewtonState
from mfgprox.tolerance import Status, Tolerance

ACCEPTED = (
    "newton needs p = 2, an f_divergence with f'(0) = -∞ (kl, reverse-kl, neyman, hellinger, "
    "jensen-shannon, alpha < 1), and P and Q smooth kinds, positive on the box"
)
EFFORT = (0.05, 4, 12)
"""Relative residual of the linear systems, V-cycles, and vectors of GMRES where these fail."""
ROUNDING = 1e-13
NEAR = 1e-6
"""Relative decrement below which a solve counts as settled though it no longer falls."""
TRUSTED = 0.02
"""Mass that the residual leaves in the wrong place below which full steps need no line search."""
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

    def init(self, problem: Problem, start: Solution | None, tolerance: Tolerance) -> NewtonState:
        """Raises ValueError for problems outside the method."""
        require(problem)
        grids = self.grids(problem.grid)
        if start is None:
            state = NewtonState(0, np.zeros(grids[0].kernel_shape), problem.epsilon)
            level = self.level(problem, state)
            state.chi = level.gibbs.start(gaussian_start(problem, problem.epsilon))
            return state
        state = NewtonState(len(grids) - 1, np.zeros(problem.grid.kernel_shape), problem.epsilon)
        state.chi = _chi_of(start, self.level(problem, state), problem.epsilon)
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
            grid = self.grids(problem.grid)[state.level]
            here = problem if grid == problem.grid else problem.on(grid)
            start = gaussian_start(problem, state.epsilon)
            state.work = Level(here, start)
            state.floor = min(state.floor, 0.5 * start.contraction)
        return state.work

    def step(self, problem: Problem, state: NewtonState, tolerance: Tolerance) -> Record:
        level, levels = self.level(problem, state), len(self.grids(problem.grid))
        here, last = state.level, state.level == levels - 1
        at = Potential(state.chi, state.constant, state.dual)
        if not math.isfinite(at.constant):
            at = level.normalised(state.chi, state.epsilon)
        way = level.direction(at, state.epsilon, state.floor, EFFORT)
        smooth = way.clamped < SETTLED
        trusted = smooth and way.residual < min(TRUSTED, 1.2 * state.residual)
        if trusted:
            new, length = level.normalised(at.chi + way.step, state.epsilon), 1.0
        else:
            new, length = search(level, at, way, state.epsilon)
        slow = trusted and way.residual > 0.95 * state.residual
        stuck = length == 0.0 or state.steps + 1 >= self.most_steps or slow
        state.take(new, way)
        stuck = stuck or state.folds
        goal = problem.epsilon
        there = state.epsilon == goal
        wanted = _target(level.grid, last and there) * state.scale + tolerance.atol
        small = smooth and (state.decrement <= wanted or (not there and way.residual < REACHED))
        primal, done, torn = math.nan, False, False
        if small or stuck:
            new = level.evaluated(new)
            state.dual, state.scale = new.dual, abs(new.dual)
            if not small and not smooth and state.caught_on:
                # What is missing is resolution, not a better start; a larger epsilon needs more.
                state.continuation.given_up, torn = True, not there
            done = (there and small) or state.continuation.given_up
            if torn or (not done and (way.residual > TRUSTED or not there)):
                self._continue(problem, state, level, small)
            elif last:
                near = smooth and state.decrement <= NEAR * state.scale + tolerance.atol
                done, state.settled = True, near and there
                primal = state.primal = primal_value(level, new, state)
            else:
                torn = not smooth and state.clamped > FADES * state.folded
                self._refine(problem, state)
        return Record(
            here,
            levels,
            primal,
            new.dual,
            way.residual,
            stalled=torn or (last and done),
            settled=state.settled,
        )

    def _continue(self, problem: Problem, state: NewtonState, level: Level, small: bool) -> None:
        """Go on with another epsilon on the same grid."""
        goal, course = problem.epsilon, state.continuation
        if small:
            psi = state.chi + level.base
            state.restart(course.solved(psi, state.epsilon, goal))
        elif course.given_up:
            state.restart(goal)
        else:
            state.restart(course.failed(first_epsilon(problem), goal))
        base = self.level(problem, state).base
        psi = np.zeros_like(base) if course.psi is None else course.psi
        state.chi = psi - base
        if course.given_up:
            state.chi = _better(self.level(problem, state), state.chi, goal)

    def _refine(self, problem: Problem, state: NewtonState) -> None:
        state.duals.append(state.dual)
        state.level += 1
        chi = resampled(state.chi, self.grids(problem.grid)[state.level].kernel_shape)
        floor, given_up = state.floor, state.continuation.given_up
        state.folded = state.clamped if given_up else math.nan
        state.continuation = Continuation(given_up=given_up)
        state.restart(problem.epsilon)
        state.chi, state.floor = chi, max(floor, REFINED_FLOOR)

    def finish(
        self,
        problem: Problem,
        state: NewtonState,
        status: Status,
        iterations: int,
        history: dict[str, np.ndarray],
    ) -> Solution:
        """The solution that the state stands for, on the problem's own grid."""
        grids = self.grids(problem.grid)
        full = state.level == len(grids) - 1 and state.epsilon == problem.epsilon
        if not full:
            psi = state.chi + self.level(problem, state).base
            state = NewtonState(len(grids) - 1, psi, problem.epsilon)
            psi = resampled(psi, problem.grid.kernel_shape)
            state.chi = psi - self.level(problem, state).base
        level = self.level(problem, state)
        at = level.evaluated(level.normalised(state.chi, problem.epsilon))
        primal = state.primal
        if not math.isfinite(primal):
            primal = primal_value(level, at, state)
        decrement = state.decrement if math.isfinite(state.decrement) else abs(primal - at.dual)
        outcome = Outcome(status, iterations, decrement, state.clamped, state.duals, state.settled)
        return solution(level, at, primal, outcome, history)


def gaussian_start(problem: Problem, epsilon: float) -> Quadratic:
    """The closed form of KL; close to R = Q every f is a multiple of that, by f''(1)."""
    return quadratic_start(problem, epsilon * problem.divergence.law.scale)


def require(problem: Problem) -> None:
    """Raises ValueError naming what newton accepts if the problem is something else."""
    found = []
    if problem.p != 2.0:
        found.append(f"p = {problem.p:g}")
    if np.isfinite(problem.divergence.derivative(np.zeros(1))).all():
        found.append(
            f"f_divergence = {problem.divergence.name}, whose R may vanish where Q does not"
        )
    if not problem.smooth:
        found.append("a density with edges or zeros")
    if found:
        raise Unsuitable(f"{ACCEPTED}; got {', '.join(found)}")


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


def _target(grid: Grid, last: bool) -> float:
    """The relative decrement at which a grid is done: the error of its dual value falls faster."""
    return max(1e-8 * (64.0 / min(grid.cells)) ** 4, 1e-12) if last else 1e-7


def primal_value(level: Level, at: Potential, state: NewtonState) -> float:
    """The primal value of the competitor that the potential defines."""
    level.linearise(at, state.epsilon, state.floor)
    found = competitor(level, at, state.epsilon)
    return found.transport + state.epsilon * found.information


def first_epsilon(problem: Problem) -> float:
    """Where the continuation begins: a share of the mean variance of P."""
    grid, weight = problem.grid, problem.P * problem.grid.cell_volume
    variance = 0.0
    for x in grid.coordinates():
        mean = float((weight * x).sum())
        variance += float((weight * np.square(x - mean)).sum()) / grid.dimension
    return FIRST * variance


def _chi_of(start: Solution, level: Level, epsilon: float) -> np.ndarray:
    """chi of another solution, or zero where that is the better start."""
    grid = start.problem.grid
    psi = -np.asarray(start.U[-1]).reshape(grid.kernel_shape)
    same_box = (grid.lower, grid.upper) == (level.grid.lower, level.grid.upper)
    if not same_box or not np.isfinite(psi).all():
        return np.zeros(level.shape)
    return _better(level, resampled(psi, level.shape) - level.base, epsilon)


def _better(level: Level, chi: np.ndarray, epsilon: float) -> np.ndarray:
    """chi, or zero where that has the larger dual value."""
    zero = np.zeros(level.shape)
    values = [level.evaluated(level.normalised(c, epsilon)).dual for c in (chi, zero)]
    return chi if values[0] > values[1] else zero
