"""A plan between cells whose marginals are P and R: particles from cell to cell.

The mass of every part of a cell is spread over the cells around its image, by a weight that falls
with the excess c(x, y) - psi(y) - psi^c(x) and is zero where R is; then rows and columns are scaled
until they are P and R (Sinkhorn). A particle that rests at the centre of a cell fills just that
cell, so that the path begins in P, ends in R, and what is between the branches stays empty.
Source: Baptista et al., Proximal optimal transport divergences, (2.4) and Theorem 3.1.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.sparse import csr_array

from mfgprox.dynamic.cloud import Cloud, moves
from mfgprox.dynamic.hopf_lax import TerminalPotential
from mfgprox.kernels.deposit import plan_weights
from mfgprox.problem import Problem

PARTS = {1: 4, 2: 2, 3: 1}
"""Parts of a cell along each axis, by the dimension."""
REACH = {1: 3, 2: 3, 3: 2}
"""Half width of the window around an image, cells."""
TEMPERATURE = 2.0
"""Excess at which a weight has fallen to 1/e, in units of that at a distance of one cell."""
KEPT = 1e-2
"""Weights below this share of the largest in their window are left out."""
SWEEPS, CLOSE = 120, 1e-7
"""Most sweeps, and the misplaced mass at which they end."""
LARGEST = 1e6
"""Largest factor of a column, and its inverse: what no part reaches is not filled by force."""


def coupling(
    problem: Problem, potential: TerminalPotential, R: np.ndarray, parts: int | None = None
) -> Cloud:
    """Particles from the centres of cells to centres of cells; at t = 0 they add up to P.

    R: the minimiser, grid.shape. At t = 1 they add up to it as closely as SWEEPS allow; parts: of a
    cell along each axis, PARTS by default; a map that stretches much needs more, or their windows
    leave gaps.
    """
    grid = problem.grid
    shape, cells = grid.kernel_shape, grid.kernel_shape[::-1]
    P = problem.P.reshape(shape) * grid.cell_volume
    P = np.where(moves(P), P, 0.0)
    R = R.reshape(shape)
    R = R * (P.sum() / R.sum())
    rows, columns, weights = _entries(problem, potential, P, R, parts)
    plan = csr_array((weights, (rows, columns)), (P.size, P.size))
    plan.sum_duplicates()
    mass = _scaled(plan, P.ravel(), R.ravel())
    used = mass > 0.0
    entries = plan.tocoo()  # their `coords` are not known to SciPy before 1.13
    ends = (
        np.stack(np.unravel_index(i, cells[::-1])[::-1], axis=1) for i in (entries.row, entries.col)
    )
    source, target = (end[used].astype(float) for end in ends)
    return Cloud(mass[used], source, target, np.zeros((len(source), 6)))


def _entries(
    problem: Problem,
    potential: TerminalPotential,
    P: np.ndarray,
    R: np.ndarray,
    parts: int | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells from and to, flat indices, and the mass before it is scaled."""
    grid, shape = problem.grid, P.shape
    parts = parts or PARTS[grid.dimension]
    sub = np.array([parts if n > 1 else 1 for n in shape])
    divided = P / sub.prod()
    for axis in range(3):
        divided = np.repeat(divided, sub[axis], axis)
    nodes = np.flatnonzero(divided)
    places = np.ascontiguousarray(potential.transform(1.0, parts, nodes)[1][:, ::-1])
    index = np.stack(np.unravel_index(nodes, divided.shape), axis=1)
    mass = divided.ravel()[nodes]
    moved = (places - ((index + 0.5) / sub - 0.5)) * grid.kernel_spacing
    distance = float(mass @ np.sqrt((moved**2).sum(axis=1)) / mass.sum())
    reach = np.array([min(REACH[grid.dimension], (n - 1) // 2) for n in shape])
    window = 2 * reach + 1
    first = np.empty((nodes.size, 3), np.int64)
    weights = np.empty((nodes.size, int(window.prod())))
    plan_weights(
        nodes, places, potential.psi, R, sub, np.array(grid.kernel_spacing), problem.p,
        problem.cost.separable, reach, TEMPERATURE * _excess_of_a_cell(problem, distance),
        _nearest(R > 0.0, grid.kernel_spacing), first, weights,
    )  # fmt: skip
    kept = weights > KEPT * weights.max(axis=1, keepdims=True)
    which, tap = np.nonzero(kept)
    goal = first[which] + np.stack(np.unravel_index(tap, tuple(window)), axis=1)
    rows = np.ravel_multi_index(tuple((index // sub)[which].T), shape)
    columns = np.ravel_multi_index(tuple(goal.T), shape)
    return rows, columns, weights[kept] * mass[which]


def _excess_of_a_cell(problem: Problem, distance: float) -> float:
    """c(x, y) - psi(y) - psi^c(x) at one cell from the image, as the cost curves there."""
    p, h = problem.p, problem.grid.spacing
    curvature = p * (p - 1.0) * max(distance, *h) ** (p - 2.0)
    return 0.5 * curvature * sum(a * a for a in h) / len(h)


def _nearest(held: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """Flat index of the nearest cell that is held, int64."""
    if held.all():
        return np.arange(held.size).reshape(held.shape)
    places = distance_transform_edt(
        ~held, sampling=spacing, return_distances=False, return_indices=True
    )
    return np.ravel_multi_index(tuple(places), held.shape).astype(np.int64)


def _scaled(plan: csr_array, P: np.ndarray, R: np.ndarray) -> np.ndarray:
    """The entries of the plan with row sums P and, nearly, column sums R."""
    turned = plan.T.tocsr()
    row, column = np.ones(P.size), np.ones(R.size)
    for sweep in range(SWEEPS):
        sums = turned @ row
        if sweep % 10 == 9 and np.abs(column * sums - R).sum() <= CLOSE * R.sum():
            break
        factor = np.divide(R, sums, out=np.ones_like(R), where=sums > 0.0)
        column = np.where(R > 0.0, np.clip(factor, 1.0 / LARGEST, LARGEST), 0.0)
        sums = plan @ column
        row = np.divide(P, sums, out=np.zeros_like(P), where=sums > 0.0)
    entries = plan.tocoo()
    i, j = entries.row, entries.col
    return np.asarray(entries.data * row[i] * column[j])
