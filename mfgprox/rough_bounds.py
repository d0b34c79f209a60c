"""Bounds from any terminal potential, torn maps, zeros and edges of Q, any power of the distance.

The potential is completed where it says nothing and replaced by its c-concave envelope where that
is better; the sums go over half cells, on the line over quarters. Above, competitors of several
kinds: see `competitor`.
Source: Baptista et al., Proximal optimal transport divergences, (2.4), (2.10) and Theorem 3.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from mfgprox.competitor import Path, upper_bound
from mfgprox.enclosure import Enclosure
from mfgprox.open_cells import OpenCells, cost_of_reaching, level_of, raised
from mfgprox.problem import Problem
from mfgprox.quadrature import Divided, cut_off_worth, edge_error
from mfgprox.splines import SplinePotential
from mfgprox.transform import c_transform

NEGLIGIBLE = 1e-12
"""Share of the mass of P that the sums may leave out."""
TRUSTED = (0.0, 1e-10, 1e-6, 1e-4, 1e-2)
"""A potential is believed where its R exceeds this share of the largest; elsewhere it is redone."""
TORN = 1e-5
"""Relative error of the sums above which psi^c is taken to be kinked."""
RIDGE, RAMP = 1e-2, math.log(30.0)
"""Share of the largest R below which a ridge of the potential is cut down, and how gradually."""


def rough_bounds(problem: Problem, U_1: np.ndarray, *, upper: bool, path: Path | None) -> Enclosure:
    """Both bounds, or the lower one (upper = nan). U_1 as in `certificate.continuous_bounds`.

    path: (rho, momentum) of a solver, a competitor as well, or None.
    """
    open_cells = OpenCells.of(problem)
    potentials = _potentials(problem, completed(problem, U_1, open_cells), open_cells)
    best = max(potentials, key=lambda v: v.centre_value)
    lower, lower_error = _lower(problem, best)
    if lower_error > TORN * abs(lower) and np.isfinite(problem.log_Q).all():
        without = _without_ridges(problem, best)
        value, error = _lower(problem, without)
        if value - error > lower - lower_error:
            best, lower, lower_error = without, value, error
    above, upper_error = math.nan, 0.0
    if upper:
        others = [v.potential for v in potentials if v is not best]
        above, upper_error = upper_bound(
            problem, [best.potential, *others], best.transform, lower - lower_error, path
        )
    R = best.R(problem)
    edges = edge_error(problem, best.transform, best.potential.values, R)
    # The lower bound sums over half cells at least, where an edge is worth a quarter.
    return Enclosure(
        lower,
        lower_error + 0.25 * edges,
        above,
        upper_error + edges,
        cut_off_worth(problem, problem.P, best.transform, R),
    )


@dataclass(frozen=True, eq=False)
class _Evaluated:
    """A potential with its c-transform at the centres and the dual value of the sums over them."""

    potential: SplinePotential
    transform: np.ndarray
    transported: float
    gibbs: float

    @property
    def centre_value(self) -> float:
        return self.transported - self.gibbs

    def R(self, problem: Problem) -> np.ndarray:
        U = -self.potential.values.reshape(problem.grid.shape)
        return problem.divergence.gibbs(
            U, problem.log_Q, problem.epsilon, problem.grid.cell_volume
        )[0]


def _evaluate(problem: Problem, psi: np.ndarray, open_cells: OpenCells | None = None) -> _Evaluated:
    grid = problem.grid
    potential = SplinePotential(psi, problem.cost, grid.kernel_spacing)
    transform = potential.c_transform()[0].reshape(grid.shape)
    if open_cells is not None:
        to_them = open_cells.way - level_of(problem, potential)
        transform = np.minimum(transform, to_them.reshape(grid.shape))
    gibbs = problem.divergence.gibbs(
        -psi.reshape(grid.shape), problem.log_Q, problem.epsilon, grid.cell_volume
    )[1]
    return _Evaluated(potential, transform, grid.integrate(problem.P * transform), gibbs)


def _potentials(
    problem: Problem, psi: np.ndarray, open_cells: OpenCells | None
) -> list[_Evaluated]:
    """The potential, and its c-concave envelope: larger, with the same c-transform."""
    direct = _evaluate(problem, psi, open_cells)
    shape = problem.grid.kernel_shape
    reverse = SplinePotential(
        direct.transform.reshape(shape), problem.cost, problem.grid.kernel_spacing
    )
    envelope = reverse.c_transform()[0].reshape(shape)
    lowered = envelope - _beyond_support(problem)
    if open_cells is not None:
        held = np.where(open_cells.mask, -np.inf, lowered)
        transform, _ = c_transform(held, problem.cost, problem.grid.kernel_spacing)
        level = open_cells.level(lowered, transform)
        lowered = np.where(open_cells.mask, np.maximum(lowered, level), lowered)
    return [direct, _evaluate(problem, lowered, open_cells)]


def _without_ridges(problem: Problem, best: _Evaluated) -> _Evaluated:
    """The potential lowered where there is little R.

    Where the map is torn, a potential that is optimal on the lattice has a ridge across the gap, of
    the height h times the jump of the slope, which catches what starts between the cells.
    """
    grid, R = problem.grid, best.R(problem)
    with np.errstate(divide="ignore", over="ignore"):
        below = np.clip(np.log(RIDGE * R.max() / R) / RAMP, 0.0, 1.0)
    height = problem.cost.steepest(grid.diameter / 2.0) * max(grid.spacing)
    ridge = height * below**2 * (3.0 - 2.0 * below)
    return _evaluate(problem, best.potential.values - ridge.reshape(grid.kernel_shape))


def completed(problem: Problem, U_1: np.ndarray, open_cells: OpenCells | None = None) -> np.ndarray:
    """psi = -U_1 where it can be believed, elsewhere the largest psi that leaves psi^c as it is.

    (nz, ny, nx), finite; U_1 as in `certificate.continuous_bounds`.
    """
    grid, cost = problem.grid, problem.cost
    U = np.asarray(U_1, float).reshape(grid.shape)
    known = np.isfinite(U) & np.isfinite(problem.log_Q)
    if not known.any():
        U, known = np.zeros(grid.shape), np.isfinite(problem.log_Q)
    U = np.where(known, U, U[known].min())
    R, _ = problem.divergence.gibbs(U, problem.log_Q, problem.epsilon, grid.cell_volume)
    sources = problem.P > 0.0
    best, best_value = -U, -math.inf
    for share in TRUSTED:
        believed = known & (share * R[known].max() <= R)
        psi = np.where(believed, -U, -np.inf).reshape(grid.kernel_shape)
        phi, argmin = c_transform(psi, cost, grid.kernel_spacing)
        if open_cells is not None:
            filled, phi = _filled(problem, psi, phi, argmin, open_cells)
        elif believed.all():
            filled = psi
        else:
            held = np.where(sources.reshape(grid.kernel_shape), phi, -np.inf)
            envelope, _ = c_transform(held, cost, grid.kernel_spacing)
            lowered = envelope - _lattice_ripple(problem, argmin) - _beyond_support(problem)
            filled = np.where(believed.reshape(psi.shape), psi, lowered)
        gibbs = problem.divergence.gibbs(
            -filled.reshape(grid.shape), problem.log_Q, problem.epsilon, grid.cell_volume
        )[1]
        value = grid.integrate(problem.P * phi.reshape(grid.shape)) - gibbs
        if value > best_value:
            best, best_value = filled, value
        if believed.all() and share == 0.0 and (TRUSTED[-1] * R.max() <= R).all():
            break
    return best.reshape(grid.kernel_shape)


def _filled(
    problem: Problem,
    psi: np.ndarray,
    phi: np.ndarray,
    argmin: np.ndarray,
    open_cells: OpenCells,
) -> tuple[np.ndarray, np.ndarray]:
    """The same where R may enter cells without Q: a potential that is known in part and its
    transform over those cells, (nz, ny, nx) both; psi: -inf where it is not believed."""
    mask, ripple = open_cells.mask, _lattice_ripple(problem, argmin)
    sources = problem.P.reshape(psi.shape) > 0.0
    spacing = problem.grid.kernel_spacing

    def envelope(phi: np.ndarray) -> np.ndarray:
        return c_transform(np.where(sources, phi, -np.inf), problem.cost, spacing)[0] - ripple

    believed = np.isfinite(psi)
    level = open_cells.level(np.where(believed, psi, envelope(phi)), phi)
    phi = np.minimum(phi, open_cells.way - level)
    lowered = envelope(phi) - _beyond_support(problem)
    filled = np.where(believed, psi, lowered)
    return np.where(mask, np.maximum(lowered, level), filled), phi


def _lattice_ripple(problem: Problem, argmin: np.ndarray) -> float:
    """How far a minimum over centres may lie above the minimum over the box.

    At most epsilon: where psi is not believed there is little mass that could mind.
    """
    grid, p = problem.grid, problem.p
    here = np.indices(argmin.shape).reshape(3, -1)
    there = np.array(np.unravel_index(argmin.ravel(), argmin.shape))
    steps = np.array(grid.kernel_spacing)[:, None] * (there - here)
    distance = float((problem.P.ravel() * np.sqrt((steps**2).sum(axis=0))).sum() * grid.cell_volume)
    width = max(grid.spacing)
    curvature = p * max(p - 1.0, 1.0) * max(distance, width) ** (p - 2.0)
    return min(problem.epsilon, 0.25 * curvature * sum(h * h for h in grid.spacing))


def _beyond_support(problem: Problem) -> np.ndarray:
    """Squared distance to the support of Q: lowered by it, a potential attracts nothing outside.

    psi is free where Q = 0; the lattice leaves ripples of the size of h² there.
    """
    grid = problem.grid
    empty = np.isneginf(problem.log_Q).reshape(grid.kernel_shape)
    if not empty.any():
        return np.zeros(grid.kernel_shape)
    distance = distance_transform_edt(empty, sampling=grid.kernel_spacing)
    return distance**2 if problem.p >= 2.0 else distance**problem.p


def _lower(problem: Problem, best: _Evaluated) -> tuple[float, float]:
    """The dual value by sums over parts of cells, and the estimated error of the sums.

    On the line a kink of psi^c meets one node: how much a sum changes when the cells are halved is
    a matter of luck, and the larger of two such changes counts.
    """
    grid, cost = problem.grid, problem.cost
    transported, gibbs, error = best.transported, best.gibbs, 0.0
    level = level_of(problem, best.potential)
    for parts in (2, 4) if grid.dimension == 1 else (2,):
        fine = Divided.of(problem, parts)
        nodes = fine.carrying(NEGLIGIBLE)
        values, _ = best.potential.c_transform(parts, nodes)
        if level > -math.inf:
            spacing = np.array(grid.kernel_spacing) / best.potential.parts(parts)
            way = cost_of_reaching(np.isneginf(fine.log_Q), cost, tuple(spacing), walls=True)
            values = np.minimum(values, way.ravel()[nodes] - level)
        weights = fine.mass.ravel()[nodes]
        before = transported, gibbs
        transported = float((weights * values).sum() / weights.sum())
        psi = raised(best.potential.refined(parts), fine.log_Q, level)
        _, gibbs = problem.divergence.gibbs(-psi, fine.log_Q, problem.epsilon, fine.volume)
        error = max(error, abs(transported - before[0]) + abs(gibbs - before[1]))
    error += 1e-12 * (abs(transported) + abs(gibbs))
    if not math.isfinite(transported - gibbs - error):
        raise FloatingPointError("the lower bound is not finite")
    return transported - gibbs, error
