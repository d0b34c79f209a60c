"""Richardson extrapolation over nested grids: higher order from a first-order scheme.

On grids whose widths and time steps shrink together, what the scheme computes is A + B h + C h² + …
where the solution is smooth. Two grids remove B, three remove C as well; how much each of them
changes tells whether the expansion holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.grid import Grid
from mfgprox.solvers.fictitious_grids import coarsening, resample
from mfgprox.solvers.fictitious_level import Response

LEAST = 1e-8
"""Density relative to the largest below which the sweeps hold noise."""


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


Parts = list[np.ndarray]


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


def extrapolate(responses: list[Response], potentials: Parts, pushed: Parts) -> Extrapolated:
    """From the responses, finest first, and from their potentials and what they push, (K + 1,
    *shape) and (*shape), on the finest grid.

    R is the Gibbs density of U_1. Where f'(∞) is finite that has a pole, next to which the least
    change of U_1 makes any of R; there R is extrapolated itself.
    """
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
    if pushed:
        R = _extrapolated(shares, pushed, R, problem.grid)
        # A cell at the pole makes the second term of the dual value large, never small.
        dual = sum(w * r.dual for w, r in zip(shares, responses, strict=True))
        U += max(dual - value, 0.0)
        value = max(dual, value)
    return Extrapolated(U, R, value, len(responses))


def candidates(responses: list[Response]) -> list[Extrapolated]:
    """From one grid, from two, …, up to all of the responses, finest first."""
    grid = responses[0].level.problem.grid
    own = [r.level.problem.grid for r in responses]
    potentials = [
        resample(written_potential(r), g, grid) for r, g in zip(responses, own, strict=True)
    ]
    pushed: Parts = []
    if np.isfinite(responses[0].level.problem.divergence.recession):
        pushed = [
            resample(r.pushed.reshape(g.shape), g, grid)
            for r, g in zip(responses, own, strict=True)
        ]
    return [extrapolate(responses[: k + 1], potentials, pushed) for k in range(len(responses))]


def _extrapolated(shares: list[float], pushed: Parts, gibbs: np.ndarray, grid: Grid) -> np.ndarray:
    """R of mass one, at least half of that of the finest grid, and what is asked for where there
    is next to none of it: powers of Q/R may cost anything there."""
    R = np.sum([w * r for w, r in zip(shares, pushed, strict=False)], axis=0)
    R = np.maximum(R, 0.5 * pushed[0])
    R = np.maximum(R, np.minimum(gibbs, LEAST * R.max()))
    return R / grid.integrate(R)
