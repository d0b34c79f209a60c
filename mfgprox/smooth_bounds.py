"""Both bounds from one pass over the cells, where P and Q are smooth and p = 2.

The lower one is the dual value of a quintic spline. The upper one moves P by the map T of that
spline, T(x) = argmin_y |x - y|² - psi(y): T is one to one wherever the second derivatives say so,
since its inverse is explicit, and R = T_#P is known in closed form at the images of the centres.
Source: Baptista et al., Proximal optimal transport divergences, (2.4), (2.23), Theorem 3.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mfgprox.centre_sums import CentreSums
from mfgprox.enclosure import Refinable
from mfgprox.kernels.spline_fit import LEAST, reflecting_coefficients, spline_coefficients
from mfgprox.map_images import Images, images
from mfgprox.problem import Problem
from mfgprox.quadrature import cut_off_worth, mean_sixth_differences, on_parts
from mfgprox.transform import c_transform, lines_at

NEGLIGIBLE = 1e-14
"""Share of the largest P below which a cell is left out of the sums."""
VALUE, CURVATURE = 1e-4, 1.4e-3
"""Of a quintic spline, in sixth differences of the data: largest error of a value, mean error over
a cell included, and of a second derivative times the squared spacing (Euler polynomials)."""
ROUNDING = 1e-14
FOLDED, MOST_FOLDED = 1e-6, 0.01
"""Mass at walls or where the map folds from which it counts as torn, and as no map at all."""
WALL_SLOPE = np.array([-71.0, 141.0, -93.0, 23.0]) / 24.0
"""The slope half a cell before the first of four values, of the cubic through them."""


def smooth_bounds(
    problem: Problem, U_1: np.ndarray, parts: int = 1, *, reflecting: bool = False
) -> Refinable | None:
    """Both bounds from a terminal potential, grid.shape; sums over cells divided `parts` times.

    reflecting: the spline has no slope across the walls, so that T maps the box onto itself, as it
    does where P and R reach the walls.
    None where the method does not apply: p is not 2, P or Q has zeros or edges, U_1 is not finite,
    the map folds where there is mass. Where minima were not found the lower value is -inf.
    """
    if problem.p != 2.0 or not problem.smooth or not np.isfinite(U_1).all():
        return None
    if reflecting and any(1 < n < LEAST for n in problem.grid.shape):
        return None
    sums = _Sums.of(problem, -np.ascontiguousarray(U_1, float), parts, reflecting)
    folded = float(sums.weight[sums.images.stays].sum())
    return _enclosed(sums, folded > FOLDED) if folded <= MOST_FOLDED else None


@dataclass(frozen=True, eq=False)
class _Sums:
    """What is summed over, all on the divided cells but psi: how P and Q are summed, log_P, log_Q
    with integrals of one, volume of a part; psi and its spline."""

    problem: Problem
    parts: int
    reflecting: bool
    psi: np.ndarray
    coefficients: np.ndarray
    over_P: CentreSums
    over_Q: CentreSums
    log_P: np.ndarray
    log_Q: np.ndarray
    volume: float

    @classmethod
    def of(cls, problem: Problem, psi: np.ndarray, parts: int, reflecting: bool) -> _Sums:
        (over_P, log_P), (over_Q, log_Q) = (_normalised(problem, which, parts) for which in (0, 1))
        volume = problem.grid.cell_volume * problem.P.size / log_P.size
        fit = reflecting_coefficients if reflecting else spline_coefficients
        coefficients = fit(psi.reshape(problem.grid.kernel_shape))
        return cls(
            problem, parts, reflecting, psi, coefficients, over_P, over_Q, log_P, log_Q, volume
        )

    @cached_property
    def P(self) -> np.ndarray:
        """Masses, sum one."""
        return self.over_P.integrand(np.exp(self.log_P)) * self.volume

    @cached_property
    def nodes(self) -> np.ndarray:
        P = self.P.ravel()
        return np.flatnonzero(NEGLIGIBLE * P.max() < P)

    @cached_property
    def weight(self) -> np.ndarray:
        """Shares of the nodes in the mass."""
        weight = self.P.ravel()[self.nodes]
        return weight / weight.sum()

    @cached_property
    def U(self) -> np.ndarray:
        """-psi on the divided cells."""
        if self.parts == 1:
            return -self.psi
        shape = self.problem.grid.kernel_shape
        divided = tuple(n * self.parts if n > 1 else 1 for n in shape)
        return -lines_at(self.coefficients, shape, divided).reshape(self.log_P.shape)

    @cached_property
    def images(self) -> Images:
        grid = self.problem.grid
        shape = grid.kernel_shape
        log_Q = spline_coefficients(_normalised(self.problem, 1, 1)[1].reshape(shape))
        _, start = c_transform(self.psi.reshape(shape), self.problem.cost, grid.kernel_spacing)
        return images(self.problem, self.coefficients, log_Q, start, self.nodes, self.parts)

    @cached_property
    def gibbs(self) -> tuple[np.ndarray, float]:
        """R on the parts, and the Gibbs term."""
        weights = self.over_Q.log_weights(self.log_Q.shape)
        problem = self.problem
        R, value = problem.divergence.gibbs(
            self.U, self.log_Q + weights, problem.epsilon, self.volume
        )
        return R * np.exp(-weights), value

    def spread(self, values: np.ndarray) -> float:
        """Estimated error of the mean of values (nodes,)."""
        P = np.exp(self.log_P)
        dense = np.zeros(P.shape)
        dense.ravel()[self.nodes] = P.ravel()[self.nodes] * values
        return self.over_P.spread(dense, P)


def _normalised(problem: Problem, which: int, parts: int) -> tuple[CentreSums, np.ndarray]:
    """P (0) or Q (1) on the divided cells: how to sum it, its logarithm, its integral one."""
    log_values = on_parts(problem, which, parts)
    volume = problem.grid.cell_volume * problem.P.size / log_values.size
    density = np.exp(log_values)
    sums = CentreSums.of(density)
    return sums, log_values - math.log(float(sums.integrand(density).sum()) * volume)


def _enclosed(sums: _Sums, torn: bool) -> Refinable:
    problem, weight, found = sums.problem, sums.weight, sums.images
    grid, epsilon = problem.grid, problem.epsilon
    R, gibbs = sums.gibbs
    transported = float((weight * found.transform).sum())
    price = _price(sums)
    upper = float((weight * price).sum())
    # What the splines do between their nodes.
    own_R, _ = problem.divergence.gibbs(-sums.psi, problem.log_Q, epsilon, grid.cell_volume)
    bend = mean_sixth_differences(sums.psi, own_R)
    bend_of_Q = mean_sixth_differences(problem.log_Q, own_R)
    curvature = sum(b / h**2 for b, h in zip(bend, grid.spacing[::-1], strict=True))
    stretch = float((weight * found.stretch).sum())
    splines = (
        VALUE * sum(bend),
        epsilon * (CURVATURE * 0.5 * stretch * curvature + VALUE * sum(bend_of_Q)),
    )
    noise = _noise(sums, abs(transported) + abs(gibbs) + abs(upper))
    spread = (
        sums.spread(found.transform)
        + epsilon * sums.over_Q.spread(_legendre(sums, R), np.exp(sums.log_Q))
        + float(weight[found.stays].sum()) * sum(h * h for h in grid.spacing),
        sums.spread(price) + _beyond_the_walls(sums, price),
    )
    return Refinable(
        (-math.inf if torn else transported - gibbs, upper),
        (spread[0] + noise, spread[1] + noise),
        splines,
        cut_off_worth(problem, weight, found.transform, own_R),
    )


def _noise(sums: _Sums, size: float) -> float:
    """Rounding, and the mass of the cells that were left out."""
    left_out = max(1.0 - float(sums.P.ravel()[sums.nodes].sum()), 0.0)
    logarithms = np.abs(sums.log_P.ravel()[sums.nodes]) + np.abs(sums.images.log_Q)
    rounding = size + sums.problem.epsilon * float((sums.weight * logarithms).sum())
    return left_out * sums.problem.grid.diameter**2 + ROUNDING * rounding


def _beyond_the_walls(sums: _Sums, price: np.ndarray) -> float:
    """What the mass next to the walls that T would move out of the box costs at most.

    A slope of psi towards a wall moves a strip of half that width beyond it; the centres do not
    see strips of less than half a cell.
    """
    if sums.reflecting:
        return 0.0
    grid, mass = sums.problem.grid, 0.0
    P = np.exp(sums.problem.log_P)
    for axis, (n, h) in enumerate(zip(grid.shape, grid.spacing[::-1], strict=True)):
        for line in (slice(None), slice(None, None, -1)) if n > 3 else ():
            pick = (slice(None),) * axis + (line,)
            psi, face = np.moveaxis(sums.psi[pick], axis, 0)[:4], np.moveaxis(P[pick], axis, 0)[0]
            inwards = np.tensordot(WALL_SLOPE, psi, 1) / h
            strip = np.clip(-0.5 * inwards, 0.0, 0.5 * h)
            mass += float((strip * face).sum()) * grid.cell_volume / h
    return mass * (grid.diameter**2 + float(np.abs(price).max()))


def _price(sums: _Sums) -> np.ndarray:
    """What each node adds to the value of R = T_#P, per mass.

    The little mass without a density of its image stays where it is: with its share δ,
    D_f((1-δ) A + δ B‖Q) <= (1-δ) D_f(A‖Q) + δ D_f(B‖Q).
    """
    found, stays = sums.images, sums.images.stays
    log_P = sums.log_P.ravel()[sums.nodes]
    share = float(sums.weight[stays].sum())
    log_r = log_P + found.log_det - found.log_Q - math.log1p(-share)
    moved = found.moved
    if share > 0.0:
        log_Q = sums.log_Q.ravel()[sums.nodes]
        log_r[stays] = (log_P - log_Q)[stays] - math.log(share)
        moved = np.where(stays, 0.0, moved)
    return moved + sums.problem.epsilon * _f_per_mass(sums.problem, log_r)


def _f_per_mass(problem: Problem, log_r: np.ndarray) -> np.ndarray:
    """f(r)/r: what mass costs where it has r times the density of Q."""
    if problem.divergence.name == "kl":
        return log_r
    r = np.exp(np.clip(log_r, -600.0, 600.0))
    return problem.divergence.f(r) / r


def _legendre(sums: _Sums, R: np.ndarray) -> np.ndarray:
    """Q f*(f'(R/Q)), up to a multiple of Q: what the Gibbs term sums."""
    divergence = sums.problem.divergence
    if divergence.name == "kl":
        return R
    with np.errstate(divide="ignore"):
        r = np.exp(np.clip(np.log(R) - sums.log_Q, -600.0, 600.0))
    return np.exp(sums.log_Q) * (r * divergence.derivative(r) - divergence.f(r))
