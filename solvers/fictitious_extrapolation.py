"""Richardson extrapolation over nested grids: second order from a first-order scheme.

On grids whose widths and time steps shrink together, what the scheme computes is A + B h + O(h²)
where the solution is smooth. Two grids remove B, a third measures what is left.
"""

from __future__ import annotations

import numpy as np

from mfgprox.solvers.fictitious_grids import coarsening, resample
from mfgprox.solvers.fictitious_level import Response


def written_potential(response: Response) -> np.ndarray:
    """U at the written time levels, (time_steps + 1, *grid.shape), cubic in time between steps."""
    grid = response.level.problem.grid
    U, steps = response.U.reshape(-1, *grid.shape), response.level.steps
    if steps % grid.time_steps == 0:
        return U[:: steps // grid.time_steps].copy()
    out = np.empty((grid.time_steps + 1, *grid.shape))
    count = min(4, steps + 1)
    for j, t in enumerate(grid.times):
        first = int(np.clip(np.floor(t * steps) - 1, 0, steps + 1 - count))
        nodes = np.arange(first, first + count)
        out[j] = 0.0
        for k in nodes:
            others = nodes[nodes != k]
            out[j] += np.prod((t * steps - others) / (k - others)) * U[k]
    return out


def on_grid(values: np.ndarray, source: Response, target: Response) -> np.ndarray:
    """Values on the grid of one response carried over to that of another."""
    return resample(values, source.level.problem.grid, target.level.problem.grid)


def first_order_weight(fine: Response, coarse: Response) -> float:
    """w of the extrapolation  fine + w (fine - coarse)."""
    ratio = coarsening(fine.level.problem.grid, coarse.level.problem.grid)
    return 1.0 / (ratio - 1.0)


def extrapolated(fine: Response, coarse: Response) -> tuple[np.ndarray, float]:
    """The potential at the written times on the fine grid and the dual value, extrapolated."""
    weight = first_order_weight(fine, coarse)
    U = written_potential(fine)
    U += weight * (U - on_grid(written_potential(coarse), coarse, fine))
    return U, fine.dual + weight * (fine.dual - coarse.dual)


def minimiser(U_1: np.ndarray, response: Response) -> tuple[np.ndarray, float]:
    """The Gibbs density of a terminal potential, and the term to subtract from U for the gauge."""
    problem = response.level.problem
    R, log_term = problem.divergence.gibbs(
        U_1, problem.log_Q, problem.epsilon, problem.grid.cell_volume
    )
    return R, float(log_term)
