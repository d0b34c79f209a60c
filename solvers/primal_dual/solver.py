"""Primal–dual Benamou–Brenier on nested staggered grids, in a density-weighted metric.

Over-relaxed Chambolle–Pock / Douglas–Rachford iteration on (2.23); every iteration is a weighted
Poisson problem in space and time and one proximal step per cell.
Source: Baptista et al., Proximal optimal transport divergences, (2.23)-(2.25); Benamou and Brenier,
Numer. Math. 84 (2000); Papadakis, Peyré and Oudet, SIAM J. Imaging Sci. 7 (2014).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.solvers.iterate import Record
from mfgprox.solvers.primal_dual import judge
from mfgprox.solvers.primal_dual.certificate import at_rest, certify
from mfgprox.solvers.primal_dual.discretisation import Discretisation
from mfgprox.solvers.primal_dual.iteration import Steps, advance, reweight
from mfgprox.solvers.primal_dual.result import Outcome, assemble
from mfgprox.solvers.primal_dual.state import State, begin, present, refine
from mfgprox.solvers.refuse import require_plain
from mfgprox.tolerance import Status, Tolerance

REWEIGHT_COLD = (30, 60, 90, 120)
REWEIGHT = (25, 75, 150, 300, 600, 1200)
"""Iterations on a grid after which the metric follows the density."""
STEPS = {1: 200}
OTHER_STEPS = 40
"""Steps on a grid between the coarsest and the last, by dimension. On the line they are cheap, and
the minimiser is extrapolated from grids that must have converged for it."""
FIRST_CERTIFICATE = {1: 140}
"""On the last grid the minimiser converges later than the value: nothing is certified, and so
nothing ended, before so many steps on it, by dimension."""
WARM_STEPS = 3
"""Steps from the start on a grid but the last: they halve its gap there."""
WARM_CERTIFICATES = (2, 4, 7)
"""Steps on the last grid after which a solve from a start is certified besides the usual ones."""
PATIENCE = 300
"""Steps without a smaller gap after which a solve has stalled."""


@dataclass(frozen=True)
class PrimalDual:
    """The settings.

    sigma: ratio of dual to primal step in units of the problem; relaxation: over-relaxation, below
    2; coarsest_iterations, iterations: steps on the coarsest and on the other grids but the last;
    (None: as STEPS has it); certify: steps between certificates on the last grid, which double with
    the steps from ten certificates on; floor: smallest weight of the metric.
    Raises ValueError for values out of range.
    """

    sigma: float = 10.0
    relaxation: float = 1.8
    coarsest_iterations: int = 150
    iterations: int | None = None
    certify: int = 10
    floor: float = 1e-6
    name = "primal-dual"

    def __post_init__(self) -> None:
        for name, low, high in (
            ("sigma", 0.0, math.inf),
            ("relaxation", 0.0, 2.0),
            ("floor", 0.0, 1.0),
        ):
            value = getattr(self, name)
            if not low < value < high:
                raise ValueError(f"{name} must be above {low:g} and below {high:g}; got {value}")
        for name in ("coarsest_iterations", "iterations", "certify"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1; got {value}")

    @property
    def steps(self) -> Steps:
        return Steps(self.sigma, self.relaxation, floor=self.floor)

    def init(self, problem: Problem, start: Solution | None, tolerance: Tolerance) -> State:
        """The state before the first step: cold on the coarsest grid, or `start` on the last."""
        require_plain(problem, self.name)
        return begin(problem, start, self.steps)

    def step(self, problem: Problem, state: State, tolerance: Tolerance) -> Record:
        """One over-relaxed step on the present grid; goes on to the next grid when done.

        A start is certified before the first step on each grid.
        """
        if state.start is not None and state.steps == 0:
            known = judge.first_certificate(problem, state, self.steps, tolerance)
            if known is not None:
                return known
        d = present(problem, state)
        cold = state.level == 0 and state.start is None and state.levels > 1
        if state.steps in (REWEIGHT_COLD if cold else REWEIGHT):
            reweight(d, state.iterate, self.steps)
        residual = advance(d, state.iterate, self.steps)
        state.steps += 1
        level, primal, dual = state.level, math.nan, math.nan
        done = state.steps >= self._wanted(d, state, cold)
        if self._due(d, state) if state.last else done:
            primal, dual = certify(d, state, self.steps, self._interval(state.steps))
            state.allowed = tolerance.atol + tolerance.rtol * abs(dual)
        stalled = state.last and state.idle >= PATIENCE
        if done and not state.last and judge.goes_on(problem, state, self.steps, tolerance):
            refine(problem, state, self.steps)
        return Record(level, state.levels, primal, dual, residual, stalled=stalled)

    def _wanted(self, d: Discretisation, state: State, cold: bool) -> int:
        """Steps on a grid but the last."""
        if state.start is not None:
            return WARM_STEPS
        return self.coarsest_iterations if cold else self._steps_between(d)

    def _steps_between(self, d: Discretisation) -> int:
        return self.iterations or STEPS.get(len(d.axes), OTHER_STEPS)

    def _interval(self, steps: int) -> int:
        return self.certify << max(0, (steps // (10 * self.certify)).bit_length() - 1)

    def _due(self, d: Discretisation, state: State) -> bool:
        """Whether to certify on the last grid after so many steps on it."""
        if state.start is not None and state.steps in WARM_CERTIFICATES:
            return True
        first = 0 if state.start is not None else FIRST_CERTIFICATE.get(len(d.axes), 0)
        return state.steps >= first and state.steps % self._interval(state.steps) == 0

    def finish(
        self,
        problem: Problem,
        state: State,
        status: Status,
        iterations: int,
        history: dict[str, np.ndarray],
    ) -> Solution:
        """The best certified pair and potential on the problem's own grid."""
        while not state.last:
            refine(problem, state, self.steps)
        d = present(problem, state)
        if state.upper is None or state.lower is None:
            try:
                certify(d, state, self.steps)
            except FloatingPointError:  # the iterate is lost too
                state.upper, state.lower = at_rest(d)
        return assemble(d, state, Outcome(self.name, status, iterations, history))
