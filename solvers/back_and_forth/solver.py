"""Back-and-forth ascent on the dual of the lattice problem, with Newton's method for its tail.

    J(psi) = E_P[psi^c] - eps inf_nu { nu + E_Q[f*(-psi/eps - nu)] }          (Theorem 3.1)
between atoms at the cell centres, psi^c(x) = min_y c(x, y) - psi(y) taken exactly, forth, and
psi <- psi^cc where a target is hidden, back. The minimum is blurred over about one cell, which
makes J smooth; its Hessian is sparse. Any data, p > 1, either cost, any f; nested grids. With a
Lipschitz-regularised f between P and S, at the cost of going there by way of R: see `lipschitz`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfgprox.divergence import Lipschitz
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.solvers.back_and_forth.continuous import continuous
from mfgprox.solvers.back_and_forth.cooling import MOST_STEPS, STAGES, cool, take_back
from mfgprox.solvers.back_and_forth.ending import Ending
from mfgprox.solvers.back_and_forth.lattice import Lattice
from mfgprox.solvers.back_and_forth.line_levels import direct, sharp_plan
from mfgprox.solvers.back_and_forth.lipschitz import regularised, require
from mfgprox.solvers.back_and_forth.plan import Plan
from mfgprox.solvers.back_and_forth.resample import carried, prolonged
from mfgprox.solvers.back_and_forth.result import solution
from mfgprox.solvers.back_and_forth.state import BackAndForthState
from mfgprox.solvers.iterate import Record
from mfgprox.tolerance import Status, Tolerance

COARSEST = {1: 64, 2: 16, 3: 12}
"""Cells an axis of the first grid at most."""
COARSE, FINE = 1e-6, 1e-7
"""Decrement, relative to the value, at which a coarse grid and the last one are done."""
HIDDEN = 1e-5
"""Share of its R that a target must get in order not to count as hidden."""
ARMIJO, SHORTEST = 1e-4, 1e-5
ROUNDING = 1e-12


@dataclass(frozen=True)
class BackAndForth:
    """Settings. coarsest: cells an axis of the first grid at most; 0: chosen by the dimension."""

    coarsest: int = 0
    most_steps: int = 60
    """Newton steps on one grid."""
    name: str = "back-and-forth"

    def __post_init__(self) -> None:
        if self.coarsest < 0 or self.most_steps < 1:
            raise ValueError(
                "back-and-forth: coarsest must be at least 0 and most_steps at least 1; got "
                f"{self.coarsest} and {self.most_steps}"
            )

    def grids(self, grid: Grid) -> list[Grid]:
        """The nested grids, coarsest first."""
        most = self.coarsest or COARSEST[grid.dimension]
        grids = [grid]
        while max(grids[0].cells) > most:
            grids.insert(0, grids[0].with_cells(grids[0].coarsened().cells))
        return grids

    def init(
        self, problem: Problem, start: Solution | None, tolerance: Tolerance
    ) -> BackAndForthState:
        """psi = 0 on the coarsest grid, or the potential of a start on the last grids; on the line
        the solution, where the direct way leads to it."""
        require(problem)
        grids = self.grids(problem.grid)
        if problem.grid.dimension == 1 and not isinstance(problem.divergence, Lipschitz):
            state = _direct(problem, grids, tolerance)
            if state is not None:
                return state
        if start is not None:
            level = max(0, len(grids) - 2)
            psi, note = carried(start, grids[level])
            if psi is not None:
                return BackAndForthState(level, psi)
            return BackAndForthState(0, np.zeros(np.prod(grids[0].cells)), notes=[note])
        return BackAndForthState(0, np.zeros(np.prod(grids[0].cells)))

    def step(self, problem: Problem, state: BackAndForthState, tolerance: Tolerance) -> Record:
        """One Newton step, and the next grid where it was the last one of its grid."""
        lattice, plan = self._standing(problem, state)
        levels, here = len(self.grids(problem.grid)), state.level
        last = here == levels - 1
        if state.direct.size:
            primal, dual = plan.certificate(lattice)
            return Record(here, levels, primal, dual, state.residual)
        way, slope = plan.direction(lattice, state.blur)
        new, length = _search(lattice, plan, way, slope, state.blur)
        state.steps, state.decrement = state.steps + 1, slope
        state.psi, state.plan, state.dual = new.psi, new, new.dual
        primal, dual = new.certificate(lattice)
        state.gap = primal - dual
        state.residual = float(np.abs(new.R - new.delivered).sum())
        scale = max(abs(new.dual), abs(new.cost))
        small = slope <= (FINE if last else COARSE) * scale + tolerance.atol
        met = tolerance.met(state.gap, dual)
        nothing = length == 0.0 or slope <= ROUNDING * scale
        most = MOST_STEPS if state.cooled else self.most_steps
        done = (small and (met or not last)) or nothing or state.steps >= most
        if done and last and lattice.capped is not None:
            record = self._cooled(problem, state, met)
            if record is not None:
                return record
        record = Record(
            here,
            levels,
            primal,
            dual,
            state.residual,
            stalled=last and done and not met,
            settled=done,
        )
        if done and not last:
            self._refine(problem, state, lattice)
        return record

    def _cooled(self, problem: Problem, state: BackAndForthState, met: bool) -> Record | None:
        """The record of a step after which there is less blur, or again more; None for the last."""
        levels = len(self.grids(problem.grid))
        if met and state.cooled < STAGES:
            cool(state)
            return Record(levels - 1, levels, residual=state.residual, settled=False)
        if met or not state.warmer:
            return None
        take_back(state)
        lattice, plan = self._standing(problem, state)
        primal, dual = plan.certificate(lattice)
        state.dual, state.gap = plan.dual, primal - dual
        state.residual = float(np.abs(plan.R - plan.delivered).sum())
        return Record(levels - 1, levels, primal, dual, state.residual)

    def _standing(self, problem: Problem, state: BackAndForthState) -> tuple[Lattice, Plan]:
        """The lattice of the level and the plan of the potential; before its first step also the
        blur, and hidden targets brought into sight."""
        if state.lattice is None:
            grid = self.grids(problem.grid)[state.level]
            state.lattice = Lattice(problem if grid == problem.grid else problem.on(grid))
        lattice = state.lattice
        if state.plan is None and state.direct.size:
            state.plan = sharp_plan(lattice, state.psi, state.direct)
        if state.plan is None:
            if not state.blur.size:
                psi = lattice.masked(state.psi)
                state.blur = lattice.blur(lattice.transform(psi)[1])
                state.psi = Plan.of(lattice, psi, state.blur).lifted(lattice, HIDDEN)
            state.plan = Plan.of(lattice, state.psi, state.blur)
        return lattice, state.plan

    def _refine(self, problem: Problem, state: BackAndForthState, lattice: Lattice) -> None:
        grid = self.grids(problem.grid)[state.level + 1]
        assert state.plan is not None
        envelope = lattice.envelope(state.plan.phi)
        psi = np.where(lattice.held, state.psi, envelope)
        state.psi = prolonged(psi, lattice.shape, grid.kernel_shape)
        state.values.append(state.dual)
        if problem.p != 2.0 and lattice.capped is None:
            state.between.append(continuous(lattice, state.plan).value)
        state.level, state.steps, state.blur = state.level + 1, 0, np.empty(0)
        state.lattice = state.plan = None

    def finish(
        self,
        problem: Problem,
        state: BackAndForthState,
        status: Status,
        iterations: int,
        history: dict[str, np.ndarray],
    ) -> Solution:
        """The static solution of the state, carried on to the problem's own grid if need be."""
        grids = self.grids(problem.grid)
        finished = state.level == len(grids) - 1
        while state.level < len(grids) - 1:
            lattice, _ = self._standing(problem, state)
            self._refine(problem, state, lattice)
        lattice, plan = self._standing(problem, state)
        ending = Ending(state, finished, status, iterations, history)
        if lattice.capped is not None:
            return regularised(lattice, plan, ending)
        return solution(lattice, plan, ending)


def _direct(problem: Problem, grids: list[Grid], tolerance: Tolerance) -> BackAndForthState | None:
    """The state at the solution, None where it has not been found within the tolerance."""
    found = direct(problem, grids)
    if found is None:
        return None
    plan, lattice = found.plan, found.lattice
    primal, dual = plan.certificate(lattice)
    if not tolerance.met(primal - dual, dual):
        return None
    return BackAndForthState(
        len(grids) - 1,
        plan.psi,
        dual=dual,
        gap=primal - dual,
        residual=0.0,
        values=found.values,
        between=found.between,
        direct=plan.R,
        lattice=lattice,
        plan=plan,
    )


def _search(
    lattice: Lattice, plan: Plan, way: np.ndarray, slope: float, blur: np.ndarray
) -> tuple[Plan, float]:
    """The longest of the steps 1, ½, ¼, … that raises J enough; length 0 if none does."""
    length, least = 1.0, ROUNDING * max(abs(plan.dual), abs(plan.cost))
    while length > SHORTEST:
        try:
            new = Plan.of(lattice, plan.after(lattice, length * way, blur), blur)
        except FloatingPointError:
            length *= 0.25
            continue
        if new.dual >= plan.dual + ARMIJO * length * slope - least:
            return new, length
        length *= 0.5
    return plan, 0.0
