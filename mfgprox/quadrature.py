"""P and Q on the cells of a grid divided into parts, and what the centre sums leave out.

Densities given by a formula are sampled anew on the parts; those given by data (arrays, images,
samples) are constant within a cell, and that is the problem which their bounds belong to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfgprox.density import Density, Mixture, Ring, Uniform, sample
from mfgprox.problem import Problem


def by_formula(density: Density) -> bool:
    """Whether a density is known at every point, not only as averages over cells."""
    if isinstance(density, Mixture):
        return all(by_formula(component) for component in density.components)
    return density.smooth or isinstance(density, (Ring, Uniform))


def on_parts(density: Density, log_values: np.ndarray, problem: Problem, parts: int) -> np.ndarray:
    """Logarithm of a density on the cells divided into `parts` per axis of more than one cell.

    log_values: the same on the cells, shaped grid.shape. Mass one on the box.
    """
    if parts == 1:
        return log_values
    grid = problem.grid
    divided = tuple(n * parts if n > 1 else n for n in grid.cells)
    if by_formula(density):
        return sample(density, grid.with_cells(divided)).log_values
    for axis, n in enumerate(log_values.shape):
        log_values = np.repeat(log_values, parts if n > 1 else 1, axis=axis)
    return log_values


@dataclass(frozen=True, eq=False)
class Divided:
    """A problem's P and Q on the cells divided into `parts` per axis.

    mass (nz, ny, nx), sum one: masses of P; log_Q (nz, ny, nx): log densities; volume: of a part.
    """

    parts: int
    mass: np.ndarray
    log_Q: np.ndarray
    volume: float

    @classmethod
    def of(cls, problem: Problem, parts: int) -> Divided:
        P, Q = problem.densities
        log_P = on_parts(P, problem.log_P, problem, parts)
        log_Q = on_parts(Q, problem.log_Q, problem, parts)
        shape = tuple(n * parts if n > 1 else 1 for n in problem.grid.kernel_shape)
        mass = np.exp(log_P.reshape(shape))
        volume = problem.grid.cell_volume * log_P.size**-1.0 * problem.P.size
        return cls(parts, mass / mass.sum(), log_Q.reshape(shape), volume)

    def carrying(self, share: float) -> np.ndarray:
        """Flat indices of the parts that carry mass of P, all but less than `share` of it."""
        return np.flatnonzero(self.mass.ravel() > share / self.mass.size)


def centres_of_mass(problem: Problem) -> np.ndarray:
    """From the centre of each cell to the centre of the mass of a Q with hard edges in it.

    (cells, 3) in the order z, y, x, zero where Q is smooth or constant within the cell.
    """
    grid, parts = problem.grid, 4
    offset = np.zeros((problem.P.size, 3))
    Q = problem.densities[1]
    if Q.smooth or not by_formula(Q):
        return offset
    log_Q = Divided.of(problem, parts).log_Q
    split = [m for n in grid.kernel_shape for m in (n, parts if n > 1 else 1)]
    mass = np.exp(log_Q).reshape(split)
    total = mass.sum(axis=(1, 3, 5)).ravel()
    for axis, (n, h) in enumerate(zip(grid.kernel_shape, grid.kernel_spacing, strict=True)):
        if n > 1:
            inside = ((np.arange(parts) + 0.5) / parts - 0.5) * h
            shape = [parts if a == 2 * axis + 1 else 1 for a in range(6)]
            moment = (mass * inside.reshape(shape)).sum(axis=(1, 3, 5)).ravel()
            np.divide(moment, total, out=offset[:, axis], where=total > 0.0)
    return offset


def cut_off_error(problem: Problem, first_variation: np.ndarray, R: np.ndarray) -> float:
    """What the mass that the box cuts off may be worth, to first order, in units of the cost.

    first_variation: psi^c on the cells, up to a constant; R: the density that psi implies.
    """
    cut_P, cut_Q = problem.cut_off
    # δD/δP = psi^c and δD/δQ = eps - eps R/Q (KL); R/Q where Q meets the boundary of the box.
    edge = np.ones(problem.grid.shape, bool)
    edge[tuple(slice(1, -1) if n > 2 else slice(None) for n in edge.shape)] = False
    Q_edge = float(problem.Q[edge].sum())
    ratio = float(R[edge].sum()) / Q_edge if Q_edge > 0.0 else 0.0
    mean = problem.grid.integrate(problem.P * first_variation)
    worth_P = float(np.abs(first_variation - mean).max())
    return cut_P * worth_P + problem.epsilon * min(cut_Q * (1.0 + ratio), 1.0)
