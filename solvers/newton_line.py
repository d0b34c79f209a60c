"""Newton's method on the line: for p other than 2, where the Monge–Ampère form degenerates, and
for f other than KL, where R/Q may say nothing of U_1.

The optimal map is the monotone one whatever p is: the unknown is R, the problem convex, the linear
systems tridiagonal (`newton_line_level`). Cells are divided by three, so that every centre of the
problem's own grid is one of the finer grids, until these are fine enough for the values.
Source: Baptista et al., Proximal optimal transport divergences, (2.4) in one dimension.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from mfgprox.divergence import KullbackLeibler
from mfgprox.problem import Problem
from mfgprox.solution import Certificate, Solution
from mfgprox.solvers.iterate import TRANSIENT, Record
from mfgprox.solvers.newton_line_level import LineLevel, Point
from mfgprox.tolerance import Status, Tolerance

SMALLEST_P, LARGEST_P = 1.5, 8.0
FINE, FINEST = 1500, 20_000
"""Cells of the grid that the values are first taken from, and of the last one, at most."""
COARSE = 40
"""Cells of the first grid, at least, where a front in R may have far to go: between mass that
stays, at the price f'(∞), and mass that moves, it takes a few cells a step."""
SETTLED, NEAR, FRONTS = 1e-8, 1e-4, 1e-7
"""Share of the mass that the last step moved: on grids with values, and on those before, with KL
and with other f."""
HOPELESS = 0.01
"""The same, above which a grid that does not settle ends the solve."""
CLOSE = 1e-3
"""Relative gap up to which it goes on even so."""
JUMP = 0.1
"""Relative difference between a cell's mass and what its centre says above which R jumps in it."""
ROUNDING = 1e-13
SMALLEST = 1e-300
STATEMENT = (
    "of the static problem with sums over the centres of divided cells: dual_value is that of a "
    "potential on the whole box, primal_value that of a density moved by its quantiles"
)


@dataclass
class LineState:
    """u = log R/Q on a divided grid, and how far the solve has come."""

    division: int
    """Parts of each cell, a power of three; negative: about so many cells of the problem in one."""
    u: np.ndarray
    level: int = 0
    steps: int = 0
    """On this grid."""
    moved: float = math.inf
    primal: float = math.nan
    dual: float = math.nan
    coarser: float = math.nan
    """The primal value on the grid before, nan on the first one."""
    settled: bool = False
    work: LineLevel | None = field(default=None, metadata=TRANSIENT)


def on_the_line(problem: Problem) -> bool:
    """Whether this is the form to take: in one dimension, for p other than 2 and for f other than
    KL. P and Q must be positive besides, and known within the cells if they jump."""
    if problem.grid.dimension > 1 or not SMALLEST_P <= problem.p <= LARGEST_P:
        return False
    return problem.p != 2.0 or not isinstance(problem.divergence, KullbackLeibler)


@dataclass(frozen=True)
class NewtonOnTheLine:
    """Settings."""

    most_steps: int

    def init(self, problem: Problem, start: Solution | None) -> LineState:
        """From u of another solution on the same box if that is better than R = P and R = Q."""
        state = LineState(1, np.empty(0))
        if isinstance(problem.divergence, KullbackLeibler):
            while 3 * _cells(problem, state) < FINE:
                state.division *= 3
        else:
            while _cells(problem, state) >= 3 * COARSE:
                state.division = -3 * abs(state.division)
        level = _level(problem, state)
        state.u = level.start(_carried(start, problem, level.x)).u
        return state

    def step(self, problem: Problem, state: LineState, tolerance: Tolerance) -> Record:
        """A Newton step, and the values or the next grid where it was the last one of its grid."""
        level, here = _level(problem, state), state.level
        valued = _cells(problem, state) >= FINE
        at = level.at(state.u)
        way = level.direction(at)
        new = level.search(at, way)
        at, state.steps, state.moved = new or at, state.steps + 1, way.moved
        state.u = at.u
        done = new is not None and way.moved < (SETTLED if valued else _near(problem))
        over = done or new is None or state.steps >= self.most_steps
        # What goes to and fro at a jump of F_P⁻¹ moves less on a finer grid.
        failed = over and not done and way.moved > HOPELESS and not _near_by(level, at)
        on = state.division < 0 or not (valued or failed)
        record = Record(here, here + (2 if on else 1), residual=way.moved, settled=False)
        if not over:
            return record
        at = level.with_tails(at)
        state.u = at.u
        if state.division < 0:
            _refine(problem, state, level)
            return record
        state.primal, state.dual = level.primal(at), level.dual(at)[0]
        # Both values are proofs: where they agree it does not matter what else still moves.
        agree = tolerance.met(state.primal - state.dual, state.dual)
        state.settled = valued and (done or agree)
        stalled = failed or (valued and not agree and 3 * _cells(problem, state) > FINEST)
        record = replace(
            record, primal=state.primal, dual=state.dual, settled=state.settled, stalled=stalled
        )
        if not (stalled or (valued and agree)):
            _refine(problem, state, level)
        return record

    def finish(
        self,
        problem: Problem,
        state: LineState,
        status: Status,
        iterations: int,
        history: dict[str, np.ndarray],
    ) -> Solution:
        """The static solution on the problem's own grid. `divergence` is the primal value: its
        error is the square of that of R, for torn maps too."""
        while state.division < 0:
            _refine(problem, state, _level(problem, state))
        level = _level(problem, state)
        at = level.at(state.u)
        primal = level.primal(at)
        dual, conjugate, U = level.dual(at)
        own = slice(state.division // 2, None, state.division)
        epsilon = problem.epsilon
        U_1 = U[own]
        R = _density(problem, at, state.division)
        information = level.information(at)
        error = abs(primal - dual)
        if state.settled and math.isfinite(state.coarser):
            # Second order: the grid before, with cells three times as wide, is off by nine times.
            error = min(error, 0.25 * abs(primal - state.coarser))
        return Solution(
            problem=problem,
            solver="newton",
            status=status,
            iterations=iterations,
            rho=np.stack([problem.P, R]),
            U=np.stack([conjugate[own], U_1]),
            R=R,
            momentum=(),
            certificate=Certificate(primal, dual, statement=STATEMENT),
            divergence=primal,
            divergence_error=error + ROUNDING * (1.0 + abs(primal)),
            transport_cost=primal - epsilon * information,
            information_divergence=information,
            history=history,
            notes=_notes(status, state),
            written_times=np.array([0.0, 1.0]),
        )


def _density(problem: Problem, at: Point, division: int) -> np.ndarray:
    """R on the problem's cells: as at their centres, but where it jumps within them their mass, and
    what the others leave.

    U_1 does not tell: at the pole of a finite f'(∞) any cell would take what others leave.
    """
    mass = np.exp(at.log_R)
    whole = mass.reshape(-1, division).sum(axis=1)
    centre = division * mass[division // 2 :: division]
    jumps = np.abs(whole - centre) > JUMP * np.maximum(whole, centre)
    found, held = np.where(jumps, whole, centre), float(whole[jumps].sum())
    left = 1.0 - float(found.sum())
    if abs(left) < 0.5 * held:
        found[jumps] *= 1.0 + left / held
    return np.asarray(found / (found.sum() * problem.grid.cell_volume))


def _near_by(level: LineLevel, at: Point) -> bool:
    """Whether the values are close although R still moves, by next to no change of them."""
    primal, dual = level.primal(at), level.dual(at)[0]
    return abs(primal - dual) <= CLOSE * abs(dual)


def _near(problem: Problem) -> float:
    return NEAR if isinstance(problem.divergence, KullbackLeibler) else FRONTS


def _cells(problem: Problem, state: LineState) -> int:
    cells = problem.grid.cells[0]
    return cells * state.division if state.division > 0 else cells // -state.division


def _level(problem: Problem, state: LineState) -> LineLevel:
    """The level that the state stands on."""
    if state.work is None:
        grid = problem.grid.with_cells((_cells(problem, state),))
        state.work = LineLevel(problem if state.division == 1 else problem.on(grid))
    return state.work


def _refine(problem: Problem, state: LineState, level: LineLevel) -> None:
    finer = 3 * state.division if state.division > 0 else state.division // 3
    state.division, state.level, state.steps = (1 if finer == -1 else finer), state.level + 1, 0
    state.coarser, state.work, state.settled = state.primal, None, False
    fine = _level(problem, state)
    state.u = fine.start(np.interp(fine.x, level.x, state.u)).u


def _carried(start: Solution | None, problem: Problem, x: np.ndarray) -> np.ndarray | None:
    """log R/Q of another solution at these places; None where that is no use."""
    if start is None:
        return None
    grid, U = start.problem.grid, np.asarray(start.U[-1])
    same_box = (grid.lower, grid.upper) == (problem.grid.lower, problem.grid.upper)
    if not same_box or not np.isfinite(U).all():
        return None
    R, log_Q = np.asarray(start.R), np.asarray(problem.on(grid).log_Q)
    log_t = np.log(np.maximum(R, SMALLEST)) - log_Q
    return np.interp(x, grid.centers(0), log_t) if np.isfinite(log_t).all() else None


def _notes(status: Status, state: LineState) -> tuple[str, ...]:
    if status is Status.CONVERGED:
        return ()
    if status is Status.STALLED and state.settled:
        excess = (state.primal - state.dual) / max(abs(state.dual), 1e-300)
        return (
            "Newton's method has nothing left to gain on the finest of its grids; the primal value "
            f"is {excess:.1e} above the dual one.",
        )
    return (
        "Newton's method had not settled: the potential is unfinished, and its primal value is "
        "only an upper estimate; use primal-dual where P has deep valleys.",
    )
