"""POT: unbalanced Sinkhorn with one hard marginal, translation invariant, dense matrices.

Of its solvers this is the one that runs: the majorisation–minimisation solver gives nan for an
infinite weight, L-BFGS makes no progress, the stabilised Sinkhorn loses all mass.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import ot

from benchmarks.peers.peer import Found, Task, best_count

MAX_CELLS = 64 * 64


def prepare(task: Task, *, reg: float, iterations: int | None = None) -> Callable[[], Found]:
    problem = task.problem
    grid = problem.grid
    if problem.P.size > MAX_CELLS:
        raise MemoryError("a dense matrix of costs would need more than 8 GB with its copies")
    x, y = (np.broadcast_to(c, grid.shape).ravel() for c in grid.coordinates())
    cost = np.square(x[:, None] - x) + np.square(y[:, None] - y)
    a, b = ((f * grid.cell_volume).ravel() for f in (problem.P, problem.Q))
    a, b = a / a.sum(), b / b.sum()
    # Cells without mass are left out: the solver takes logarithms of both weights.
    rows, columns = a > 0.0, b > 0.0
    a, kept, cost = a[rows], b[columns], np.ascontiguousarray(cost[np.ix_(rows, columns)])

    def solve(iterations: int) -> Found:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plan = ot.unbalanced.sinkhorn_unbalanced(
                a,
                kept,
                cost,
                reg,
                (float("inf"), problem.epsilon),
                method="sinkhorn_translation_invariant",
                reg_type="entropy",  # its R is a third closer than with "kl", the default
                numItermax=iterations,
                stopThr=0.0,
            )
        mass = np.zeros(b.size)
        mass[columns] = plan.sum(axis=0)
        R = (mass / grid.cell_volume).reshape(grid.shape)
        information = problem.divergence.between(R, problem.log_Q, grid.cell_volume)
        value = float(np.vdot(plan, cost)) + problem.epsilon * information
        corrected = value - 0.5 * grid.dimension * reg
        return Found(value, R, corrected, {"iterations": iterations})

    def error(iterations: int) -> float:
        R = solve(iterations).R
        assert R is not None
        return task.R_error(R)

    best = best_count(error) if iterations is None else iterations
    return lambda: solve(best)
