"""Transport along some axes only: every slice is a problem of its own, solved by another solver.

One iteration is one slice, the heaviest first. The values so far are always those of a feasible R
and of a feasible potential: slices that have not been reached stay where P is.
Source: Baptista et al., Proximal optimal transport divergences, section 5.4; see `mfgprox.slices`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mfgprox.problem import Problem
from mfgprox.slices import NotSplit, Slices
from mfgprox.solution import Certificate, Solution
from mfgprox.solvers import conditional_result
from mfgprox.solvers.conditional_state import ConditionalState, begin, keep
from mfgprox.solvers.iterate import Record, Unsuitable, iterate
from mfgprox.tolerance import Status, Tolerance


@dataclass(frozen=True)
class Conditional:
    """make: another copy of the solver for one slice. most_iterations: for each slice."""

    make: Callable[[], Any]
    most_iterations: int
    static: bool = False
    start: Solution | None = field(default=None, repr=False)

    name = "conditional"

    def init(
        self, problem: Problem, start: Solution | None, tolerance: Tolerance
    ) -> ConditionalState:
        """The state in which no slice has been solved.

        Raises Unsuitable for an f that does not split, and ValueError for a start that is not of
        the same slices.
        """
        return begin(_slices(problem), self.static)

    def step(self, problem: Problem, state: ConditionalState, tolerance: Tolerance) -> Record:
        """Solve the next slice. Raises Unsuitable, naming the slice, where the solver does."""
        slices = state.slices(problem)
        order = state.order(problem)
        residual = 0.0
        if state.done < order.size:
            number = int(order[state.done])
            within = slices.slice_problem(number)
            limits = replace(tolerance, max_iterations=self.most_iterations)
            try:
                found = iterate(
                    self.make(),
                    within,
                    limits,
                    start=_start(self.start, number),
                    static=self.static,
                )
            except Unsuitable as error:
                raise Unsuitable(f"at {slices.split.place(number)}: {error}") from error
            keep(state, slices, number, found)
            residual = abs(found.gap) / max(abs(found.dual_value), 1e-300)
            state.done += 1
        last = state.done >= order.size
        primal, dual = state.sums(slices, "primal"), state.sums(slices, "dual")
        met = last and tolerance.met(primal - dual, dual)
        constant = slices.problem.epsilon * slices.marginal_divergence
        return Record(
            0,
            1,
            primal=primal + constant,
            dual=dual + constant,
            residual=residual,
            settled=met,
            stalled=last and not met,
        )

    def finish(
        self,
        problem: Problem,
        state: ConditionalState,
        status: Status,
        iterations: int,
        history: dict[str, np.ndarray],
    ) -> Solution:
        """All slices on the whole grid, with the sums of their values and bounds."""
        return conditional_result.solution(problem, state, status, iterations, history)


def _slices(problem: Problem) -> Slices:
    try:
        return Slices(problem)
    except NotSplit as error:
        raise Unsuitable(str(error)) from error


def require_start(start: Solution, problem: Problem) -> None:
    """Raises ValueError for a start whose slices are not those of the problem."""
    ours, theirs = problem.split, start.problem.split
    assert ours is not None
    if theirs is None or theirs.moving != ours.moving:
        raise ValueError(
            f"start must have transport along {', '.join(problem.transport_axes)} only, as the "
            f"problem has; it has transport along {', '.join(start.problem.transport_axes)}"
        )
    if [theirs.grid.cells[i] for i in theirs.fixed] != [ours.grid.cells[i] for i in ours.fixed]:
        raise ValueError(
            "start must have the same cells as the problem along the axes without transport; its "
            f"grid has {theirs.grid.cells}, that of the problem {ours.grid.cells}"
        )


def _start(start: Solution | None, number: int) -> Solution | None:
    """A slice of the start, or None where there is nothing to start from."""
    if start is None or start.problem.split is None:
        return None
    slices = Slices(start.problem)
    if not slices.solved[number]:
        return None
    split, problem = slices.split, slices.slice_problem(number)
    ends = [0, -1]
    rho, U = (split.slices(values[ends])[number] for values in (start.rho, start.U))
    weight = float(np.exp(slices.log_P[number]))
    if not np.isfinite(U).all() or weight < 1e-200:
        return None
    R = rho[1] / (rho[1].sum() * problem.grid.cell_volume)
    nan = float("nan")
    return Solution(
        problem=problem,
        solver=start.solver,
        status=start.status,
        iterations=0,
        rho=np.stack([problem.P, R]),
        U=U,
        R=R,
        momentum=(),
        certificate=Certificate(nan, nan),
        divergence=nan,
        divergence_error=nan,
        transport_cost=nan,
        information_divergence=nan,
        written_times=np.array([0.0, 1.0]),
    )
