"""The `Solution` of a primal–dual solve."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.divergence.gibbs import placed
from mfgprox.solution import Certificate, Solution
from mfgprox.solvers.primal_dual.chain import ENVELOPE
from mfgprox.solvers.primal_dual.discretisation import Discretisation
from mfgprox.solvers.primal_dual.interpolation import in_space
from mfgprox.solvers.primal_dual.state import State, discrete_value
from mfgprox.tolerance import Status

STATEMENT = (
    "of the staggered discrete problem on this grid: primal_value is that of a density >= 0 and a "
    "flux that meet its continuity equation to round-off, an upper bound; dual_value is an "
    "estimate from below, the Lagrangian of a chain of potentials with its violations charged "
    f"against {ENVELOPE[0]:g} times the density found plus {ENVELOPE[1]:g} of its maximum, a bound "
    "only for densities below that envelope"
)

ORDER_WINDOW = 0.5


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
    R = placed(_minimiser(d, state), rho[-1], problem.log_Q)
    value, error = _estimate(d, state)
    notes = list(state.notes)
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
    changes, shrink = np.abs(np.diff([*state.values, fine])), _refinement(state) ** 2
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
    return before * after > 0.0 and _regular(before, after, state)


def _regular(before: float, after: float, state: State) -> bool:
    """Whether two differences in a row shrink as errors of order 2 ± ORDER_WINDOW do.

    Coarse grids that do not resolve P or Q would make an extrapolation worse than none.
    """
    order = math.log(before / after) / math.log(_refinement(state))
    return abs(order - 2.0) <= ORDER_WINDOW


def _minimiser(d: Discretisation, state: State) -> np.ndarray:
    """Gibbs density of U_1, which is extrapolated if the R of the last three grids allow it.

    The correction is at most epsilon: where there is little mass the potentials say little.
    """
    assert state.lower is not None
    problem, grid = d.problem, d.problem.grid

    def gibbs(U: np.ndarray) -> np.ndarray:
        return problem.divergence.gibbs(U, problem.log_Q, problem.epsilon, grid.cell_volume)[0]

    fine = (state.lower.U[-1] * d.unit).reshape(grid.shape)
    if len(state.terminals) < 2 or not problem.smooth or state.start is not None:
        return gibbs(fine)
    levels = zip(state.terminals[-2:], state.cells[-3:-1], strict=True)
    coarser, coarse = (_on_finest(d, values, cells) for values, cells in levels)
    before = grid.integrate(np.abs(gibbs(coarse) - gibbs(coarser)))
    after = grid.integrate(np.abs(gibbs(fine) - gibbs(coarse)))
    if not (after > 0.0 and before > 0.0 and _regular(before, after, state)):
        return gibbs(fine)
    change = (fine - coarse) / (_refinement(state) ** 2 - 1.0)
    return gibbs(fine + np.clip(change, -problem.epsilon, problem.epsilon))


def _on_finest(d: Discretisation, values: np.ndarray, cells: tuple[int, ...]) -> np.ndarray:
    grid = d.problem.grid
    coarse = grid.with_cells(cells)
    return in_space(values.reshape(1, *coarse.shape), coarse, grid)[0] * d.unit


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
