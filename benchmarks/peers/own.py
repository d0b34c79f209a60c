"""mfgprox itself: its solvers as users call them, with or without the bounds of the value."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from unittest.mock import patch

import mfgprox
from benchmarks.peers.peer import Found, Task


def prepare(
    task: Task,
    *,
    solver: str,
    rtol: float = 1e-4,
    time_steps: int | None = None,
    bounds: bool = True,
) -> Callable[[], Found]:
    """time_steps: of the whole evolution, for solvers that compute it; None: the optimum only."""
    grid = task.problem.grid
    problem = task.problem.on(grid.with_cells(grid.cells, time_steps or grid.time_steps))
    tolerance = mfgprox.Tolerance(rtol=rtol)

    def solve() -> Found:
        with nullcontext() if bounds else _without_bounds():
            solution = mfgprox.solve(problem, solver, tolerance=tolerance, static=True)
        values = {
            "iterations": solution.iterations,
            "converged": solution.converged,
            "lower": solution.lower_bound,
            "upper": solution.upper_bound,
        }
        return Found(solution.divergence, solution.R, None, values)

    return solve  # compiled by the first small problems that every method gets


def _without_bounds():
    return patch("mfgprox.solvers.iterate.certified", lambda solution: solution)
