"""U_t where the divergence is Lipschitz-regularised: no spline, which would overshoot at kinks.

    U_t(z) = min_y c_t(z, y) + U_1(y),    c_t(d) = min_w |w|^p / (1-t)^(p-1) + epsilon L |d - w|:
since |∇U_1| <= epsilon L nothing is gained by the second term, and with it the minimum over the
cell centres obeys |U_t(x) - U_t(y)| <= epsilon L |x - y| between all of them, at all times.
Source: Baptista et al., Proximal optimal transport divergences, (2.23)-(2.25) and Example 3.2.
"""

from __future__ import annotations

import numpy as np

from mfgprox.capped_cost import CappedCost, distances, transform
from mfgprox.divergence import Lipschitz
from mfgprox.problem import Problem


def levels(problem: Problem, U_1: np.ndarray) -> np.ndarray:
    """U at all time levels, (time_steps + 1, …, z, y, x); U_1: grid.shape, finite."""
    f, grid, p = problem.divergence, problem.grid, problem.p
    assert isinstance(f, Lipschitz)
    away = distances(grid.kernel_shape, grid.kernel_spacing)
    psi = -np.asarray(U_1, float).reshape(grid.kernel_shape)
    found = []
    for t in grid.times[:-1]:
        # |w|^p / (1-t)^(p-1) = (1-t) |w / (1-t)|^p: the same cost of lengths in units of 1-t.
        cost = CappedCost(p, problem.epsilon * f.constant)
        table = np.ascontiguousarray((1.0 - t) * cost.of(away / (1.0 - t)))
        found.append(transform(psi, table)[0])
    return np.stack([*found, -psi]).reshape(grid.time_steps + 1, *grid.shape)
