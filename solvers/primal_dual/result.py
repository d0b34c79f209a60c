"""The `Solution` of a primal–dual solve."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.solution import Certificate, Solution
from mfgprox.solvers.primal_dual.certificate import ENVELOPE
from mfgprox.solvers.primal_dual.discretisation import Discretisation
from mfgprox.solvers.primal_dual.interpolation import in_space
from mfgprox.solvers.primal_dual.state import State, discrete_value
from mfgprox.tolerance import Status

STATEMENT = (
    "of the staggered discrete problem on this grid: primal_value is that of a density >= 0 and a "
    "flux that meet its continuity equation to round-off, an upper bound; dual_value is an "
    "estimate from below, the Lagrangian of a chain of potentials with its violations charged against "
    f"{ENVELOPE[0]:g} times the density found plus {ENVELOPE[1]:g} of its maximum, a bound only "
    "for densities below that envelope"
)


@dataclass(frozen=True)
class Outcome:
    """How the solve ended."""

    solver: str
    status: Status
    iterations: int
    history: dict[str, np.ndarray]


def assemble(d: Discretisation, state: State, outcome: Outcome) -> Solution:
    """Everything in the problem's units, on its grid."""
    upper, lower = state.upper, state.lower
    assert upper is not None and lower is not None
    problem, grid = d.problem, d.problem.grid
    U = (lower.U * d.unit).reshape(-1, *grid.shape)
    best = U[-1] + _correction(d, state)
    R, _ = problem.divergence.gibbs(best, problem.log_Q, problem.epsilon, grid.cell_volume)
    value, error = _estimate(d, state)
    notes = () if math.isfinite(state.coarser_value) else ("not extrapolated: one grid only",)
    return Solution(
        problem=problem,
        solver=outcome.solver,
        status=outcome.status,
        iterations=outcome.iterations,
        rho=_normalised(upper.rho, grid.cell_volume).reshape(-1, *grid.shape),
        U=U,
        R=R,
        momentum=_momentum(d, upper.flux),
        certificate=Certificate(upper.value * d.unit, lower.value * d.unit, statement=STATEMENT),
        divergence=value,
        divergence_error=error,
        transport_cost=upper.transport * d.unit,
        information_divergence=upper.information,
        history=outcome.history,
        notes=notes,
    )


def _estimate(d: Discretisation, state: State) -> tuple[float, float]:
    """Value of the continuous problem: extrapolated over the last two grids, of second order."""
    assert state.upper is not None and state.lower is not None
    fine = discrete_value(state.upper, state.lower) * d.unit
    gap = abs(state.upper.value - state.lower.value) * d.unit
    if not math.isfinite(state.coarser_value):
        return fine, gap
    coarse = state.coarser_value * d.unit
    correction = (fine - coarse) / (_refinement(state) ** 2 - 1.0)
    return float(fine + correction), float(abs(correction) + gap)


def _correction(d: Discretisation, state: State) -> np.ndarray:
    """What extrapolation over the last two grids adds to U_1 of smooth problems, grid.shape.

    At most epsilon: where there is little mass the two potentials say little about each other.
    """
    problem, grid = d.problem, d.problem.grid
    if state.coarser_terminal is None or state.lower is None or not problem.smooth:
        return np.zeros(grid.shape)
    coarse = grid.with_cells(state.cells[-2])
    values = state.coarser_terminal.reshape(1, *coarse.shape)
    fine = state.lower.U[-1].reshape(grid.shape)
    change = d.unit * (fine - in_space(values, coarse, grid)[0])
    return np.clip(change / (_refinement(state) ** 2 - 1.0), -problem.epsilon, problem.epsilon)


def _refinement(state: State) -> float:
    """How much finer the last grid is than the one before."""
    pairs = zip(*state.cells[-2:], strict=True)
    return float(np.mean([fine / coarse for coarse, fine in pairs if fine > coarse]))


def _normalised(rho: np.ndarray, volume: float) -> np.ndarray:
    """Mass one up to the last bits, which sums of many cells lose."""
    return rho / (rho.sum(axis=1, keepdims=True) * volume)


def _momentum(d: Discretisation, flux: np.ndarray) -> tuple[np.ndarray, ...]:
    """Fluxes through all faces, walls included, one array per axis in the order x, y, z."""
    grid = d.problem.grid
    found = []
    for axis in range(grid.dimension):
        a = grid.dimension - axis
        shape = [grid.time_steps, *grid.shape]
        shape[a] += 1
        m = np.zeros(shape)
        if axis in d.axes:
            inner = flux[d.axes.index(axis)].reshape(grid.time_steps, *grid.shape) * d.scale
            np.moveaxis(m, a, 0)[1:] = np.moveaxis(inner, a, 0)
        found.append(m)
    return tuple(found)
