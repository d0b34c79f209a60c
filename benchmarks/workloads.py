"""What our own benchmarks solve, and how: smooth mixtures in one to three dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from mfgprox.certificate import continuous_bounds
from mfgprox.density import Gaussian, Mixture
from mfgprox.dynamic import with_path
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.solvers import make_solver
from mfgprox.tolerance import Status, Tolerance

# One axis each: places, weights and widths of two bumps.
P_AXES = (
    ((-0.9, 0.2), (0.6, 0.4), (0.5, 0.45)),
    ((-0.3, 0.6), (0.7, 0.3), (0.5, 0.55)),
    ((-0.5, 0.5), (0.5, 0.5), (0.55, 0.5)),
)
Q_AXES = (
    ((-0.2, 0.8), (0.3, 0.7), (0.55, 0.5)),
    ((-0.6, 0.4), (0.5, 0.5), (0.5, 0.5)),
    ((-0.4, 0.6), (0.4, 0.6), (0.5, 0.6)),
)
HALF_WIDTH = 5.0
TOLERANCE = Tolerance(rtol=1e-3)
EPSILON = 0.5


def product_of_mixtures(cells: tuple[int, ...], time_steps: int = 32) -> Problem:
    """Neither Gaussian nor log-concave, positive, and its optimal map is continuous."""
    d = len(cells)
    grid = Grid((-HALF_WIDTH,) * d, (HALF_WIDTH,) * d, cells, time_steps)
    return Problem(_product(P_AXES[:d]), _product(Q_AXES[:d]), epsilon=EPSILON, grid=grid)


def bumps(axes: tuple) -> list[tuple[float, list[float], list[float]]]:
    """Weight, mean and deviations of every bump of a product of one-dimensional mixtures."""
    found = []
    for which in product(*(range(len(places)) for places, _, _ in axes)):
        chosen = [[values[i] for values in axis] for axis, i in zip(axes, which, strict=True)]
        places, weights, widths = (list(values) for values in zip(*chosen, strict=True))
        found.append((math.prod(weights), places, widths))
    return found


def _product(axes: tuple) -> Mixture:
    found = bumps(axes)
    return Mixture([w for w, _, _ in found], [Gaussian(mean, std=std) for _, mean, std in found])


def bare_solution(name: str, problem: Problem) -> Solution:
    """What a solver finds, without the bounds and the path that `solve` adds."""
    solver = make_solver(name)
    state = solver.init(problem, None, TOLERANCE)
    status, steps = None, 0
    while status is None:
        record = solver.step(problem, state, TOLERANCE)
        steps += 1
        if record.last_level and record.settled and TOLERANCE.met(record.gap, record.dual):
            status = Status.CONVERGED
        elif record.last_level and record.stalled:
            status = Status.STALLED
    return solver.finish(problem, state, status, steps, {})


def _newton(problem: Problem) -> Callable[[], object]:
    return lambda: bare_solution("newton", problem)


def _path(problem: Problem) -> Callable[[], object]:
    static = bare_solution("newton", problem)
    return lambda: with_path(static)


def _certificate(problem: Problem) -> Callable[[], object]:
    static = bare_solution("newton", problem)
    return lambda: continuous_bounds(problem, static.U[-1])


def _primal_dual(problem: Problem) -> Callable[[], object]:
    return lambda: bare_solution("primal-dual", problem)


def _fictitious_play(problem: Problem) -> Callable[[], object]:
    return lambda: bare_solution("fictitious-play", problem)


@dataclass(frozen=True)
class Task:
    """A part of the work that users wait for.

    prepare(problem) does what comes before it and returns the call to be measured.
    """

    name: str
    prepare: Callable[[Problem], Callable[[], object]]
    in_time: bool = False
    """Whether its arrays have time levels."""


TASKS = {
    task.name: task
    for task in (
        Task("static newton", _newton),
        Task("dynamic pair", _path, in_time=True),
        Task("certificate", _certificate),
        Task("primal-dual", _primal_dual, in_time=True),
        Task("fictitious-play", _fictitious_play, in_time=True),
    )
}
