"""From the state of a semi-discrete solve to a static solution with its certificate."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from mfgprox.density import has_edges
from mfgprox.grid import Grid
from mfgprox.solution import Certificate, Solution
from mfgprox.solvers.semi_discrete.dual import Point
from mfgprox.solvers.semi_discrete.grids import ratio
from mfgprox.solvers.semi_discrete.level import Level
from mfgprox.solvers.semi_discrete.state import Extrapolated, SemiDiscreteState, extrapolated
from mfgprox.splines import SplinePotential
from mfgprox.tolerance import Status
from mfgprox.transform import c_transform

STATEMENT = (
    "of the problem between P constant in the cells and atoms of Q in them: dual_value is that of "
    "psi on the atoms, primal_value that of the masses of psi's cells, moved where psi says"
)


def solution(
    work: Level,
    state: SemiDiscreteState,
    grids: list[Grid],
    status: Status,
    iterations: int,
    history: dict[str, np.ndarray],
) -> Solution:
    """The solution that a state on the problem's own grid stands for, at times 0 and 1.

    R = Q (f*)'(-psi/eps - nu), exactly 0 where Q is. U_1 = -psi, where Q = 0 the largest
    continuation that leaves the c-transform as it is; U_0 = psi^c; both with the constant for
    which E_P[U_0] is the dual value.
    """
    problem, at = work.problem, state.point
    shape = problem.grid.shape
    psi = _everywhere(work, work.field(at) + at.conjugate)
    U_0 = _conjugate(work, psi)
    R = work.density(at.R)
    value = _value(work, state, grids)
    information = problem.divergence.between(R, problem.log_Q, problem.grid.cell_volume)
    return Solution(
        problem=problem,
        solver="semi-discrete",
        status=status,
        iterations=iterations,
        rho=np.stack([problem.P, R]),
        U=np.stack([U_0.reshape(shape), -psi.reshape(shape)]),
        R=R,
        momentum=(),
        certificate=Certificate(at.primal, at.dual, statement=STATEMENT),
        divergence=value.value,
        divergence_error=value.error,
        transport_cost=max(value.value - problem.epsilon * information, 0.0),
        information_divergence=information,
        history=history,
        notes=_notes(at, status),
        written_times=np.array([0.0, 1.0]),
    )


def _value(work: Level, state: SemiDiscreteState, grids: list[Grid]) -> Extrapolated:
    at, used = state.point, [*(grids[k] for k in state.visited), grids[-1]]
    ratios = [ratio(a, b) for a, b in pairwise(used)]
    values, gaps = [*state.values, work.value(at)], [*state.gaps, at.gap]
    found = extrapolated(
        values, gaps, ratios, edges=has_edges(work.problem.densities[1], grids[-1])
    )
    if not math.isfinite(found.error):
        h = max(grids[-1].spacing)
        return Extrapolated(found.value, h * h + 2.0 * at.gap)
    return Extrapolated(max(found.value, 0.0), found.error)


def _everywhere(work: Level, field: np.ndarray) -> np.ndarray:
    """A potential on all cells: its c-concave envelope where Q has no atom, (1, ny, nx)."""
    problem, known = work.problem, np.isfinite(field)
    if known.all():
        return field[None]
    spacing = problem.grid.kernel_spacing
    forward, _ = c_transform(np.where(known, field, -np.inf)[None], problem.cost, spacing)
    backward, _ = c_transform(forward, problem.cost, spacing)
    return np.where(known[None], field[None], backward)


def _conjugate(work: Level, psi: np.ndarray) -> np.ndarray:
    """psi^c at the cell centres: over the spline through psi where that is known everywhere."""
    problem = work.problem
    if work.lattice.sites.count < psi.size:
        return c_transform(psi, problem.cost, problem.grid.kernel_spacing)[0]
    return SplinePotential(psi, problem.cost, problem.grid.kernel_spacing).c_transform()[0]


def _notes(at: Point, status: Status) -> tuple[str, ...]:
    if status.converged:
        return ()
    share = at.residual / 2.0
    notes = [
        f"The cells of the potential and R differ by {share:.1e} of the mass; the dual value is a "
        f"lower estimate, at most {at.gap:.1e} below that of the lattice problem."
    ]
    if at.lost > 0.01 * at.residual:
        notes.append(
            f"{at.lost:.1e} of the mass of R belongs to sites whose cell is empty: P may have gaps "
            "that no finite potential bridges on this grid."
        )
    return tuple(notes)
