"""Richardson extrapolation over nested grids: higher order from a first-order scheme.

On grids whose widths and time steps shrink together, what the scheme computes is A + B h + C h² + …
where the solution is smooth. Two grids remove B, three remove C as well; how much each of them
changes tells whether the expansion holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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


def weights(responses: list[Response]) -> list[float]:
    """Of the values on grids of these widths in the polynomial through them, taken at width 0."""
    finest = responses[0].level.problem.grid
    h = [coarsening(finest, r.level.problem.grid) for r in responses]
    return [
        math.prod(-other / (own - other) for j, other in enumerate(h) if j != i)
        for i, own in enumerate(h)
    ]


@dataclass(frozen=True)
class Extrapolated:
    """U at the written times in the gauge E_P[U_0] = D, R, and the value, from `grids` grids."""

    U: np.ndarray
    R: np.ndarray
    value: float
    grids: int


def extrapolate(responses: list[Response], potentials: list[np.ndarray]) -> Extrapolated:
    """From the responses, finest first, and their potentials on the finest grid."""
    finest, shares = responses[0], weights(responses)
    U = np.zeros_like(potentials[0])
    for share, potential in zip(shares, potentials, strict=False):
        U += share * potential
    problem = finest.level.problem
    R, log_term = problem.divergence.gibbs(
        U[-1], problem.log_Q, problem.epsilon, problem.grid.cell_volume
    )
    U -= log_term
    value = problem.grid.integrate(problem.P * U[0])
    return Extrapolated(U, R, value, len(responses))


def candidates(responses: list[Response]) -> list[Extrapolated]:
    """From one grid, from two, …, up to all of the responses, finest first."""
    grid = responses[0].level.problem.grid
    potentials = [resample(written_potential(r), r.level.problem.grid, grid) for r in responses]
    return [extrapolate(responses[: k + 1], potentials) for k in range(len(responses))]
