"""A density between two steps of a flow: its logarithm on one grid, interpolated onto others."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from mfgprox.density import ArrayDensity, Density, DensityError
from mfgprox.divergence import KullbackLeibler
from mfgprox.grid import Grid
from mfgprox.kernels.spline_fit import spline_coefficients
from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.splines import lines_at

TAIL = (-26.0, -16.0)
"""Logarithms, relative to the maximum, between which a density passes into its quadratic tail."""


class LogDensity:
    """A positive density by its logarithm at the cell centres of `grid`, up to a constant.

    log_values: grid.shape, finite. On other cells of the same box it is the quintic spline through
    them, so that nested grids and finer sums see a smooth density, not steps.
    """

    smooth = True

    def __init__(self, log_values: np.ndarray, grid: Grid) -> None:
        self.log_values, self.grid = np.asarray(log_values, float), grid

    def log_density(self, grid: Grid) -> np.ndarray:
        """On cells of the same box, or of the part of it that is one of its own cells wide along
        some axes. Raises DensityError for another box."""
        whole, chosen = self.grid, self._cells(grid)
        if grid.cells == whole.cells:
            return self.log_values
        part = self.log_values[tuple(chosen[::-1])]
        here, there = (1,) * (3 - part.ndim) + part.shape, grid.kernel_shape
        coefficients = spline_coefficients(part.reshape(here))
        return lines_at(coefficients, here, there).reshape(grid.shape)

    def _cells(self, grid: Grid) -> list[slice]:
        """The cells of this grid that the box of another one covers, per axis x, y, z."""
        chosen = []
        for axis, n in enumerate(self.grid.cells):
            edges, ends = self.grid.edges(axis), (grid.lower[axis], grid.upper[axis])
            if ends == (self.grid.lower[axis], self.grid.upper[axis]):
                chosen.append(slice(0, n))
                continue
            k = int(np.abs(edges[:-1] - ends[0]).argmin())
            if grid.cells[axis] != 1 or not np.allclose((edges[k], edges[k + 1]), ends, atol=0.0):
                raise DensityError("the density of a flow is known in its own box only")
            chosen.append(slice(k, k + 1))
        return chosen

    def cut_off(self, grid: Grid) -> float:
        return 0.0


def with_tails(log_values: np.ndarray, grid: Grid) -> np.ndarray:
    """The same logarithm, with a quadratic one where there is next to no mass (1e-7 to 1e-11).

    A potential says nothing there; what it leaves would be differentiated again in every step.
    """
    relative = log_values - log_values.max()
    weight = np.clip((relative - TAIL[0]) / (TAIL[1] - TAIL[0]), 0.0, 1.0)
    weight = weight**3 * (10.0 - 15.0 * weight + 6.0 * weight**2)
    if weight.min() == 1.0:
        return log_values
    x = [np.broadcast_to(c, grid.shape).ravel() for c in grid.coordinates()]
    terms = [np.ones_like(x[0]), *x]
    terms += [a * b for i, a in enumerate(x) for b in x[i:]]
    basis, known = np.stack(terms, axis=1), weight.ravel() > 0.0
    root = np.sqrt(weight.ravel()[known])
    fit = np.linalg.lstsq(basis[known] * root[:, None], relative.ravel()[known] * root, rcond=None)
    tail = np.minimum((basis @ fit[0]).reshape(grid.shape), TAIL[1])
    return np.where(weight == 1.0, relative, weight * relative + (1.0 - weight) * tail)


def minimiser(solution: Solution) -> Density:
    """R of a solved problem as the next P: smooth where P and Q are and R is positive."""
    problem = solution.problem
    log_R = None
    if problem.smooth and isinstance(problem.divergence, KullbackLeibler):
        # log R = log Q + U_1 / epsilon has digits where R itself has none.
        log_R = problem.log_Q + solution.U[-1] / problem.epsilon
    elif problem.smooth and bool((solution.R > 0.0).all()):
        log_R = np.log(solution.R)
    if log_R is None or not np.isfinite(log_R).all():
        return ArrayDensity(solution.R, problem.grid)
    return LogDensity(log_R, problem.grid)


def values(density: Density, grid: Grid) -> np.ndarray:
    """The density on its grid, mass one."""
    log_values = density.log_density(grid)
    return np.exp(log_values - (float(logsumexp(log_values)) + np.log(grid.cell_volume)))


def following(problem: Problem, density: Density) -> Problem:
    """The problem with another P."""
    return Problem(
        density,
        problem.densities[1],
        epsilon=problem.epsilon,
        grid=problem.grid,
        f_divergence=problem.divergence,
        cost=problem.cost,
        title=problem.title,
        transport_axes=problem.transport_axes,
    )
