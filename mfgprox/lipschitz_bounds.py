"""Bounds of the continuous problem with a Lipschitz-regularised divergence.

Below, for any psi: E_P[psi^c] - eps inf_nu {nu + E_Q[f*(-psi/eps - nu)]}, c the cost of going from
P to S by way of R (`capped_cost`); above, any plan from P to some S. psi is linear between the
nodes of a finer lattice along each axis, and c convex: over a cell of it c - psi is below its least
node by no more than the axes' chords are above c.
Source: Baptista et al., Proximal optimal transport divergences, (2.4), Theorem 3.1, Example 3.2.
"""

from __future__ import annotations

import math

import numpy as np

from mfgprox.capped_cost import CappedCost, distances, transform
from mfgprox.certificate import Bounds
from mfgprox.density import is_smooth
from mfgprox.divergence import Lipschitz
from mfgprox.problem import Problem
from mfgprox.quadrature import Divided, constant_within, edge_error, forget_parts

PARTS = 3
"""Nodes for each cell and axis: odd, so that the centres are among them."""
HEAVY = (0.0, 1e-2)
"""Shares of the largest mass of P from which potentials are continued, of which the better counts:
next to no mass behind a thin Q would keep a potential from rising within it."""
MOST_NODES = {1: math.inf, 2: 200_000, 3: 40_000}
"""Of the finer lattice; the cells themselves are taken where there would be more."""


def lipschitz_bounds(problem: Problem, U_1: np.ndarray, upper: float, value: float) -> Bounds:
    """Bounds that a terminal potential proves, and a plan's value above them.

    U_1: shaped grid.shape, finite, up to a constant; upper: see `upper_bound`; value: the solver's
    own, whose nearest within the bounds is the estimate.
    """
    U_1 = np.asarray(U_1, float).reshape(problem.grid.kernel_shape)
    size = problem.P.size * PARTS**problem.grid.dimension
    all_parts = (1, PARTS) if size <= MOST_NODES[problem.grid.dimension] else (1,)
    sums = [_sums(problem, U_1, parts) for parts in all_parts]
    error = max((abs(s[0] - sums[0][0]) for s in sums[1:]), default=0.0) / PARTS**2
    below, chord, _ = sums[-1]
    forget_parts(problem)
    edges = sums[0][2]
    error += edges / all_parts[-1] ** 2
    upper += edges
    lower = max(below - chord - error - 1e-12 * abs(below), 0.0)
    upper = max(upper, lower)
    scale = max(abs(below), 1e-300)
    text = (
        f"Bounds of the continuous problem on the box{constant_within(problem)}, with S constant "
        f"within each cell for the upper one; from the lower one {chord / scale:.1e} of it have "
        f"been subtracted for the minimum between nodes and {error / scale:.1e} for the sums."
    )
    estimate = min(max(value, lower), upper)
    return Bounds(lower, upper, estimate, error / scale, 0.0, text)


def _sums(problem: Problem, U_1: np.ndarray, parts: int) -> tuple[float, float, float]:
    """The dual value on the nodes; by how much the minima between them may be less; what edges of P
    and Q within cells may be worth, where the nodes are the centres."""
    f, grid = problem.divergence, problem.grid
    assert isinstance(f, Lipschitz)
    cost = CappedCost(problem.p, problem.epsilon * f.constant)
    divided = Divided.of(problem, parts)
    spacing = tuple(
        h / parts if n > 1 else h
        for h, n in zip(grid.kernel_spacing, grid.kernel_shape, strict=True)
    )
    table = np.ascontiguousarray(cost.of(distances(divided.mass.shape, spacing)))
    first, _ = transform(-_between(U_1, divided.mass.shape), table)
    best = -math.inf
    for share in HEAVY:
        # The largest psi with this transform where P is heavy: it continues beyond a thin Q.
        heavy = divided.mass > share * divided.mass.max()
        psi, _ = transform(np.where(heavy, first, -np.inf), table)
        phi = first if share == 0.0 else transform(psi, table)[0]
        S, gibbs = f.gibbs(-psi, divided.log_Q, problem.epsilon, divided.volume)
        value = float((divided.mass * phi).sum()) - gibbs
        if value > best:
            best, found = value, (phi, psi, S)
    chord = sum(
        _above(cost, h, grid.diameter)
        for h, n in zip(spacing, grid.kernel_shape, strict=True)
        if n > 1
    )
    phi, psi, S = found
    edges = edge_error(problem, phi, psi, S.reshape(grid.shape)) if parts == 1 else 0.0
    return best, chord, edges


def _between(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Linear along each axis between cell centres, at the centres of parts; constant beyond."""
    for axis, (n, m) in enumerate(zip(values.shape, shape, strict=True)):
        place = np.clip((np.arange(m) + 0.5) * n / m - 0.5, 0.0, n - 1.0)
        low = np.minimum(place.astype(int), max(n - 2, 0))
        w = (place - low).reshape([-1 if a == axis else 1 for a in range(3)])
        high = np.minimum(low + 1, n - 1)
        values = (1.0 - w) * values.take(low, axis) + w * values.take(high, axis)
    return values


def _above(cost: CappedCost, h: float, diameter: float) -> float:
    """How far the chord of the cost over a length h along an axis is above it at most.

    A quarter of h times the change of its slope; an eighth of h² times its curvature.
    """
    p, farthest = cost.p, min(cost.reach, diameter)
    if p < 2.0:
        change = 2.0 * p * (0.5 * h) ** (p - 1.0)
    else:
        change = 0.5 * h * p * (p - 1.0) * farthest ** (p - 2.0)
    return 0.25 * h * min(change, 2.0 * cost.steepness)


def upper_bound(problem: Problem, cost: float, S: np.ndarray, U_0: np.ndarray) -> float:
    """The value of a plan of that cost from P to S, with P and S constant within each cell, where
    cells are moved as they are; what a smooth P may change is given away.

    S: grid.shape, density; U_0: the transform of the potential at the centres, grid.shape.
    """
    f, grid = problem.divergence, problem.grid
    assert isinstance(f, Lipschitz)
    parts = 2 if is_smooth(problem.densities[1], grid) else 1
    fine = Divided.of(problem, parts)
    repeated = S.reshape(grid.kernel_shape)
    for axis, n in enumerate(grid.kernel_shape):
        repeated = np.repeat(repeated, parts if n > 1 else 1, axis=axis)
    value = cost + problem.epsilon * f.base.between(repeated, fine.log_Q, fine.volume)
    plain = problem.epsilon * f.base.between(problem.P, problem.log_Q, grid.cell_volume)
    return min(value + _uneven(problem, U_0), plain if parts == 1 else math.inf)


def _uneven(problem: Problem, U_0: np.ndarray) -> float:
    """What it is worth, to first order, that a smooth P is not constant within cells."""
    if not is_smooth(problem.densities[0], problem.grid):
        return 0.0
    grid, found = problem.grid, 0.0
    for axis, n in enumerate(grid.shape):
        if n > 2:
            inner = tuple(slice(1, -1) if a == axis else slice(None) for a in range(U_0.ndim))
            found += abs(float((problem.P[inner] * np.diff(U_0, 2, axis=axis)).sum()))
    return found * grid.cell_volume / 24.0
