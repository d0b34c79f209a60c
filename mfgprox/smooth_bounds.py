"""Both bounds from one pass over the cells, where P and Q are smooth and p = 2.

The lower one is the dual value of a quintic spline. The upper one moves P by the map T of that
spline, T(x) = argmin_y |x - y|² - psi(y): T is one to one wherever the second derivatives say so,
since its inverse is explicit, and R = T_#P is known in closed form at the images of the centres.
Source: Baptista et al., Proximal optimal transport divergences, (2.4), (2.23), Theorem 3.1.
"""

from __future__ import annotations

import math

import numpy as np

from mfgprox.enclosure import Refinable
from mfgprox.kernels.spline_fit import LEAST, SLOPE_AT_WALL
from mfgprox.problem import Problem
from mfgprox.quadrature import cut_off_worth, mean_sixth_differences
from mfgprox.smooth_sums import SmoothSums
from mfgprox.splines import lines_at

VALUE, CURVATURE = 1e-4, 1.4e-3
"""Of a quintic spline, in sixth differences of the data: largest error of a value, mean error over
a cell included, and of a second derivative times the squared spacing (Euler polynomials)."""
ROUNDING = 1e-14
FOLDED, MOST_FOLDED = 1e-6, 0.01
"""Mass at walls or where the map folds from which it counts as torn, and as no map at all."""


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
    sums = SmoothSums.of(problem, -np.ascontiguousarray(U_1, float), parts, reflecting)
    folded = float(sums.weight[sums.images.stays].sum())
    return _enclosed(sums, folded > FOLDED) if folded <= MOST_FOLDED else None


def _enclosed(sums: SmoothSums, torn: bool) -> Refinable:
    problem, weight, found = sums.problem, sums.weight, sums.images
    grid, epsilon = problem.grid, problem.epsilon
    R, gibbs = sums.gibbs
    transported = float((weight * found.transform).sum())
    upper, upper_error = _upper(sums)
    # What the splines do between their nodes.
    own_R, _ = problem.divergence.gibbs(-sums.psi, problem.log_Q, epsilon, grid.cell_volume)
    bend = mean_sixth_differences(sums.psi, own_R)
    curvature = sum(b / h**2 for b, h in zip(bend, grid.spacing[::-1], strict=True))
    stretch = float((weight * found.stretch).sum())
    splines = VALUE * sum(bend), epsilon * CURVATURE * 0.5 * stretch * curvature
    noise = _noise(sums, abs(transported) + abs(gibbs) + abs(np.nan_to_num(upper)))
    spread = (
        sums.spread(found.transform)
        + epsilon * sums.over_Q.spread(_legendre(sums, R), np.exp(sums.log_Q))
        + float(weight[found.stays].sum()) * sum(h * h for h in grid.spacing),
        upper_error,
    )
    return Refinable(
        (-math.inf if torn else transported - gibbs, upper),
        (spread[0] + noise, spread[1] + noise),
        splines,
        cut_off_worth(problem, weight, found.transform, own_R),
    )


def _noise(sums: SmoothSums, size: float) -> float:
    """Rounding, and the mass of the cells that were left out."""
    left_out = max(1.0 - float(sums.P.ravel()[sums.nodes].sum()), 0.0)
    logarithms = np.abs(sums.log_P.ravel()[sums.nodes]) + np.abs(sums.images.log_Q)
    rounding = size + sums.problem.epsilon * float((sums.weight * logarithms).sum())
    return left_out * sums.problem.grid.diameter**2 + ROUNDING * rounding


def _upper(sums: SmoothSums) -> tuple[float, float]:
    """The value of R = T_#P, and the estimated error of its sums; nan and 0 if there is none."""
    problem, found = sums.problem, sums.images
    everywhere, log_r = sums.cost_of_nothing, _log_ratio(sums)
    base = everywhere if math.isfinite(everywhere) else 0.0
    price = problem.epsilon * _f_per_mass(problem, log_r, base)
    price += np.where(found.stays, 0.0, found.moved)
    outside, furthest = _beyond_the_walls(sums), problem.grid.diameter**2
    error = 0.0
    if math.isinf(everywhere):
        missing = _missing(sums, log_r)
        if missing > MOST_FOLDED:
            return math.nan, 0.0
        price[found.stays] = 0.0
        error += missing * (_scattered(problem) + _alone(problem, missing))
    if outside > 0.0:
        size = float((sums.weight * np.abs(price)).sum()) + problem.epsilon
        error += outside * (furthest + _alone(problem, outside) + size)
    log_Q = VALUE * sum(mean_sixth_differences(sums.log_Q, sums.gibbs[0]))
    value = float((sums.weight * price).sum()) + problem.epsilon * base
    return value, error + sums.spread(price) + problem.epsilon * log_Q


def _missing(sums: SmoothSums, log_r: np.ndarray) -> float:
    """Share of Q where R = 0, and of P that stays.

    If f(0) = ∞, a share δ of R like this becomes a multiple of Q: with r = R/Q elsewhere,
    D_f((1-δ) R + δ Q‖Q) <= (1-δ) E_Q[f(r); r > 0] + δ f(δ), and W_2² is convex as well.
    """
    moves = ~sums.images.stays
    with np.errstate(over="ignore"):
        covered = float((sums.weight[moves] * np.exp(-log_r[moves])).sum())
    return max(abs(1.0 - covered) + float(sums.weight[~moves].sum()), ROUNDING)


def _scattered(problem: Problem) -> float:
    """E|x - y|² of x from P and y from Q, independent: what P becoming Q costs at most."""
    grid, cost = problem.grid, 0.0
    for x in grid.coordinates():
        means = [grid.integrate(density * x) for density in (problem.P, problem.Q)]
        squares = [grid.integrate(density * x**2) for density in (problem.P, problem.Q)]
        cost += sum(squares) - 2.0 * means[0] * means[1]
    return cost


def _alone(problem: Problem, share: float) -> float:
    """eps f(r)/r or eps f(1/r), the larger, where a small share of R or of Q has r = 1/share."""
    r = np.array([1.0 / share, share])
    costs = np.abs(problem.divergence.f(r)) / np.array([r[0], 1.0])
    return problem.epsilon * float(costs.max() if math.isfinite(costs.max()) else costs.min())


def _beyond_the_walls(sums: SmoothSums) -> float:
    """The mass next to the walls that T would move out of the box.

    A slope of psi towards a wall moves a strip of half that width beyond it; the centres do not
    see strips of less than half a cell.
    """
    if sums.reflecting:
        return 0.0
    grid, mass = sums.problem.grid, 0.0
    P = np.exp(sums.problem.log_P).reshape(grid.kernel_shape)
    for axis, (n, h) in enumerate(zip(grid.kernel_shape, grid.kernel_spacing, strict=True)):
        if n == 1:
            continue
        cells = tuple(1 if a == axis else m for a, m in enumerate(grid.kernel_shape))
        for far in (False, True):
            lines, face = (np.moveaxis(v, axis, 0) for v in (sums.coefficients, P))
            lines, face = (v[::-1] for v in (lines, face)) if far else (lines, face)
            slope = sum(s * line for s, line in zip(SLOPE_AT_WALL, lines, strict=False))
            inwards = lines_at(np.expand_dims(slope, axis), cells, cells) / h
            strip = np.clip(-0.5 * inwards, 0.0, 0.5 * h)
            mass += float((strip * np.expand_dims(face[0], axis)).sum()) * grid.cell_volume / h
    return mass


def _log_ratio(sums: SmoothSums) -> np.ndarray:
    """Logarithm of R/Q at the images of the nodes.

    The little mass without a density of its image stays where it is: with its share δ,
    D_f((1-δ) A + δ B‖Q) <= (1-δ) D_f(A‖Q) + δ D_f(B‖Q).
    """
    found, stays = sums.images, sums.images.stays
    log_P = sums.log_P.ravel()[sums.nodes]
    share = float(sums.weight[stays].sum())
    log_r = log_P + found.log_det - found.log_Q - math.log1p(-share)
    if share > 0.0:
        log_Q = sums.log_Q.ravel()[sums.nodes]
        log_r[stays] = (log_P - log_Q)[stays] - math.log(share)
    return log_r


def _f_per_mass(problem: Problem, log_r: np.ndarray, base: float) -> np.ndarray:
    """(f(r) - base)/r: what mass costs where it has r times the density of Q, if base = f(0) is
    paid for all of Q, wherever R is."""
    if problem.divergence.name == "kl":
        return log_r
    r = np.exp(np.clip(log_r, -600.0, 600.0))
    return (problem.divergence.f(r) - base) / r


def _legendre(sums: SmoothSums, R: np.ndarray) -> np.ndarray:
    """Q f*(f'(R/Q)), up to a multiple of Q: what the Gibbs term sums."""
    divergence = sums.problem.divergence
    if divergence.name == "kl":
        return R
    with np.errstate(divide="ignore"):
        r = np.exp(np.clip(np.log(R) - sums.log_Q, -600.0, 600.0))
    return np.exp(sums.log_Q) * (r * divergence.derivative(r) - divergence.f(r))
