"""Upper bounds of D: an explicit R and an explicit way to transport P to it.

Where P and Q are smooth and the inverse map S(y) = y + w(grad U_1) is monotone, R = P(S) det DS;
elsewhere a plan that sends parts of cells to the minimisers of the c-transform. Without any
transport, R = P costs eps D_f(P‖Q), (2.10).
Source: Baptista et al., Proximal optimal transport divergences, (2.4) and (2.10).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter

from mfgprox.audit.lattice import Lattice
from mfgprox.audit.path import evaluate
from mfgprox.density import is_smooth
from mfgprox.divergence.gibbs import placed
from mfgprox.open_cells import entering, level_of, raised
from mfgprox.plan import by_plan
from mfgprox.plan_pairs import parts_for
from mfgprox.problem import Problem
from mfgprox.pushforward import by_map
from mfgprox.quadrature import Divided
from mfgprox.rearrangement import transport_cost_1d
from mfgprox.splines import SplinePotential

FEASIBLE = 1e-9
"""Relative error up to which a path counts as one that solves the continuity equation from P."""
PARTS_1D = 8
CLOSE = 1e-5
"""Relative distance to the lower bound at which no further map is tried."""
ROUGH = 1e-3
"""Relative distance to the lower bound at which a plan may still help."""
SMOOTHINGS = (1.0, 2.0, 4.0, 8.0)
"""Widths in cells: a map from a noisy potential is rough, one from a smoothed potential is not."""

Value = tuple[float, float]
"""A value and the estimated error of its sums."""
Path = tuple[np.ndarray, tuple[np.ndarray, ...]]
"""rho and momentum as in `Solution`."""


def upper_bound(
    problem: Problem,
    potentials: Sequence[SplinePotential],
    transform: np.ndarray,
    lower: float,
    path: Path | None = None,
) -> Value:
    """The lowest competitor of those that exist, with its estimated error; nan if there is none.

    potentials: the best first; transform: psi^c of the best at the centres, shaped grid.shape;
    lower: a lower bound: the search ends close to it. path: rho and momentum that solve the
    continuity equation.
    """
    found = [_without_transport(problem)]

    def further(distance: float) -> bool:
        return min(v + e for v, e in found) > lower + distance * abs(lower)

    if problem.grid.dimension == 1:
        found.append(_by_rearrangement(problem, potentials[0], transform))
    if problem.smooth and further(CLOSE):
        shape = problem.grid.shape
        found += [by_map(problem, -v.values.reshape(shape)) for v in potentials]
        for width in SMOOTHINGS if further(ROUGH) else ():
            U = -potentials[0].values.reshape(shape)
            found.append(by_map(problem, gaussian_filter(U, width, mode="nearest")))
    if problem.grid.dimension > 1 and further(ROUGH):
        value, error = by_plan(problem, potentials)
        found.append((value, error + _uneven_parts(problem, transform, parts_for(problem))))
    if path is not None and further(ROUGH):
        found.append(_by_path(problem, path, transform))
    finite = [pair for pair in found if math.isfinite(pair[0] + pair[1])]
    return min(finite, key=lambda pair: pair[0] + pair[1]) if finite else (math.nan, 0.0)


def _without_transport(problem: Problem) -> Value:
    """eps D_f(P‖Q)."""
    epsilon, volume = problem.epsilon, problem.grid.cell_volume
    coarse = epsilon * problem.divergence.between(problem.P, problem.log_Q, volume)
    if not math.isfinite(coarse):
        return math.inf, 0.0
    fine = Divided.of(problem, 2)
    value = epsilon * problem.divergence.between(fine.mass / fine.volume, fine.log_Q, fine.volume)
    return value, abs(value - coarse)


def _by_rearrangement(problem: Problem, potential: SplinePotential, transform: np.ndarray) -> Value:
    """One axis: the Gibbs density of the potential, and the monotone map to it."""
    grid = problem.grid
    parts = PARTS_1D if grid.cells[0] > 1 else 1
    divided = Divided.of(problem, parts)
    log_Q = divided.log_Q.ravel()
    level = level_of(problem, potential)
    psi = raised(potential.refined(parts).ravel(), log_Q, level)
    R, _ = problem.divergence.gibbs(-psi, log_Q, problem.epsilon, divided.volume)
    without_Q = float(R[np.isneginf(log_Q)].sum()) * divided.volume
    if without_Q > 0.0:
        R = placed(R, entering(problem, divided, psi, without_Q).ravel(), log_Q)
    cost = transport_cost_1d(
        divided.mass.ravel(), R, grid.lower[0], grid.spacing[0] / parts, problem.p
    )
    information = problem.divergence.between(R, log_Q, divided.volume)
    error = _uneven_parts(problem, transform, parts)
    if is_smooth(problem.densities[1], grid):
        log_Q = Divided.of(problem, 2 * parts).log_Q.ravel()
        repeated = np.repeat(R, log_Q.size // R.size)
        volume = divided.volume * R.size / log_Q.size
        finer = problem.divergence.between(repeated, log_Q, volume)
        error += problem.epsilon * abs(finer - information)
        information = finer
    return cost + problem.epsilon * information, error


def _by_path(problem: Problem, path: Path, transform: np.ndarray) -> Value:
    """rho constant in each cell, with a flux that is linear between faces."""
    lattice = Lattice.of(
        problem.grid, problem.P, problem.Q, problem.epsilon, problem.p, problem.cost.norm,
        problem.divergence.name,
    )  # fmt: skip
    found = evaluate(lattice, *path)
    if max(found.continuity, found.start, found.mass_error) > FEASIBLE:
        return math.inf, 0.0
    smooth = is_smooth(problem.densities[1], problem.grid)
    information = found.end if smooth else found.information
    value = found.transport + problem.epsilon * information
    return value, _uneven_parts(problem, transform, 1)


def _uneven_parts(problem: Problem, transform: np.ndarray, parts: int) -> float:
    """What it is worth, to first order, that parts of a smooth P are not quite uniform."""
    grid, error = problem.grid, 0.0
    if not is_smooth(problem.densities[0], grid):
        return error
    for axis in range(grid.dimension):
        if grid.shape[axis] > 2:
            second = np.diff(transform, 2, axis=axis)
            pick = tuple(slice(1, -1) if a == axis else slice(None) for a in range(grid.dimension))
            curvature = abs(float((problem.P[pick] * second).sum())) * grid.cell_volume
            error += curvature / (24.0 * parts**2)
    return error
