"""Which R is returned, and what it costs: the Gibbs density of U_1, or what continuity delivers.

Where f'(∞) is finite R = Q (f*)'(U_1/eps - nu) has a pole: cells near it hold as much as they like
at hardly another U_1, so that a potential of any accuracy may say little of R, while rho(·, 1) of
the pair and every value are right. The Gibbs density is therefore moved to, by a pair of its own.
"""

from __future__ import annotations

import math

import numpy as np

from mfgprox.divergence.gibbs import placed
from mfgprox.kernels import certificates
from mfgprox.kernels.threads import over
from mfgprox.solvers.primal_dual import feasible
from mfgprox.solvers.primal_dual.discretisation import Discretisation
from mfgprox.solvers.primal_dual.interpolation import in_space
from mfgprox.solvers.primal_dual.iteration import poisson_of
from mfgprox.solvers.primal_dual.state import State, refinement, regular

PROJECTION = 1e-8
MIXED = 1e-6
"""Mass by which what the pair delivers may differ from R."""
DELIVERED = (
    "R is what the continuity equation delivers: the Gibbs density of the terminal potential, "
    "which f with a finite f'(∞) leaves undetermined, would cost more than the tolerance allows"
)


def minimiser(d: Discretisation, state: State) -> tuple[np.ndarray, str]:
    """R (N,) that costs no more than the gap or the tolerance allows, and a note or "".

    The Gibbs density of U_1, extrapolated over the last grids where that is affordable; else the
    density that the certified pair delivers, whose price is the primal value.
    """
    assert state.upper is not None and state.lower is not None
    most = max(state.upper.value, state.lower.value + state.allowed / d.unit)
    delivered = state.upper.rho[-1] / (state.upper.rho[-1].sum() * d.problem.grid.cell_volume)
    fine = state.lower.U[-1] * d.unit
    for U in (_extrapolated(d, state, fine), fine):
        if U is not None:
            R = placed(_gibbs(d, U), delivered, d.log_Q)
            # Without a pole R follows U_1, and its price the square of the error of U_1.
            if math.isinf(d.problem.divergence.recession) or price(d, R, state) <= most:
                return R, ""
    return delivered, DELIVERED


def price(d: Discretisation, R: np.ndarray, state: State) -> float:
    """The discrete primal value of R (N,): the certified pair with what R differs from its
    rho(·, 1) moved besides; inf where a density would have to be negative for that."""
    assert state.upper is not None and state.lower is not None
    pair, volume = state.upper, d.problem.grid.cell_volume
    rho, flux = pair.rho.copy(), pair.flux.copy()
    rho[-1] = R
    weight = np.maximum(rho, feasible.FLOOR * rho.max())
    residual, phi = np.empty((d.slabs, d.cells)), np.zeros((d.slabs, d.cells))
    over(certificates.flux_divergence, d.slabs, d.work, flux, *d.geometry, residual)
    residual += np.diff(rho, axis=0) * d.slabs
    poisson_of(d, weight, fixed=True).solve(phi, residual, PROJECTION)
    mean = 0.5 * (weight[1:] + weight[:-1])
    over(certificates.add_gradient, d.slabs, d.work, phi, mean, *d.geometry, flux)
    over(certificates.flux_divergence, d.slabs, d.work, flux, *d.geometry, residual)
    np.cumsum(residual, axis=0, out=residual)
    rho[1:] = rho[0] - residual / d.slabs
    rho, flux = feasible.mixed(d, rho, flux)
    if not float(np.abs(rho[-1] - R).sum()) * volume <= MIXED:
        return math.inf
    between = 0.5 * (state.lower.U[1:] + state.lower.U[:-1])
    moved = feasible.measured(d, rho, flux, between)
    return moved.transport + d.epsilon * d.problem.divergence.between(R, d.log_Q, volume)


def _gibbs(d: Discretisation, U: np.ndarray) -> np.ndarray:
    problem = d.problem
    return problem.divergence.gibbs(U, d.log_Q, problem.epsilon, problem.grid.cell_volume)[0]


def _extrapolated(d: Discretisation, state: State, fine: np.ndarray) -> np.ndarray | None:
    """U_1 (N,) extrapolated if the R of the last three grids allow it.

    The correction is at most epsilon: where there is little mass the potentials say little.
    """
    problem, grid = d.problem, d.problem.grid
    if len(state.terminals) < 2 or not problem.smooth or state.start is not None:
        return None
    levels = zip(state.terminals[-2:], state.cells[-3:-1], strict=True)
    coarser, coarse = (_on_finest(d, values, cells) for values, cells in levels)
    R = _gibbs(d, coarse)
    before = grid.integrate(np.abs(R - _gibbs(d, coarser)).reshape(grid.shape))
    after = grid.integrate(np.abs(_gibbs(d, fine) - R).reshape(grid.shape))
    if not (after > 0.0 and before > 0.0 and regular(before, after, state)):
        return None
    change = (fine - coarse) / (refinement(state) ** 2 - 1.0)
    return fine + np.clip(change, -problem.epsilon, problem.epsilon)


def _on_finest(d: Discretisation, values: np.ndarray, cells: tuple[int, ...]) -> np.ndarray:
    grid = d.problem.grid
    coarse = grid.with_cells(cells)
    return in_space(values.reshape(1, *coarse.shape), coarse, grid).reshape(-1) * d.unit
