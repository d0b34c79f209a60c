"""Upper bounds of D: an explicit R and an explicit way to transport P to it.

Where P and Q are smooth and the inverse map S(y) = y + w(grad U_1) is monotone, R = P(S) det DS;
elsewhere a plan that sends parts of cells to the minimisers of the c-transform. Without any
transport, R = P costs eps D_f(P‖Q), (2.10).
Source: Baptista et al., Proximal optimal transport divergences, (2.4) and (2.10).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from mfgprox.kernels.deposit import deposit
from mfgprox.kernels.spline import spline_points
from mfgprox.problem import Problem
from mfgprox.quadrature import Divided, centres_of_mass
from mfgprox.rearrangement import transport_cost_1d
from mfgprox.transform import SplinePotential, spline_coefficients

MASS_TOLERANCE = 1e-3
"""A map whose R misses mass one by more is not a map."""
MAX_NODES = 120_000
MAX_PARTS = {2: 8, 3: 4}
PARTS_1D = 8
EXPANSION_SHARE = 0.9
WIDTHS = (1.0, 2.0)
TRIAL_SWEEPS = 2
SWEEPS = 6
CLOSE = 1e-5
ROUGH = 1e-3
SMOOTHINGS = (1.0, 2.0, 4.0, 8.0)
"""Widths in cells: a map from a noisy potential is rough, one from a smoothed potential is not."""

Value = tuple[float, float]
"""A value and the estimated error of its sums."""


def upper_bound(
    problem: Problem,
    potentials: Sequence[SplinePotential],
    transform: np.ndarray,
    lower: float,
) -> Value:
    """The lowest competitor of those that exist, with its estimated error; nan if there is none.

    potentials: the best first; transform: psi^c of the best at the centres, shaped grid.shape;
    lower: a lower bound: the search ends close to it.
    """
    found = [_without_transport(problem)]
    if problem.smooth:
        found += [_by_map(problem, -v.values.reshape(problem.grid.shape)) for v in potentials]
        rough = -potentials[0].values.reshape(problem.grid.shape)
        for width in SMOOTHINGS:
            if min(v + e for v, e in found) <= lower + CLOSE * abs(lower):
                break
            found.append(_by_map(problem, gaussian_filter(rough, width, mode="nearest")))
    if problem.grid.dimension == 1:
        found.append(_by_rearrangement(problem, potentials[0], transform))
    elif min(v + e for v, e in found) > lower + ROUGH * abs(lower):
        found.append(_by_plan(problem, potentials[0], transform))
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
    psi, log_Q = potential.refined(parts).ravel(), divided.log_Q.ravel()
    R, _ = problem.divergence.gibbs(-psi, log_Q, problem.epsilon, divided.volume)
    cost = transport_cost_1d(
        divided.mass.ravel(), R, grid.lower[0], grid.spacing[0] / parts, problem.p
    )
    information = problem.divergence.between(R, log_Q, divided.volume)
    error = _uneven_parts(problem, transform, parts)
    if problem.densities[1].smooth:
        log_Q = Divided.of(problem, 2 * parts).log_Q.ravel()
        repeated = np.repeat(R, log_Q.size // R.size)
        volume = divided.volume * R.size / log_Q.size
        finer = problem.divergence.between(repeated, log_Q, volume)
        error += problem.epsilon * abs(finer - information)
        information = finer
    return cost + problem.epsilon * information, error


def _by_map(problem: Problem, U: np.ndarray) -> Value:
    """The competitor P(S) det DS, or inf where S is no monotone map."""
    fourth, sixth = (_pushed(problem, U, order) for order in (4, 6))
    if fourth is None or sixth is None:
        return math.inf, 0.0
    value = sixth.value(problem)
    error = (
        abs(value - fourth.value(problem))
        + sixth.even_odd(problem)
        + abs(sixth.mass - 1.0) * (abs(value) + problem.epsilon)
        + sixth.folded * problem.grid.diameter**problem.p
    )
    return value, error


@dataclass(frozen=True, eq=False)
class _Pushed:
    """R on the cells, mass one, and the cost of its displacement; mass: what it was before;
    folded: mass in cells where the map is not monotone, which is left out."""

    R: np.ndarray
    displaced: np.ndarray
    mass: float
    folded: float

    def value(self, problem: Problem) -> float:
        return self._sum(problem, (slice(None),) * self.R.ndim)

    def even_odd(self, problem: Problem) -> float:
        """Largest difference, over the axes, of the sums over every second cell: the error of the
        sums over all cells is far below it where the integrand is resolved at all."""
        worst = 0.0
        for axis, n in enumerate(self.R.shape):
            if n < 4:
                continue
            pick: list[slice] = [slice(None)] * self.R.ndim
            sums = []
            for start in (0, 1):
                pick[axis] = slice(start, n - n % 2, 2)
                sums.append(2.0 * self._sum(problem, tuple(pick)))
            worst = max(worst, abs(sums[0] - sums[1]))
        return worst

    def _sum(self, problem: Problem, pick: tuple[slice, ...]) -> float:
        R, volume = self.R[pick], problem.grid.cell_volume
        information = problem.divergence.between(R, problem.log_Q[pick], volume)
        return float((R * self.displaced[pick]).sum()) * volume + problem.epsilon * information


def _pushed(problem: Problem, U: np.ndarray, order: int) -> _Pushed | None:
    grid, d = problem.grid, problem.grid.dimension
    axes = [a for a in range(d) if grid.shape[a] > 1]
    spacing = grid.spacing[::-1]
    reach = order // 2
    U = _extended(U, 2 * reach, axes)
    gradient = [_difference(U, a, spacing[a], order, axes) if a in axes else None for a in range(d)]
    shape = next(g.shape for g in gradient if g is not None) if axes else grid.shape
    parts = [np.zeros(shape) if g is None else g for g in gradient]
    shift = [-v for v in problem.cost.velocity(parts)]
    inner = tuple(slice(reach, -reach) if a in axes else slice(None) for a in range(d))
    jacobian = np.zeros((d, d, *grid.shape))
    for i in range(d):
        jacobian[i, i] = 1.0
        for j in axes:
            jacobian[i, j] += _difference(shift[i], j, spacing[j], order, axes)
    shift = [s[inner] for s in shift]
    determinant, monotone = _determinant(jacobian)
    R = _density_at(problem, shift) * np.abs(determinant)
    if not np.all(np.isfinite(R)):
        return None
    folded = grid.integrate(np.where(monotone, 0.0, R))
    R = np.where(monotone, R, 0.0)
    mass = grid.integrate(R)
    if abs(mass - 1.0) > MASS_TOLERANCE or folded > MASS_TOLERANCE:
        return None
    return _Pushed(R / mass, problem.cost(shift), mass, folded)


def _density_at(problem: Problem, shift: Sequence[np.ndarray]) -> np.ndarray:
    """P at y + shift, by the cubic spline of log P, continued quadratically beyond the box."""
    grid = problem.grid
    log_P = problem.log_P.reshape(grid.kernel_shape)
    places = np.zeros((log_P.size, 3))
    index = np.indices(grid.shape).reshape(grid.dimension, -1)
    for a in range(grid.dimension):
        places[:, 3 - grid.dimension + a] = (
            index[a] + shift[a].ravel() / grid.spacing[grid.dimension - 1 - a]
        )
    out = np.empty(log_P.size)
    spline_points(
        spline_coefficients(log_P),
        np.array(log_P.shape),
        np.array(grid.kernel_spacing),
        places,
        out,
    )
    with np.errstate(over="ignore"):
        return np.exp(out).reshape(grid.shape)


def _determinant(jacobian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """det, and whether all eigenvalues are positive: DS is similar to a symmetric matrix, whose
    eigenvalues are positive where all its invariants are."""
    d = len(jacobian)
    j = jacobian
    trace = sum(j[i, i] for i in range(d))
    if d == 1:
        return j[0, 0], j[0, 0] > 0.0
    minors = sum(j[a, a] * j[b, b] - j[a, b] * j[b, a] for a in range(d) for b in range(a + 1, d))
    if d == 2:
        return minors, (minors > 0.0) & (trace > 0.0)
    det = np.linalg.det(np.moveaxis(j, (0, 1), (-2, -1)))
    return det, (det > 0.0) & (minors > 0.0) & (trace > 0.0)


def _extended(values: np.ndarray, cells: int, axes: Sequence[int]) -> np.ndarray:
    """Values beyond the box by the polynomial of degree at most 3 through the cells at its edge."""
    for axis in axes:
        degree = min(3, values.shape[axis] - 1)
        for _ in range(cells):
            ends = []
            for side in (0, 1):
                lines = values if side == 0 else np.flip(values, axis)
                ends.append(
                    sum(
                        -((-1) ** (k + 1)) * math.comb(degree + 1, k + 1) * lines.take([k], axis)
                        for k in range(degree + 1)
                    )
                )
            values = np.concatenate([ends[0], values, ends[1]], axis)
    return values


def _difference(
    values: np.ndarray, axis: int, h: float, order: int, axes: Sequence[int]
) -> np.ndarray:
    """Central first difference of order 4 or 6; every axis of `axes` loses order/2 cells an end."""
    reach = order // 2
    weights = {4: (8.0 / 12.0, -1.0 / 12.0), 6: (45.0 / 60.0, -9.0 / 60.0, 1.0 / 60.0)}[order]
    n = values.shape[axis]
    total = 0.0
    for k, weight in enumerate(weights, 1):
        pick = [slice(reach, -reach) if a in axes else slice(None) for a in range(values.ndim)]
        pick[axis] = slice(reach + k, n - reach + k)
        ahead = values[tuple(pick)]
        pick[axis] = slice(reach - k, n - reach - k)
        total = total + weight * (ahead - values[tuple(pick)])
    return np.asarray(total / h)


def _by_plan(problem: Problem, potential: SplinePotential, transform: np.ndarray) -> Value:
    """Parts of cells to the cells around the minimisers of the c-transform, so that R comes close
    to the Gibbs density of the potential: the best that this potential knows."""
    grid = problem.grid
    parts = _parts_for(problem, potential)
    divided = Divided.of(problem, parts)
    nodes = divided.carrying(1e-12)
    mass = divided.mass.ravel()[nodes]
    mass = mass / mass.sum()
    _, places = potential.c_transform(parts, nodes)
    U = -potential.values.reshape(grid.shape)
    R_gibbs, _ = problem.divergence.gibbs(U, problem.log_Q, problem.epsilon, grid.cell_volume)
    wanted = (R_gibbs / R_gibbs.sum()).reshape(grid.kernel_shape)
    offset = centres_of_mass(problem)
    h, sub = np.array(grid.kernel_spacing), np.array(potential.parts(parts))
    # Mass keeps its place where a part is stretched to its cell; where cells are cut by an edge of
    # Q it is mixed.
    spread = (h**2 + (h / sub) ** 2) ** 0.5 if offset.any() else h - h / sub
    spread[np.array(grid.kernel_shape) == 1] = 0.0
    nearest = _nearest_in_support(problem)

    def spread_out(width: float, scale: np.ndarray, costed: bool) -> tuple[np.ndarray, float]:
        R = np.zeros(grid.kernel_shape)
        cost = deposit(
            nodes,
            mass,
            places,
            sub,
            h,
            problem.p,
            problem.cost.separable,
            width,
            scale,
            nearest,
            offset,
            spread / math.sqrt(12.0),
            costed,
            R,
        )
        return R, cost

    def valued(width: float, scale: np.ndarray) -> Value:
        R, cost = spread_out(width, scale, True)
        R = R.reshape(grid.shape) / (R.sum() * grid.cell_volume)
        information, error = _information(problem, R)
        return cost + problem.epsilon * information, error

    def fitted(width: float, scale: np.ndarray, sweeps: int) -> np.ndarray:
        # Iterative proportional fitting (Sinkhorn) with the compact spline as its kernel.
        for _ in range(sweeps):
            R, _ = spread_out(width, scale, False)
            scale = scale * np.divide(wanted, R, out=np.ones_like(R), where=R > 0.0)
            scale /= scale.max()
        return scale

    start = (wanted > 0.0).astype(float)
    trials = {width: fitted(width, start, TRIAL_SWEEPS) for width in WIDTHS}
    width = min(WIDTHS, key=lambda w: valued(w, trials[w])[0])
    value, error = valued(width, fitted(width, trials[width], SWEEPS))
    return value, error + _uneven_parts(problem, transform, parts)


def _uneven_parts(problem: Problem, transform: np.ndarray, parts: int) -> float:
    """What it is worth, to first order, that parts of a smooth P are not quite uniform."""
    grid, error = problem.grid, 0.0
    if not problem.densities[0].smooth:
        return error
    for axis in range(grid.dimension):
        if grid.shape[axis] > 2:
            second = np.diff(transform, 2, axis=axis)
            pick = tuple(slice(1, -1) if a == axis else slice(None) for a in range(grid.dimension))
            curvature = abs(float((problem.P[pick] * second).sum())) * grid.cell_volume
            error += curvature / (24.0 * parts**2)
    return error


def _information(problem: Problem, R: np.ndarray) -> Value:
    """D_f(R‖Q), R constant in each cell, and eps times the estimated error of its sums.

    Where Q has hard edges R is proportional to Q within each cell, and the averages tell it all.
    """
    coarse = problem.divergence.between(R, problem.log_Q, problem.grid.cell_volume)
    if not problem.densities[1].smooth:
        return coarse, 0.0
    fine = Divided.of(problem, 2)
    repeated = R
    for axis, n in enumerate(R.shape):
        repeated = np.repeat(repeated, 2 if n > 1 else 1, axis=axis)
    value = problem.divergence.between(repeated, fine.log_Q.reshape(repeated.shape), fine.volume)
    # Midpoint sums over h and h/2 of the same integrand.
    return value + (value - coarse) / 3.0, problem.epsilon * abs(value - coarse) / 10.0


def _parts_for(problem: Problem, potential: SplinePotential) -> int:
    """Parts per cell and axis for which the images of neighbouring parts overlap."""
    grid = problem.grid
    places = potential.c_transform()[1].reshape(*grid.kernel_shape, 3)
    weights = problem.P.reshape(grid.kernel_shape)
    largest = 1.0
    for axis in range(3):
        if grid.kernel_shape[axis] == 1:
            continue
        steps = np.abs(np.diff(places, axis=axis)).max(axis=-1).ravel()
        held = np.minimum(
            weights.take(range(weights.shape[axis] - 1), axis),
            weights.take(range(1, weights.shape[axis]), axis),
        ).ravel()
        order = np.argsort(steps, kind="stable")
        share = np.cumsum(held[order])
        if share[-1] > 0.0:
            place = np.searchsorted(share, EXPANSION_SHARE * share[-1])
            largest = max(largest, float(steps[order][min(place, steps.size - 1)]))
    carrying = max(1, int((weights > 1e-12 * weights.max()).sum()))
    affordable = int((MAX_NODES / carrying) ** (1.0 / grid.dimension))
    wanted = math.ceil(1.5 * largest)
    return max(1, min(max(wanted, 4), MAX_PARTS[grid.dimension], affordable))


def _nearest_in_support(problem: Problem) -> np.ndarray:
    """Flat index of the nearest cell where Q has mass, (nz, ny, nx) int64."""
    shape = problem.grid.kernel_shape
    empty = np.isneginf(problem.log_Q).reshape(shape)
    if not empty.any():
        return np.arange(empty.size).reshape(shape)
    places = distance_transform_edt(
        empty,
        sampling=problem.grid.kernel_spacing,
        return_distances=False,
        return_indices=True,
    )
    return np.ravel_multi_index(tuple(places), shape).astype(np.int64)
