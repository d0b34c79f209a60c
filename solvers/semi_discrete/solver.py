"""Newton's method on the cells of power diagrams, p = 2, on the line and in the plane.

P is constant in the cells of the grid, Q an atom in each cell: a semi-discrete transport problem
whose dual value is concave and smooth, whose derivatives are exact integrals, and whose gap is an
identity, eps KL(r‖R) with the masses r of the diagram's cells. Nothing is asked of the map: it may
be torn, and Q may vanish. Nested grids and Richardson's extrapolation give the continuous value.
Source: Baptista et al., Proximal optimal transport divergences, Theorem 3.1 and section 5.1;
Kitagawa, Mérigot, Thibert, J. Eur. Math. Soc. 21 (2019) 2603.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.solvers.cut_cells import as_data
from mfgprox.solvers.iterate import Record, Unsuitable
from mfgprox.solvers.refuse import require_plain
from mfgprox.solvers.semi_discrete.dual import Point, point
from mfgprox.solvers.semi_discrete.grids import after, ladder, needed
from mfgprox.solvers.semi_discrete.level import Level
from mfgprox.solvers.semi_discrete.newton import improved
from mfgprox.solvers.semi_discrete.result import solution
from mfgprox.solvers.semi_discrete.state import SemiDiscreteState
from mfgprox.solvers.warm import Useless, terminal_potential
from mfgprox.tolerance import Status, Tolerance

ACCEPTED = (
    "semi-discrete needs p = 2 on one or two axes, and where Q has zeros an f_divergence that "
    "keeps mass away from them (kl, pearson, alpha >= 1)"
)
TARGET = 1e-6
"""Relative gap at which a grid is done: what the extrapolation needs, and cheap, since the last
steps converge quadratically."""
SLOW = 0.7
"""A step that leaves more than this share of the gap and gains next to nothing is a slow one."""
STILL, STANDING = 0.99, 3
"""A step that leaves more than the former share of the gap counts as so many slow ones."""
HARD = 20
"""Steps on a grid after which none finer than the problem's own are taken."""
PATIENCE = 10
"""Slow steps in a row after which a grid is left."""


@dataclass(frozen=True)
class SemiDiscrete:
    """Settings."""

    most_steps: int = 150
    """Newton steps on one grid."""
    name: str = "semi-discrete"

    def __post_init__(self) -> None:
        if self.most_steps < 1:
            raise ValueError(f"semi-discrete: most_steps must be at least 1; got {self.most_steps}")

    def init(
        self, problem: Problem, start: Solution | None, tolerance: Tolerance
    ) -> SemiDiscreteState:
        """Raises Unsuitable for problems outside the method."""
        require(problem)
        if start is not None:
            try:
                guide = _guide(problem, start)
            except Useless:
                guide = None
            if guide is not None:
                first = needed(problem)
                state = SemiDiscreteState(first, np.zeros(0), guide=guide)
                work = self.work(problem, state)
                state.enter(first, work, point(work.lattice, work.carried(guide)))
                return state
        state = SemiDiscreteState(0, np.zeros(0))
        work = self.work(problem, state)
        state.enter(0, work, work.cold(problem))
        return state

    def work(self, problem: Problem, state: SemiDiscreteState) -> Level:
        """The level that the state stands on."""
        if state.work is None:
            state.work = _level(problem, state.level)
        return state.work

    def step(self, problem: Problem, state: SemiDiscreteState, tolerance: Tolerance) -> Record:
        work, levels = self.work(problem, state), len(ladder(problem))
        at, here = state.point, state.level
        last = here == levels - 1
        stuck = False
        if not _small(at, tolerance):
            new, length = improved(work.lattice, at, slow=state.slow > 0)
            state.steps += 1
            little = new.dual - at.dual <= 1e-3 * TARGET * abs(at.dual) + tolerance.atol
            left = new.gap / at.gap if at.gap > 0.0 else 1.0
            slow = STANDING if left > STILL else 1
            state.slow = state.slow + slow if little and left > SLOW else 0
            # Without a step empty cells may still have been raised, and the next one has a length.
            stuck = length == 0.0 and little
            stuck = stuck or state.slow >= PATIENCE or state.steps >= self.most_steps
            at = new
            state.take(at)
        finished = stuck or _small(at, tolerance)
        if finished and not last:
            self._refine(problem, state)
        state.done = finished and last
        met = tolerance.met(at.gap, at.dual)
        return Record(
            here, levels, at.primal, at.dual, at.residual,
            stalled=finished and last and not met, settled=finished and last,
        )  # fmt: skip

    def _refine(self, problem: Problem, state: SemiDiscreteState) -> None:
        at, work = state.point, self.work(problem, state)
        state.visited.append(state.level)
        state.values.append(work.value(at))
        state.gaps.append(at.gap)
        state.counts.append(state.steps)
        following = after(ladder(problem), state.level, hard=state.steps > HARD)
        finer = _level(problem, following)
        found = point(finer.lattice, finer.carried(work.field(at)))
        if state.guide is not None:
            other = point(finer.lattice, finer.carried(state.guide))
            found = other if other.dual > found.dual else found
        state.enter(following, finer, found)

    def finish(
        self,
        problem: Problem,
        state: SemiDiscreteState,
        status: Status,
        iterations: int,
        history: dict[str, np.ndarray],
    ) -> Solution:
        """The solution that the state stands for, on the problem's own grid."""
        work, levels = self.work(problem, state), ladder(problem)
        while state.level < len(levels) - 1:
            self._refine(problem, state)
            work = self.work(problem, state)
        return solution(work, state, levels, status, iterations, history)


def require(problem: Problem) -> None:
    """Raises Unsuitable naming what semi-discrete accepts if the problem is something else."""
    require_plain(problem, "semi-discrete")
    found = []
    if problem.p != 2.0:
        found.append(f"p = {problem.p:g}")
    if problem.grid.dimension > 2:
        found.append(f"{problem.grid.dimension} axes")
    if math.isfinite(problem.divergence.recession) and not (problem.Q > 0.0).all():
        found.append(f"f_divergence = {problem.divergence.name} and a Q with zeros")
    if found:
        raise Unsuitable(f"{ACCEPTED}; got {', '.join(found)}")


def _level(problem: Problem, level: int) -> Level:
    grid = ladder(problem)[level]
    return Level(problem if grid == problem.grid else as_data(problem).on(grid))


def _small(at: Point, tolerance: Tolerance) -> bool:
    return at.gap <= min(TARGET, tolerance.rtol) * abs(at.dual) + tolerance.atol


def _guide(problem: Problem, start: Solution) -> np.ndarray:
    """psi of the start at its centres. Raises Useless where it has none, or for another box."""
    grid = start.problem.grid
    if grid.dimension != problem.grid.dimension:
        raise Useless(f"it is {grid.dimension}-dimensional")
    if (grid.lower, grid.upper) != (problem.grid.lower, problem.grid.upper):
        raise Useless("its box is another one")
    return -terminal_potential(start)
