"""GeomLoss on images: balanced, so that R must be given; only the transport cost is compared.

Its cost is |x - y|²/2 on a unit box.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from geomloss._legacy.sinkhorn_images import sinkhorn_divergence

from benchmarks.peers.peer import Found, Task

torch.set_num_threads(1)


def prepare(task: Task, *, scaling: float, debias: bool) -> Callable[[], Found]:
    problem = task.problem
    grid = problem.grid
    n, width = grid.cells[0], grid.upper[0] - grid.lower[0]
    if 2 ** int(np.log2(n)) != n:
        raise ValueError("it wants a power of two of cells")
    images = [
        torch.as_tensor(f / f.sum(), dtype=torch.float64)[None, None]
        for f in (problem.P, task.answer_R)
    ]
    unit = 2.0 * width * width
    information = problem.divergence.between(task.answer_R, problem.log_Q, grid.cell_volume)

    def solve() -> Found:
        with torch.no_grad():
            cost = sinkhorn_divergence(
                *images, p=2, blur=1.0 / n, scaling=scaling, debias=debias
            ).item()
        return Found(unit * cost + problem.epsilon * information, None)

    solve()  # KeOps compiles its formulas
    return solve
