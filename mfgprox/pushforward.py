"""The competitor P(S) det DS of a smooth potential: the density that its inverse map pulls back.

S(y) = y + (|grad U_1|/p)^(1/(p-1)) grad U_1/|grad U_1| sends y to where its mass came from; where S
is monotone, R = P(S) det DS is transported to at the cost of E_R|y - S|^p.
Source: Baptista et al., Proximal optimal transport divergences, (2.23)-(2.25).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mfgprox.centre_sums import CentreSums
from mfgprox.kernels.cubic import spline_points
from mfgprox.problem import Problem
from mfgprox.splines import spline_coefficients

MASS_TOLERANCE = 1e-3
"""A map whose R misses mass one by more is not a map."""


def by_map(problem: Problem, U: np.ndarray) -> tuple[float, float]:
    """Value of the competitor P(S) det DS, and the estimated error of its sums and differences.

    U: the terminal potential, finite, shaped grid.shape. The value is inf where S is no monotone
    map, R has not the mass one or D_f is not finite. What P has beyond the images of the cells, or
    what a fold counts twice, is moved anywhere: at most across the box.
    """
    fourth, sixth = (_pushed(problem, U, order) for order in (4, 6))
    if fourth is None or sixth is None:
        return math.inf, 0.0
    value, before, spread = sixth.value(problem), fourth.value(problem), sixth.spread(problem)
    if not all(math.isfinite(v) for v in (value, before, spread)):
        return math.inf, 0.0  # R all but vanishes where Q does not, and f(0) = ∞
    error = (
        2.0 * abs(value - before)
        + spread
        + (abs(sixth.mass - 1.0) + 2.0 * sixth.folded) * problem.grid.diameter**problem.p
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

    @cached_property
    def over(self) -> CentreSums:
        return CentreSums.of(self.R)

    def value(self, problem: Problem) -> float:
        grid, weights = problem.grid, self.over.log_weights(problem.grid.shape)
        transport = grid.integrate(self.over.integrand(self.R * self.displaced))
        information = problem.divergence.between(
            self.R * np.exp(weights), problem.log_Q + weights, grid.cell_volume
        )
        return transport + problem.epsilon * information

    def spread(self, problem: Problem) -> float:
        """Estimated error of the sums over cells, inf where what they sum is not finite."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            ratio = np.exp(np.clip(np.log(self.R) - problem.log_Q, -600.0, 600.0))
            price = np.exp(problem.log_Q) * problem.divergence.f(ratio)
        if not np.isfinite(price).all():
            return math.inf
        return self.over.spread(self.R * self.displaced + problem.epsilon * price, self.R)


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
    density, inside = _density_at(problem, shift)
    with np.errstate(over="ignore", invalid="ignore"):
        R = density * np.abs(determinant)
    if not np.all(np.isfinite(R)):
        return None
    folded = grid.integrate(np.where(monotone, 0.0, R))
    R = np.where(monotone & inside, R, 0.0)
    mass = grid.integrate(CentreSums.of(R).integrand(R))
    if abs(mass - 1.0) > MASS_TOLERANCE or folded > MASS_TOLERANCE:
        return None
    return _Pushed(R / mass, problem.cost(shift), mass, folded)


def _density_at(problem: Problem, shift: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """P at y + shift, by the cubic spline of log P, and whether that lies in the box."""
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
        density = np.exp(out).reshape(grid.shape)
    ends = np.array(log_P.shape) - 0.5
    return density, ((places >= -0.5) & (places <= ends)).all(axis=1).reshape(grid.shape)


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
