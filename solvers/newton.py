"""Damped Newton on the logarithmic Monge–Ampère form of the optimality system, p = 2 and KL.

With psi = -U_1 and the inverse map S(y) = y - ½∇psi the optimum is the root of
    log det DS + log P(S) + psi/epsilon - log Q.
Nested grids; a line search on the dual value, whose error is quadratic in that of psi; geometric
multigrid for the steps. Smooth positive P and Q with a continuous optimal map.
Source: Baptista et al., Proximal optimal transport divergences, Theorem 3.1 and (2.23)-(2.25).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from mfgprox.certificate import continuous_bounds
from mfgprox.dynamic import dynamic_pair
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solution import Certificate, Solution
from mfgprox.solvers.iterate import TRANSIENT, Record
from mfgprox.solvers.newton_level import Level, Potential, resampled
from mfgprox.solvers.newton_start import quadratic_start
from mfgprox.tolerance import Status, Tolerance

ACCEPTED = "newton needs p = 2, f_divergence = kl, and P and Q smooth kinds, positive on the box"
ROUNDING = 1e-13
TORN = 1e-3
"""Share of the mass on clamped cells above which the map counts as torn."""


@dataclass
class NewtonState:
    """chi of the current grid, and how far the solve has come."""

    level: int
    chi: np.ndarray
    epsilon: float
    """Of the current problem: smaller than the asked one while it is being approached."""
    steps: int = 0
    """On this grid at this epsilon."""
    duals: list[float] = field(default_factory=list)
    """Dual values of the grids that are done, coarsest first."""
    primal: float = math.nan
    dual: float = math.nan
    decrement: float = math.inf
    clamped: float = 0.0
    done: bool = False
    failed: str = ""
    work: Level | None = field(default=None, metadata=TRANSIENT)


@dataclass(frozen=True)
class Newton:
    """Settings. coarsest: cells an axis of the first grid at most; 0: chosen by the dimension."""

    coarsest: int = 0
    most_steps: int = 40
    """Newton steps on one grid."""
    name: str = "newton"

    def init(
        self, problem: Problem, start: Solution | None, tolerance: Tolerance
    ) -> NewtonState:
        """Raises ValueError for problems outside the method."""
        require(problem)
        grids = self._grids(problem.grid)
        if start is None:
            shape = grids[0].kernel_shape
            return NewtonState(0, np.zeros(shape), problem.epsilon)
        state = NewtonState(len(grids) - 1, np.zeros(problem.grid.kernel_shape), problem.epsilon)
        state.chi = self._chi_of(start, problem, self._level(problem, state))
        return state

    def _chi_of(self, start: Solution, problem: Problem, level: Level) -> np.ndarray:
        """The starting potential, or zero where that is the better one."""
        psi = -np.asarray(start.U[-1]).reshape(start.problem.grid.kernel_shape)
        zero = np.zeros(level.shape)
        if start.problem.grid.dimension != problem.grid.dimension or not np.isfinite(psi).all():
            return zero
        chi = resampled(psi, level.shape) - level.base
        better = level.potential(chi, problem.epsilon).dual > level.potential(zero, problem.epsilon).dual
        return chi if better else zero

    def _grids(self, grid: Grid) -> list[Grid]:
        most = self.coarsest or (256, 64, 32)[grid.dimension - 1]
        grids = [grid]
        while max(grids[0].cells) > most:
            grids.insert(0, grids[0].with_cells(grids[0].coarsened().cells))
        return grids

    def _level(self, problem: Problem, state: NewtonState) -> Level:
        if state.work is None:
            grid = self._grids(problem.grid)[state.level]
            here = problem if grid == problem.grid else problem.on(grid)
            state.work = Level(here, quadratic_start(problem, problem.epsilon))
        return state.work

    def step(self, problem: Problem, state: NewtonState, tolerance: Tolerance) -> Record:
        level, grids = self._level(problem, state), self._grids(problem.grid)
        first = state.level == 0
        at = level.potential(state.chi, state.epsilon)
        floor = max(0.05, 0.5 ** (state.steps + 1)) if first else 0.05
        way = level.direction(at, state.epsilon, floor, (0.05, 4, 12))
        new, length = search(level, at, way, state.epsilon)
        state.steps += 1
        state.decrement, state.clamped = abs(way.decrement), way.clamped
        state.chi, state.dual, state.primal = new.chi, new.dual, way.primal
        last = state.level == len(grids) - 1
        small = state.decrement <= self._target(state, last, tolerance)
        stuck = length == 0.0 or state.steps >= self.most_steps
        record = Record(
            state.level, len(grids), dual=new.dual, residual=way.residual,
            primal=way.primal if last and small else math.nan,
        )  # fmt: skip
        if (small or stuck) and not last:
            self._refine(state, grids)
        elif stuck and not small:
            return Record(**{**record.__dict__, "stalled": True})
        return record

    def _target(self, state: NewtonState, last: bool, tolerance: Tolerance) -> float:
        """The decrement at which a grid is done."""
        scale = abs(state.dual)
        if not last:
            return 1e-7 * scale + tolerance.atol
        found = 1e-2 * abs(state.dual - state.duals[-1]) / 64.0 if state.duals else 0.0
        return max(found, 1e-12 * scale) + tolerance.atol

    def _refine(self, state: NewtonState, grids: list[Grid]) -> None:
        state.duals.append(state.dual)
        state.level += 1
        state.chi = resampled(state.chi, grids[state.level].kernel_shape)
        state.steps, state.work = 0, None


def require(problem: Problem) -> None:
    """Raises ValueError naming what newton accepts if the problem is something else."""
    found = []
    if problem.p != 2.0:
        found.append(f"p = {problem.p:g}")
    if problem.divergence.name != "kl":
        found.append(f"f_divergence = {problem.divergence.name}")
    if not problem.smooth:
        found.append("a density with edges or zeros")
    if found:
        raise ValueError(f"{ACCEPTED}; got {', '.join(found)}")


def search(level: Level, at: Potential, way, epsilon: float) -> tuple[Potential, float]:
    """The longest of the steps 1, ½, ¼, … that raises the dual value enough; 0 if none does."""
    length = 1.0
    allowance = ROUNDING * (1.0 + abs(at.dual))
    while length > 1e-3:
        try:
            new = level.potential(at.chi + length * way.step, epsilon)
        except FloatingPointError:
            new = None
        if new is not None and new.dual >= at.dual + 1e-4 * length * max(way.decrement, 0.0) - allowance:
            return new, length
        length *= 0.5
    return at, 0.0
