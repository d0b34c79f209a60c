"""Clarabel through CVXPY: the plan and R as one convex program, on small grids."""

from __future__ import annotations

from collections.abc import Callable

import cvxpy as cp
import numpy as np

from benchmarks.peers.peer import Found, Task

MAX_CELLS = 16 * 16
NEGLIGIBLE = 1e-9
"""Cells of P below this share of its largest are left out, so that the program stays small."""


def prepare(task: Task) -> Callable[[], Found]:
    problem = task.problem
    grid = problem.grid
    if problem.P.size > MAX_CELLS:
        raise MemoryError("a convex program over all pairs of cells")
    x, y = (np.broadcast_to(c, grid.shape).ravel() for c in grid.coordinates())
    a, b = ((f * grid.cell_volume).ravel() for f in (problem.P, problem.Q))
    rows, columns = a > NEGLIGIBLE * a.max(), b > NEGLIGIBLE * b.max()
    a, b = a[rows] / a[rows].sum(), b[columns] / b[columns].sum()
    cost = np.square(x[rows, None] - x[columns]) + np.square(y[rows, None] - y[columns])

    def solve() -> Found:
        plan = cp.Variable(cost.shape, nonneg=True)
        R = cp.sum(plan, axis=0)
        objective = cp.sum(cp.multiply(cost, plan)) + problem.epsilon * cp.sum(cp.rel_entr(R, b))
        program = cp.Problem(cp.Minimize(objective), [cp.sum(plan, axis=1) == a])
        value = program.solve(solver=cp.CLARABEL)
        density = np.zeros(x.size)
        density[columns] = np.maximum(np.asarray(R.value), 0.0) / grid.cell_volume
        return Found(float(value), density.reshape(grid.shape))

    return solve
