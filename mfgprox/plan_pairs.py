"""The pairs of parts of cells and cells that may carry a plan, and their slack.

The slack is c(x, y) - psi(y) - psi^c(x). Next to a tear a part reaches over all cells between its
branches, elsewhere over those around its image.
Source: Baptista et al., Proximal optimal transport divergences, (2.4) and Theorem 3.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.divergence.gibbs import placed
from mfgprox.kernels.part_pairs import part_pairs
from mfgprox.kernels.threads import over
from mfgprox.problem import Problem
from mfgprox.quadrature import Divided
from mfgprox.splines import SplinePotential
from mfgprox.transform import c_transform

NEGLIGIBLE = 1e-9
"""Share of the mass of P that a plan may leave out."""
MAX_NODES = {1: 60_000, 2: 60_000, 3: 10_000}
"""Parts in all, by the number of axes: what is affordable."""
MAX_PARTS = 4
"""Per cell and axis."""
BLUR = 0.4
"""Square of the width over which a part is spread, in cells, if nothing else is asked for."""
LIMITS = np.array([9.0, 40.0, 4.0])
"""Slack in units of the blur up to which any pair counts, and up to which those count that matter
to their target; the logarithm of how much they matter."""
MARGIN = {1: 4, 2: 3, 3: 2}
"""Cells around a minimiser for a blur of BLUR, by the number of axes."""
MOST_MARGIN = 12
"""The same where cells are uneven."""


@dataclass(frozen=True, eq=False)
class Layout:
    """The parts of P that carry mass, the pairs that may carry a plan, and what is wanted of R.

    nodes, mass (count,): flat indices on the divided cells, and masses of sum one; sub (3,): parts
    of a cell; starts (count + 1,), targets, slack (pairs,): the pairs by parts, as in a compressed
    sparse row matrix, and their slack in units of the blur; wanted (cells,): masses of sum one,
    those of cells without Q, if any, spread over them as the potential says; stays (count,): the
    parts in cells without Q that do not move at all.
    """

    problem: Problem
    sub: np.ndarray
    nodes: np.ndarray
    mass: np.ndarray
    starts: np.ndarray
    targets: np.ndarray
    slack: np.ndarray
    wanted: np.ndarray
    stays: np.ndarray

    @classmethod
    def of(cls, problem: Problem, potential: SplinePotential, blur: float) -> Layout:
        grid, parts, psi = problem.grid, parts_for(problem), potential.values
        divided = Divided.of(problem, parts)
        nodes = divided.carrying(NEGLIGIBLE)
        mass = divided.mass.ravel()[nodes]
        mass = mass / mass.sum()
        R, _ = problem.divergence.gibbs(
            -psi.reshape(grid.shape), problem.log_Q, problem.epsilon, grid.cell_volume
        )
        psi = np.where(R.reshape(psi.shape) > 0.0, psi, -np.inf)
        sub, argmin = np.array(potential.parts(parts)), potential.lattice_argmin
        if np.isneginf(psi.ravel()[argmin]).any():
            argmin = c_transform(psi, problem.cost, grid.kernel_spacing)[1]
        delivered = np.bincount(argmin.ravel(), problem.P.ravel(), argmin.size)
        R = placed(R, delivered.reshape(R.shape), problem.log_Q)
        wanted = (R / R.sum()).ravel()
        units = blur * _squared_width(problem, nodes, sub, argmin)
        starts, targets, slack = _pairs(
            problem, psi, argmin, nodes, sub, blur, units, np.log(mass), wanted
        )
        stays = _staying(problem, _cells(nodes, sub, argmin.shape), argmin.ravel(), starts, targets)
        if stays.any():
            own = np.repeat(_cells(nodes, sub, argmin.shape), np.diff(starts)) == targets
            slack[np.repeat(stays, np.diff(starts))] = np.inf
            slack[np.repeat(stays, np.diff(starts)) & own] = 0.0
        return cls(problem, sub, nodes, mass, starts, targets, slack, wanted, stays)


def _cells(nodes: np.ndarray, sub: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Flat indices of the cells that the parts belong to."""
    index = np.array(np.unravel_index(nodes, tuple(np.array(shape) * sub))) // sub[:, None]
    return np.ravel_multi_index(tuple(index), shape)


def _staying(
    problem: Problem, cells: np.ndarray, argmin: np.ndarray, starts: np.ndarray, targets: np.ndarray
) -> np.ndarray:
    """Parts in cells without Q whose mass R has where it is, (count,): where f'(∞) is finite.

    cells (count,): of the parts; starts, targets: of the pairs, their own cells among them.
    """
    empty = np.isneginf(problem.log_Q).ravel()
    stays = empty[cells] & (argmin[cells] == cells)
    if not stays.any():
        return stays
    part = np.repeat(np.arange(cells.size), np.diff(starts))
    has_own = np.zeros(cells.size, bool)
    has_own[part[cells[part] == targets]] = True
    return stays & has_own


def _squared_width(
    problem: Problem, nodes: np.ndarray, sub: np.ndarray, argmin: np.ndarray
) -> np.ndarray:
    """Of a cell, in units of the slack: times the curvature of the cost at the displacement of each
    part, which counts as a cell at least."""
    cost, widest = problem.cost, float(max(problem.grid.spacing))
    index = np.array(np.unravel_index(nodes, np.array(argmin.shape) * sub))
    there = np.array(np.unravel_index(argmin[tuple(index // sub[:, None])], argmin.shape))
    away = there - ((index + 0.5) / sub[:, None] - 0.5)
    away = away[3 - problem.grid.dimension :]
    away *= np.array(problem.grid.spacing[::-1])[:, None]
    sizes = np.abs(away) if cost.separable else np.sqrt(np.square(away).sum(axis=0))
    curvature = cost.p * (cost.p - 1.0) * np.maximum(sizes, widest) ** (cost.p - 2.0)
    if cost.separable:
        curvature = curvature.mean(axis=0)
    return np.asarray(widest**2 * curvature)


def _pairs(
    problem: Problem,
    psi: np.ndarray,
    argmin: np.ndarray,
    nodes: np.ndarray,
    sub: np.ndarray,
    blur: float,
    units: np.ndarray,
    log_mass: np.ndarray,
    wanted: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts, targets and slacks; see the kernel. In few bytes: a plan of any weights is one."""
    grid, n = problem.grid, np.array(psi.shape)
    h = np.array(grid.kernel_spacing)
    wide = np.ceil(MARGIN[grid.dimension] * math.sqrt(blur / BLUR) * max(grid.spacing) / h)
    margin = np.where(n > 1, np.minimum(wide, MOST_MARGIN), 0).astype(np.int64)
    log_R = np.log(np.maximum(wanted, 1e-300)).reshape(psi.shape)
    starts, lowest = np.zeros(nodes.size + 1, np.int64), np.empty(nodes.size)
    targets, slack = np.empty(0, np.int32), np.empty(0, np.float32)
    for fill in (False, True):
        if fill:
            np.cumsum(starts, out=starts)
            targets = np.empty(starts[-1], np.int32)
            slack = np.empty(starts[-1], np.float32)
        over(
            part_pairs, nodes.size, nodes.size * int(np.prod(2 * margin + 1)), nodes, sub, argmin,
            psi, h, problem.p, problem.cost.separable, margin, units, log_mass, log_R, LIMITS, fill,
            lowest, starts, targets, slack,
        )  # fmt: skip
    return starts, targets, slack


def parts_for(problem: Problem) -> int:
    """Parts per cell and axis: as many as are affordable."""
    mass = problem.P * problem.grid.cell_volume
    carrying = max(1, int(np.count_nonzero(mass > NEGLIGIBLE / mass.size)))
    affordable = int(
        (MAX_NODES[problem.grid.dimension] / carrying) ** (1.0 / problem.grid.dimension)
    )
    return max(1, min(affordable, MAX_PARTS))
