"""P and Q symmetric about one centre, Euclidean cost: a problem on the half line of radii.

The optimal map moves every point along its ray, so the divergence is the 1-D one of the densities
times r^{d-1}; R, rho_t and U_t are functions of the radius. Seen are isotropic Gaussians, rings
and mixtures of them about one centre. Source: Baptista, Birmpa, Katsoulakis, Rey-Bellet, Zhang:
Proximal optimal transport divergences, Theorem 3.5 (invariance under isometries).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np

from mfgprox.density import Density, Gaussian, Mixture, Ring, sample
from mfgprox.exact.answer import ExactAnswer
from mfgprox.exact.distribution import Distribution
from mfgprox.exact.line import Curve, mixed
from mfgprox.exact.one_dimensional import OneDimensionalSolution, solve
from mfgprox.exact.whole_line import stays_inside
from mfgprox.grid import Grid
from mfgprox.problem import Problem

SAME_CENTRE = 1e-12
SUBSAMPLES = {2: 8, 3: 4}
"""Points per axis of a cell over which densities with edges are averaged."""
NEAREST = 1e-3
"""Radii below this share of a cell are taken there: the densities are even functions of r."""


def reduce(problem: Problem) -> tuple[Distribution, Distribution] | None:
    """The distributions of the radius under P and under Q; None where the symmetry is not seen."""
    grid = problem.grid
    if grid.dimension == 1 or (problem.cost.separable and problem.p != 2.0):
        return None
    centers = [_center(density) for density in problem.densities]
    curves = [_curve(density) for density in problem.densities]
    if centers[0] is None or centers[1] is None or curves[0] is None or curves[1] is None:
        return None
    if np.abs(centers[0] - centers[1]).max() > SAME_CENTRE * grid.diameter:
        return None
    farthest = _farthest(grid, centers[0])
    P, Q = (_radius(curve, grid.dimension, farthest) for curve in (curves[0], curves[1]))
    return P, Q


def answer(problem: Problem) -> ExactAnswer | None:
    """The 1-D reference in the radius; None where P and Q are not seen to be symmetric."""
    reduced = reduce(problem)
    if reduced is None or not stays_inside(problem):
        return None
    solution = solve(*reduced, epsilon=problem.epsilon, p=problem.p, divergence=problem.divergence)
    center = _center(problem.densities[0])
    if center is None or not solution.trusted:
        return None
    d = problem.grid.dimension

    def at(t: float, coordinates: list[np.ndarray], nearest: float) -> np.ndarray:
        r = np.maximum(_distance(coordinates, center), nearest)
        return solution.path.density(t, r) / (_sphere(d) * r ** (d - 1))

    def density(t: float, grid: Grid) -> np.ndarray:
        nearest = NEAREST * min(grid.spacing)
        if problem.smooth:
            return at(t, list(grid.coordinates()), nearest)
        if t == 0.0:
            return sample(problem.densities[0], grid).values
        if t == 1.0:
            return _weighted(sample(problem.densities[1], grid).values, ratio, grid)
        return _averaged(lambda coordinates: at(t, coordinates, nearest), grid)

    def ratio(coordinates: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        r = _distance(coordinates, center).clip(0.0, solution.path.Q.upper)
        held = np.isfinite(solution.path.Q.log_density(r))
        return solution.path.ratio(r), held

    def slope(t: float, grid: Grid) -> list[np.ndarray]:
        coordinates = list(grid.coordinates())
        r = np.maximum(_distance(coordinates, center), NEAREST * min(grid.spacing))
        pull = solution.path.gradient(t, r) / r
        return [pull * (x - c) for x, c in zip(coordinates, center, strict=True)]

    return ExactAnswer(
        name="1-D reference in the radius",
        divergence=solution.divergence,
        transport_cost=solution.transport_cost,
        information_divergence=solution.information_divergence,
        error=solution.error + _truncation(solution, problem, center),
        minimiser=lambda grid: density(1.0, grid),
        path=density,
        slope=slope,
    )


def _truncation(solution: OneDimensionalSolution, problem: Problem, center: np.ndarray) -> float:
    """What the box may change in D, to first order in the mass that it cuts off."""
    grid, (cut_P, cut_Q) = problem.grid, problem.cut_off
    r = np.linspace(0.0, _farthest(grid, center), 65)
    spread = float(np.ptp(solution.path.potential(0.0, r))) if cut_P > 0.0 else 0.0
    nearest = min(np.min(center - grid.lower), np.min(grid.upper - center))
    # The mass of R beyond r is that of P beyond where it comes from.
    start = solution.path.ends(1.0, np.array([nearest]))[0]
    cut_R = float(solution.path.P.mass_above(start)[0])
    return cut_P * spread + problem.epsilon * (cut_Q + cut_R)


def _components(density: Density) -> list[Density]:
    if isinstance(density, Mixture):
        return [c for part in density.components for c in _components(part)]
    return [density]


def _center(density: Density) -> np.ndarray | None:
    """The common centre of all components; None where there is none."""
    centers = []
    for part in _components(density):
        if isinstance(part, Gaussian):
            if np.any(part.cov != part.cov[0, 0] * np.eye(part.mean.size)):
                return None
            centers.append(part.mean)
        elif isinstance(part, Ring):
            centers.append(part.center)
        else:
            return None
    scale = 1.0 + np.abs(centers[0]).max()
    same = all(np.abs(c - centers[0]).max() <= SAME_CENTRE * scale for c in centers)
    return centers[0] if same else None


def _curve(density: Density) -> Curve | None:
    """log of the density in space as a function of the radius."""
    if isinstance(density, Gaussian):
        variance, d = float(density.cov[0, 0]), density.mean.size
        norm = 0.5 * d * math.log(2.0 * math.pi * variance)
        return lambda r: -0.5 * np.square(r) / variance - norm, []
    if isinstance(density, Ring):
        a, b, height = density.inner, density.outer, -math.log(density.volume)
        return lambda r: np.where((r > a) & (r < b), height, -np.inf), [a, b]
    if isinstance(density, Mixture):
        return mixed([_curve(c) for c in density.components], density.weights)
    return None


def _radius(curve: Curve, d: int, farthest: float) -> Distribution:
    log_density, breaks = curve

    def log_radial(r: np.ndarray) -> np.ndarray:
        r = np.asarray(r, float)
        log_r = np.log(r, out=np.full(r.shape, -np.inf), where=r > 0.0)
        return log_density(r) + (d - 1) * log_r

    return Distribution(log_radial, 0.0, farthest, breaks)


def _sphere(d: int) -> float:
    """Length or area of the unit sphere in d dimensions."""
    return {2: 2.0 * math.pi, 3: 4.0 * math.pi}[d]


def _farthest(grid: Grid, center: np.ndarray) -> float:
    corners = itertools.product(*zip(grid.lower, grid.upper, strict=True))
    return max(math.dist(corner, center.tolist()) for corner in corners)


def _distance(coordinates: list[np.ndarray], center: np.ndarray) -> np.ndarray:
    squares = [np.square(x - c) for x, c in zip(coordinates, center, strict=True)]
    return np.sqrt(sum(squares[1:], squares[0]))


def _subcells(grid: Grid) -> Iterator[list[np.ndarray]]:
    count = SUBSAMPLES[grid.dimension]
    shifts = (np.arange(count) + 0.5) / count - 0.5
    for shift in itertools.product(shifts, repeat=grid.dimension):
        yield [x + s * h for x, s, h in zip(grid.coordinates(), shift, grid.spacing, strict=True)]


def _averaged(density: Callable[[list[np.ndarray]], np.ndarray], grid: Grid) -> np.ndarray:
    """Averages over the cells, by the midpoint rule on sub-cells."""
    total = np.zeros(grid.shape)
    for moved in _subcells(grid):
        total += density(moved)
    return total / SUBSAMPLES[grid.dimension] ** grid.dimension


def _weighted(
    Q: np.ndarray,
    ratio: Callable[[list[np.ndarray]], tuple[np.ndarray, np.ndarray]],
    grid: Grid,
) -> np.ndarray:
    """Q times the mean of R/Q over the part of the cell that carries Q: zero where Q is."""
    inside, share, plain = np.zeros(grid.shape), np.zeros(grid.shape), np.zeros(grid.shape)
    for moved in _subcells(grid):
        values, held = ratio(moved)
        inside += np.where(held, values, 0.0)
        share += held
        plain += values
    mean = np.divide(
        inside, share, out=plain / SUBSAMPLES[grid.dimension] ** grid.dimension, where=share > 0.0
    )
    return Q * mean
