"""From solved slices to one solution on the whole grid."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from mfgprox.density import is_smooth
from mfgprox.problem import Problem
from mfgprox.slices import Slices
from mfgprox.solution import Certificate, Solution
from mfgprox.solvers.conditional_state import STAYS, ConditionalState
from mfgprox.tolerance import Status

STATEMENT = (
    "of the problems within {count} slices, one for each cell of the axes without transport: "
    "primal_value and dual_value are sums of theirs, weighted with the mass of P, plus epsilon "
    "D_f of the marginals in these axes, {marginal:.6g}. The bounds of D are the same sums of "
    "bounds of the continuous problems within the slices, each up to the errors of its own sums, "
    "which are estimated and given away; {across}"
)
CONSTANT = "P and Q are constant within cells across the slices, so nothing is lost between them"
SMOOTH = (
    "the other axes take the values at the centres of their cells, and the sum over every third "
    "slice differs by {change:.1e} of D"
)


def solution(
    problem: Problem,
    state: ConditionalState,
    status: Status,
    iterations: int,
    history: dict[str, np.ndarray],
) -> Solution:
    """The solution that the slices make, whatever the status."""
    slices = state.slices(problem)
    split = slices.split
    constant = problem.epsilon * slices.marginal_divergence
    sums = {name: state.sums(slices, name) for name in ("primal", "dual", "lower", "upper")}
    value = state.sums(slices, "value") + constant
    transport = state.sums(slices, "transport")
    density = np.exp(slices.log_P).reshape(-1, *(1,) * len(split.moving))
    rho = split.field(state.rho * density[:, None])
    rho[0] = problem.P
    R = split.field(state.R * density)
    U, notes = _potential(slices, state, value)
    change = _change_across(slices, state)
    error = state.sums(slices, "error") + change / 8.0
    # Within the slices it is part of their errors; across them that of the marginals is left.
    error += problem.cut_off[0] * abs(value) + problem.cut_off[1] * problem.epsilon
    across = SMOOTH.format(change=change / max(abs(value), 1e-300)) if change else CONSTANT
    statement = STATEMENT.format(count=split.count, marginal=constant, across=across)
    certificate = Certificate(
        sums["primal"] + constant,
        sums["dual"] + constant,
        sums["lower"] + constant,
        sums["upper"] + constant,
        statement,
    )
    levels = state.rho.shape[1]
    return Solution(
        problem=problem,
        solver=", ".join(sorted(set(state.solvers) - {STAYS})) or "none",
        status=status,
        iterations=iterations,
        rho=rho,
        U=U,
        R=R,
        momentum=_momentum(slices, state),
        certificate=certificate,
        divergence=value,
        divergence_error=error,
        transport_cost=transport,
        information_divergence=max((value - transport) / problem.epsilon, 0.0),
        history=history,
        notes=(*_notes(slices, state), *notes),
        written_times=None if levels == len(problem.grid.times) else np.array([0.0, 1.0]),
    )


def _potential(
    slices: Slices, state: ConditionalState, value: float
) -> tuple[np.ndarray, tuple[str, ...]]:
    """U on the whole grid, and what is to be said of it.

    Within a slice U_1 = epsilon f'(R/Q) of the joint densities, which leaves no constant free from
    slice to slice; one for all of them makes E_P[U_0] = D.
    """
    problem, split = slices.problem, slices.split
    U, log_Q = state.U.copy(), split.slices(problem.log_Q)
    for number in np.flatnonzero(slices.carry):
        R, terminal = state.R[number], U[number, -1]
        wanted = problem.divergence.potential(
            R, log_Q[number] - slices.log_P[number], problem.epsilon
        )
        known = (R > 0.0) & np.isfinite(wanted) & np.isfinite(terminal)
        if known.any():
            off = (wanted[known] - terminal[known]) * R[known]
            U[number] += off.sum() / R[known].sum()
    first = np.where(state.rho[:, 0] > 0.0, U[:, 0], 0.0)
    mean = (first * state.rho[:, 0]).reshape(split.count, -1).sum(axis=1)
    mean *= slices.weight * split.slice_grid.cell_volume
    U += value - float(mean[slices.carry].sum())
    return split.field(U), _without_mass(slices, U, value - float(mean[slices.carry].sum()))


def _without_mass(slices: Slices, U: np.ndarray, constant: float) -> tuple[str, ...]:
    """Fill U of the slices without mass of P, in place: what the first mass there would cost."""
    problem, empty = slices.problem, ~slices.carry
    if not empty.any():
        return ()
    with np.errstate(divide="ignore"):
        at_zero = float(problem.divergence.derivative(np.zeros(1))[0])
    unit = (slice(None),) + (None,) * (U.ndim - 1)
    price = np.where(np.isfinite(slices.log_Q), at_zero, problem.divergence.recession)
    price = problem.epsilon * price + constant
    known = np.isfinite(price)
    lowest = float(U[slices.carry].min())
    U[empty] = np.where(known, price, lowest)[empty][unit]
    notes = [f"P has no mass in {int(empty.sum())} of {slices.split.count} slices: R has none."]
    if not known[empty].all():
        notes.append(
            "Where P has no mass but f'(0) or f'(∞) is infinite U is too; its lowest value "
            "elsewhere was written there."
        )
    return tuple(notes)


def _momentum(slices: Slices, state: ConditionalState) -> tuple[np.ndarray, ...]:
    """Along every axis of the grid, in the order x, y, z; zero along those without transport."""
    split, grid = slices.split, slices.split.grid
    if not state.momentum:
        return ()
    density = np.exp(slices.log_P).reshape(-1, *(1,) * (len(split.moving) + 1))
    own = dict(zip(split.moving, state.momentum, strict=True))
    found = []
    for axis in range(grid.dimension):
        if axis in own:
            found.append(split.field(own[axis] * density, axis))
        else:
            cells = [n + (i == axis) for i, n in enumerate(grid.cells)]
            found.append(np.zeros((grid.time_steps, *cells[::-1])))
    return tuple(found)


def _change_across(slices: Slices, state: ConditionalState) -> float:
    """By how much the value changes if one slice in three stands for its neighbours as well."""
    problem, split = slices.problem, slices.split
    if not any(is_smooth(density, problem.grid) for density in problem.densities):
        return 0.0
    own = np.where(slices.carry, slices.weight * state.column("value"), 0.0)
    with np.errstate(all="ignore"):
        log_r = np.clip(slices.log_P - slices.log_Q, -600.0, 600.0)
        marginal = np.exp(slices.log_Q) * problem.divergence.f(np.exp(log_r)) * split.thickness
    terms = (own + problem.epsilon * np.nan_to_num(marginal, posinf=0.0)).reshape(
        tuple(split.grid.cells[i] for i in split.fixed[::-1])
    )
    change = 0.0
    for axis in range(terms.ndim):
        lines = np.moveaxis(terms, axis, 0)
        groups = len(lines) // 3
        if groups:
            triples = lines[: 3 * groups].reshape(groups, 3, -1)
            change += abs(float((3.0 * triples[:, 1] - triples.sum(axis=1)).sum()))
    return change


def _notes(slices: Slices, state: ConditionalState) -> list[str]:
    split, problem = slices.split, slices.problem
    used = Counter(name for name in state.solvers if name != STAYS)
    by = ", ".join(f"{used[name]} by {name}" for name in sorted(used))
    along = " and ".join(problem.transport_axes)
    notes = [
        f"Transport along {along} only: {split.count} slices, one iteration each"
        + (f", solved {by}." if by else ".")
    ]
    alone = slices.carry & ~slices.solved
    if alone.any():
        notes.append(
            f"Q has no mass in {int(alone.sum())} slices with {slices.weight[alone].sum():.1e} of "
            "the mass of P: it stays there, at the price f'(∞)."
        )
    order = state.order(problem)
    missing = order[state.done :]
    if missing.size:
        notes.append(
            f"{missing.size} slices with {slices.weight[missing].sum():.1e} of the mass were not "
            "reached: R = P there."
        )
    open_ones = [k for k in order[: state.done] if state.statuses[k] != Status.CONVERGED.name]
    if open_ones:
        notes.append(_open_slices(slices, state, np.array(open_ones)))
    return notes


def _open_slices(slices: Slices, state: ConditionalState, numbers: np.ndarray) -> str:
    """The sentence on slices whose own gap is not within the tolerance."""
    gap = np.abs(state.column("primal") - state.column("dual"))[numbers]
    relative = gap / np.maximum(np.abs(state.column("dual")[numbers]), 1e-300)
    worst = int(numbers[int(np.argmax(np.where(np.isfinite(relative), relative, math.inf)))])
    share = float(slices.weight[numbers].sum())
    return (
        f"{numbers.size} slices with {share:.1e} of the mass did not meet the tolerance by "
        f"themselves; the largest relative gap, {float(relative.max()):.1e}, is that at "
        f"{slices.split.place(worst)}."
    )
