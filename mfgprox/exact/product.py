"""Product densities: the divergence is the sum over the axes, R the product.

Theorem 3.7 of Baptista, Birmpa, Katsoulakis, Rey-Bellet, Zhang: Proximal optimal transport
divergences. Its proof needs the separable cost sum_i |x_i - y_i|^p; at p = 2 the Euclidean one is
the same. The information divergence adds up for KL.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from mfgprox.density import Density, Gaussian, Mixture, Uniform
from mfgprox.exact import whole_line
from mfgprox.exact.answer import ExactAnswer
from mfgprox.grid import Grid
from mfgprox.problem import Problem

SAME_WEIGHT = 1e-12

Factor = tuple[str, float, float]
"""One axis of a component: a kind and its two numbers."""


def answer(problem: Problem) -> ExactAnswer | None:
    """The sum of 1-D references where P and Q are products along the axes; None elsewhere."""
    grid = problem.grid
    if grid.dimension == 1 or problem.divergence.name != "kl":
        return None
    if not (problem.cost.separable or problem.p == 2.0):
        return None
    P, Q = (factors(density) for density in problem.densities)
    if P is None or Q is None:
        return None
    parts = []
    for i in range(grid.dimension):
        line = _axis(grid, i)
        one = Problem(P[i], Q[i], epsilon=problem.epsilon, grid=line, cost=problem.cost)
        found = whole_line.answer(one)
        if found is None:
            return None
        parts.append(found)

    def density(t: float, grid: Grid) -> np.ndarray:
        total = np.ones(grid.shape)
        for i, part in enumerate(parts):
            total = total * _along(part.rho(t, _axis(grid, i)), i, grid)
        return total

    def slope(t: float, grid: Grid) -> list[np.ndarray]:
        gradients = []
        for i, part in enumerate(parts):
            gradient = part.gradient(t, _axis(grid, i))
            component = None if gradient is None else gradient[0]
            gradients.append(np.broadcast_to(_along(component, i, grid), grid.shape))
        return gradients

    return ExactAnswer(
        name="sum of 1-D references",
        divergence=sum(part.divergence for part in parts),
        transport_cost=sum(part.transport_cost for part in parts),
        information_divergence=sum(part.information_divergence for part in parts),
        error=sum(part.error for part in parts),
        minimiser=lambda grid: density(1.0, grid),
        path=density,
        slope=slope,
    )


def factors(density: Density) -> list[Density] | None:
    """The densities along x, y, z of a product; None where it is not seen to be one.

    Seen are Gaussians with a diagonal covariance, boxes, and mixtures of these on a lattice
    whose weights are products.
    """
    rows = [_factors_of(c) for c in components(density)]
    if any(row is None for row in rows):
        return None
    table = [row for row in rows if row is not None]
    weights = density.weights if isinstance(density, Mixture) else np.ones(1)
    d = len(table[0])
    marginals: list[dict[Factor, float]] = [{} for _ in range(d)]
    for row, weight in zip(table, weights, strict=True):
        for marginal, factor in zip(marginals, row, strict=True):
            marginal[factor] = marginal.get(factor, 0.0) + float(weight)
    joint: dict[tuple[Factor, ...], float] = {}
    for row, weight in zip(table, weights, strict=True):
        joint[row] = joint.get(row, 0.0) + float(weight)
    for row in itertools.product(*marginals):
        expected = math.prod(m[factor] for m, factor in zip(marginals, row, strict=True))
        if abs(joint.get(row, 0.0) - expected) > SAME_WEIGHT:
            return None
    return [_density_of(marginal) for marginal in marginals]


def components(density: Density) -> tuple[Density, ...]:
    """Those of a mixture; any other density is the only one of its own."""
    return density.components if isinstance(density, Mixture) else (density,)


def _factors_of(component: Density) -> tuple[Factor, ...] | None:
    if isinstance(component, Gaussian):
        variances = np.diag(component.cov)
        if np.any(component.cov != np.diag(variances)):
            return None
        return tuple(
            ("gaussian", float(m), math.sqrt(v))
            for m, v in zip(component.mean, variances, strict=True)
        )
    if isinstance(component, Uniform):
        ends = zip(component.lower, component.upper, strict=True)
        return tuple(("uniform", float(a), float(b)) for a, b in ends)
    return None


def _density_of(marginal: dict[Factor, float]) -> Density:
    parts: list[Density] = [
        Gaussian([a], std=[b]) if kind == "gaussian" else Uniform([a], [b])
        for kind, a, b in marginal
    ]
    return parts[0] if len(parts) == 1 else Mixture(list(marginal.values()), parts)


def _axis(grid: Grid, i: int) -> Grid:
    return Grid((grid.lower[i],), (grid.upper[i],), (grid.cells[i],), grid.time_steps)


def _along(values: np.ndarray | None, i: int, grid: Grid) -> np.ndarray:
    if values is None:
        raise ValueError("a factor of a product has no path")
    d = grid.dimension
    return values.reshape([-1 if a == d - 1 - i else 1 for a in range(d)])
