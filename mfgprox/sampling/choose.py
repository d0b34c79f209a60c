"""Which carrier serves a solution: the one that leads to R, on data of its kind."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from mfgprox.density import Sampled
from mfgprox.dynamic.hopf_lax import TerminalPotential
from mfgprox.problem import Problem
from mfgprox.sampling.carry import ByMap, ByPlan, ByQuantiles
from mfgprox.sampling.law import Law, law
from mfgprox.slices import Slices
from mfgprox.solution import Solution

METHODS = ("auto", "quantiles", "map", "plan")
ENOUGH = 1e-3
"""Difference of a cosine's mean up to which a map is taken to lead to R without looking at a plan:
about the noise of 10^6 samples, and of the sum over a torn map."""


class SamplingError(ValueError):
    """Samples cannot be drawn as asked; the message says what is accepted."""


@dataclass(frozen=True, eq=False)
class BySlices:
    """Points stay in their cell of the axes that mass does not move along, each slice carried by a
    carrier of its own; where a slice has no mass of Q they rest."""

    solution: Solution
    method: str
    found: dict[int, ByQuantiles | ByMap | ByPlan | BySlices | None] = field(default_factory=dict)

    def ends(self, places: np.ndarray, u: np.ndarray) -> np.ndarray:
        split = Slices(self.solution.problem).split
        moving = np.array(split.moving)
        cells = [np.clip(np.rint(places[:, i]).astype(int), 0, split.grid.cells[i] - 1)
                 for i in split.fixed[::-1]]  # fmt: skip
        number = np.ravel_multi_index(cells, [split.grid.cells[i] for i in split.fixed[::-1]])
        out = places.copy()
        order = np.argsort(number, kind="stable")
        edges = np.flatnonzero(np.diff(number[order], prepend=-1))
        for which in np.split(order, edges[1:]):
            carrier = self._carrier(int(number[which[0]]))
            if carrier is not None:
                inner = np.zeros((which.size, 3))
                inner[:, : len(moving)] = places[np.ix_(which, moving)]
                out[np.ix_(which, moving)] = carrier.ends(inner, u[which])[:, : len(moving)]
        return out

    def _carrier(self, number: int) -> ByQuantiles | ByMap | ByPlan | BySlices | None:
        if number not in self.found:
            slices = Slices(self.solution.problem)
            self.found[number] = None
            if slices.solved[number]:
                U, R = (slices.split.slices(a)[number] for a in (self.solution.U[-1],
                                                                 self.solution.R))  # fmt: skip
                R = R / (R.sum() * slices.split.slice_grid.cell_volume)
                one = replace(self.solution, problem=slices.slice_problem(number), U=U[None], R=R)
                self.found[number] = carrier_of(one, self.method).carrier
        return self.found[number]


Carrier = ByQuantiles | ByMap | ByPlan | BySlices


@dataclass(frozen=True, eq=False)
class Choice:
    """method and the reason for it; misplaced: the largest difference of a cosine's mean under the
    law of the ends and under R, nan where the ends are those of R by construction."""

    carrier: Carrier
    method: str
    reason: str
    misplaced: float = math.nan


def carrier_of(solution: Solution, method: str) -> Choice:
    """The carrier that serves a solution. Raises SamplingError."""
    problem = solution.problem
    if problem.split is not None:
        return Choice(BySlices(solution, method), "slices", "mass moves along some axes only")
    if method == "quantiles" and problem.grid.dimension != 1:
        raise SamplingError("quantiles serve in one dimension only; use auto, map or plan")
    if method in ("auto", "quantiles") and problem.grid.dimension == 1:
        P = law(problem.P, problem.log_P, problem.samples[0].smooth, problem.grid)
        carrier = ByQuantiles(P, _minimiser(solution))
        return Choice(carrier, "quantiles", "the monotone map of the line")
    try:
        potential = TerminalPotential(_reaching(problem, solution.R), solution.U[-1])
    except ValueError as error:
        raise SamplingError(f"the potential of this result leads nowhere: {error}") from error
    by_map, by_plan = ByMap(potential), ByPlan(problem, potential, _cells(solution.R, problem))
    if method == "auto":
        return _chosen(problem, by_map, by_plan, solution.R)
    if method == "map":
        return Choice(by_map, "map", "as asked for", by_map.misplaced(solution.R))
    return Choice(by_plan, "plan", "as asked for", by_plan.misplaced())


def _chosen(problem: Problem, by_map: ByMap, by_plan: ByPlan, R: np.ndarray) -> Choice:
    """The one that leads closer to R; the plan where a map would smear edges."""
    if not problem.smooth:
        return Choice(by_plan, "plan", "P or Q have edges or zeros", by_plan.misplaced())
    miss = by_map.misplaced(R)
    if miss <= ENOUGH:
        return Choice(by_map, "map", "smooth data", miss)
    other = by_plan.misplaced()
    if miss <= other:
        return Choice(by_map, "map", f"a plan would miss R by {other:.1e}", miss)
    return Choice(by_plan, "plan", f"the map would miss R by {miss:.1e}", other)


def _reaching(problem: Problem, R: np.ndarray) -> Problem:
    """The problem with a trace of Q wherever R has mass: where f'(∞) is finite R may leave the
    support of Q, and U_1 counts there too."""
    P, Q = problem.samples
    outside = (R > 0.0) & np.isneginf(Q.log_values)
    if not outside.any():
        return problem
    log_values = np.where(outside, -700.0, Q.log_values)
    return problem.with_samples(P, Sampled(Q.values, log_values, Q.cut_off, Q.smooth))


def _minimiser(solution: Solution) -> Law:
    problem, R = solution.problem, solution.R
    smooth = problem.smooth and bool((R > 0.0).all())
    log_R = np.log(R) if smooth else np.zeros(R.shape)
    return law(R, log_R, smooth, problem.grid)


def _cells(R: np.ndarray, problem: Problem) -> Law:
    R = R.reshape(problem.grid.kernel_shape)
    return Law(R / R.sum(), 1)
