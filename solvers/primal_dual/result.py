"""The `Solution` of a primal–dual solve."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.solution import Certificate, Solution
from mfgprox.solvers.primal_dual.chain import ENVELOPE
from mfgprox.solvers.primal_dual.discretisation import Discretisation
from mfgprox.solvers.primal_dual.minimiser import minimiser
from mfgprox.solvers.primal_dual.state import State, discrete_value, refinement, regular
from mfgprox.tolerance import Status

STATEMENT = (
    "of the staggered discrete problem on this grid: primal_value is that of a density >= 0 and a "
    "flux that meet its continuity equation to round-off, an upper bound; dual_value is an "
    "estimate from below, the Lagrangian of a chain of potentials with its violations charged "
    f"against {ENVELOPE[0]:g} times the density found plus {ENVELOPE[1]:g} of its maximum, a bound "
    "only for densities below that envelope"
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
    rho = _normalised(upper.rho, grid.cell_volume).reshape(-1, *grid.shape)
    R, note = minimiser(d, state)
    R = R.reshape(grid.shape)
    value, error = _estimate(d, state)
    notes = [*state.notes, *([note] if note else [])]
    if state.start is not None:
        notes.append(state.start.origin.confirmation(problem.epsilon, value, error))
    if not outcome.status.converged:
        notes.append(_what_is_left(state))
    # What is reported belongs to the R that is returned, not to rho(·, 1) of the feasible pair.
    information = problem.divergence.between(R, problem.log_Q, grid.cell_volume)
    return Solution(
        problem=problem,
        solver=outcome.solver,
        status=outcome.status,
        iterations=outcome.iterations,
        rho=rho,
        U=U,
        R=R,
        momentum=_momentum(d, upper.flux),
        certificate=Certificate(
            float(upper.value * d.unit), float(lower.value * d.unit), statement=STATEMENT
        ),
        divergence=value,
        divergence_error=error,
        transport_cost=upper.transport * d.unit,
        information_divergence=information,
        history=outcome.history,
        notes=tuple(notes),
    )


def _what_is_left(state: State) -> str:
    """Why a gap stayed open, for the notes."""
    assert state.upper is not None and state.lower is not None
    gap = state.upper.value - state.lower.value
    share = gap / max(abs(state.lower.value), 1e-300)
    said = f"Stopped at a relative gap of {share:.1e} of the discrete problem"
    charged = state.upper.value - state.upper.transport
    if gap > 0.0 and charged > 0.5 * gap:
        return (
            f"{said}: {charged / state.upper.value:.0%} of its primal value is ε D_f of a density "
            "at time 1 that is hardly off. The dual value and the lower bound do not notice that; "
            "newton or back-and-forth may close the gap. Where ε D_f(R‖Q) is far below D, D is "
            "the transport cost to Q up to the order of 1/ε, and a smaller ε tells it as well."
        )
    return f"{said}."


def _estimate(d: Discretisation, state: State) -> tuple[float, float]:
    """Value of the continuous problem and its error.

    The error is what the next refinements would change if the grids converge regularly, else all
    that the last one changed, or that the one before lets expect, plus the gap; inf when no coarser
    grid was solved. The value itself is not extrapolated: the gap is of the size of the correction.
    """
    assert state.upper is not None and state.lower is not None
    fine = discrete_value(state.upper, state.lower)
    gap = abs(state.upper.value - state.lower.value)
    if not state.values:  # one grid tells nothing of its discretisation error
        return fine * d.unit, math.inf
    changes, shrink = np.abs(np.diff([*state.values, fine])), refinement(state) ** 2
    # From a start the coarse grids are not solved well enough to tell an order.
    if state.start is None and _second_order(state):
        error = changes[-1] / (shrink - 1.0)
    else:
        error = max(changes[-1], changes[-2] / shrink if changes.size > 1 else 0.0)
    return fine * d.unit, float(error + gap) * d.unit


def _second_order(state: State) -> bool:
    """Whether the values of the last three grids converge as errors of second order do."""
    assert state.upper is not None and state.lower is not None
    if len(state.values) < 2:
        return False
    before = state.values[-1] - state.values[-2]
    after = discrete_value(state.upper, state.lower) - state.values[-1]
    return before * after > 0.0 and regular(before, after, state)


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
