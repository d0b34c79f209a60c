"""What is known of every slice while a problem with transport along some axes is solved."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from mfgprox.problem import Problem
from mfgprox.slices import LEAST_EPSILON, MOST_EPSILON, Slices
from mfgprox.solution import Solution
from mfgprox.solvers.iterate import TRANSIENT

COLUMNS = (
    "primal", "dual", "lower", "upper", "value", "error", "transport", "information",
)  # fmt: skip
"""Of a slice with mass one; information in units of cost: epsilon times D_f."""
STAYS = ""
"""The solver of a slice that stays where P is."""


@dataclass
class ConditionalState:
    """Slices are numbered as `mfgprox.split` numbers them; each has mass one.

    rho, U: (slices, levels, slice); R: (slices, slice); momentum: one array per moving axis, on its
    faces, (slices, time_steps, slice); all levels of the grid, or two of them and no momentum.
    """

    done: int
    """How many of the slices in `order` are solved."""
    values: np.ndarray
    """(slices, len(COLUMNS))."""
    rho: np.ndarray
    U: np.ndarray
    R: np.ndarray
    momentum: list[np.ndarray]
    solvers: list[str]
    statuses: list[str]
    work: Slices | None = field(default=None, metadata=TRANSIENT)

    def slices(self, problem: Problem) -> Slices:
        """The problems of the slices, made once."""
        if self.work is None:
            self.work = Slices(problem)
        return self.work

    def order(self, problem: Problem) -> np.ndarray:
        """The numbers of the slices to solve, the heaviest first."""
        slices = self.slices(problem)
        by_weight = np.argsort(-slices.weight, kind="stable")
        return by_weight[slices.solved[by_weight]]

    def column(self, name: str) -> np.ndarray:
        """One of COLUMNS, (slices,)."""
        return self.values[:, COLUMNS.index(name)]

    def sums(self, slices: Slices, name: str) -> float:
        """The sum over the slices, weighted with their mass."""
        carry = slices.carry
        return float((slices.weight[carry] * self.column(name)[carry]).sum())


def begin(slices: Slices, static: bool) -> ConditionalState:
    """No slice solved: all mass of P stays, at the price epsilon D_f(P‖Q), (2.10)."""
    split, problem = slices.split, slices.problem
    count, grid = split.count, split.slice_grid
    levels = 2 if static else grid.time_steps + 1
    carry, log_P = slices.carry, split.slices(problem.log_P)
    P = np.zeros(log_P.shape)
    unit = (slice(None),) + (None,) * (log_P.ndim - 1)
    P[carry] = np.exp(log_P[carry] - slices.log_P[carry][unit])
    momentum = []
    if not static:
        for axis in split.moving:
            momentum.append(np.zeros((count, grid.time_steps, *split.shape(axis))))
    state = ConditionalState(
        0,
        np.zeros((count, len(COLUMNS))),
        np.repeat(P[:, None], levels, axis=1),
        np.zeros((count, levels, *grid.shape)),
        P,
        momentum,
        [STAYS] * count,
        [STAYS] * count,
        slices,
    )
    for number in np.flatnonzero(slices.solved):
        price = _price_of_staying(slices, int(number), P[number])
        state.values[number] = (price, 0.0, 0.0, price, price, price, 0.0, price)
    return state


def _price_of_staying(slices: Slices, number: int, P: np.ndarray) -> float:
    divergence, epsilon = slices.own(number)
    log_Q = slices.split.slices(slices.problem.log_Q)[number] - slices.log_Q[number]
    return epsilon * divergence.between(P, log_Q, slices.split.slice_grid.cell_volume)


def keep(state: ConditionalState, slices: Slices, number: int, found: Solution) -> None:
    """The solution of a slice; what it has that is not finite is not taken."""
    state.solvers[number], state.statuses[number] = found.solver, found.status.name
    levels = state.rho.shape[1]
    pick = slice(None) if levels == len(found.rho) else [0, -1]
    sound = math.isfinite(found.divergence) and np.isfinite(found.rho).all()
    if not (sound and np.isfinite(found.R).all()):
        return
    state.rho[number], state.U[number] = found.rho[pick], found.U[pick]
    state.R[number] = found.R
    for kept, own in zip(state.momentum, found.momentum, strict=False):
        kept[number] = own
    state.values[number] = _values(state, slices, number, found)


def _values(
    state: ConditionalState, slices: Slices, number: int, found: Solution
) -> tuple[float, ...]:
    """The row of `values`; bounds that a slice lacks are those without transport and zero."""
    own, used = slices.own(number)[1], found.problem.epsilon
    stays = float(state.column("upper")[number])
    upper = stays if math.isnan(found.upper_bound) else min(found.upper_bound, stays)
    lower = 0.0 if math.isnan(found.lower_bound) else max(found.lower_bound, 0.0)
    error = found.divergence_error
    if own > MOST_EPSILON:  # D increases with epsilon, up to W_p^p(P, Q)
        upper = slices.split.slice_grid.diameter**slices.problem.p
        error = max(error, upper - found.divergence)
    elif own < LEAST_EPSILON:
        lower, error = 0.0, max(error, found.divergence)
    if math.isnan(error):
        error = upper - lower
    return (
        found.primal_value,
        found.dual_value,
        lower,
        upper,
        found.divergence,
        error,
        found.transport_cost,
        used * found.information_divergence,
    )
