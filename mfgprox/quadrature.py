"""P and Q on the cells of a grid divided into parts, and what the centre sums leave out.

Densities given by a formula or with edges of a known shape, and data (arrays, images) that are
finer than the grid, are sampled anew on the parts; other data, and counted samples, are constant
within a cell, and that is the problem which their bounds belong to.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from mfgprox.density import ArrayDensity, Density, Image, Mixture, has_edges, is_smooth
from mfgprox.density.base import normalised
from mfgprox.grid import Grid
from mfgprox.problem import Problem


def known_within(density: Density, grid: Grid) -> bool:
    """Whether more is known of a density than its averages over the cells of the grid."""
    if isinstance(density, Mixture):
        return all(known_within(component, grid) for component in density.components)
    if isinstance(density, (ArrayDensity, Image)):
        return any(n > m for n, m in zip(density.values.shape, grid.shape, strict=True))
    return density.smooth or has_edges(density, grid)


def constant_within(problem: Problem) -> str:
    """What a sentence on bounds says of a P or Q that is constant within the cells."""
    pairs = zip("PQ", problem.densities, strict=True)
    names = [name for name, density in pairs if not known_within(density, problem.grid)]
    return f", {' and '.join(names)} constant within each cell" if names else ""


def on_parts(problem: Problem, which: int, parts: int) -> np.ndarray:
    """Logarithm of P (0) or Q (1) on the cells divided into `parts` per axis of more than one cell.

    Shaped as a grid of those cells, sum one as on the cells. Sampled once, until `forget_parts`.
    """
    samples = _SAMPLES.setdefault(problem, {})
    if (which, parts) not in samples:
        samples[which, parts] = _sampled(problem, which, parts)
    return samples[which, parts]


_SAMPLES: WeakKeyDictionary[Problem, dict[tuple[int, int], np.ndarray]] = WeakKeyDictionary()


def forget_parts(problem: Problem) -> None:
    """Gives the memory of all divided cells of a problem back."""
    _SAMPLES.pop(problem, None)


def _sampled(problem: Problem, which: int, parts: int) -> np.ndarray:
    density, log_values = problem.densities[which], problem.samples[which].log_values
    if parts == 1:
        return log_values
    grid = problem.grid
    if known_within(density, grid):
        return normalised(
            density, grid.with_cells(tuple(n * parts if n > 1 else n for n in grid.cells))
        )
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
        log_P, log_Q = (on_parts(problem, which, parts) for which in (0, 1))
        shape = tuple(n * parts if n > 1 else 1 for n in problem.grid.kernel_shape)
        mass = np.exp(log_P.reshape(shape))
        volume = problem.grid.cell_volume * log_P.size**-1.0 * problem.P.size
        return cls(parts, mass / mass.sum(), log_Q.reshape(shape), volume)

    def carrying(self, share: float) -> np.ndarray:
        """Flat indices of the parts that carry mass of P, all but less than `share` of it."""
        return np.flatnonzero(self.mass.ravel() > share / self.mass.size)


def centres_of_mass(problem: Problem, which: int = 1) -> np.ndarray:
    """From the centre of each cell to the centre of the mass of a P (0) or Q (1) with hard edges
    or finer data. (cells, 3) in the order z, y, x, zero where it is smooth or constant within.
    """
    grid, parts = problem.grid, 4
    offset = np.zeros((problem.P.size, 3))
    density = problem.densities[which]
    if is_smooth(density, grid) or not known_within(density, grid):
        return offset
    split = [m for n in grid.kernel_shape for m in (n, parts if n > 1 else 1)]
    mass = np.exp(on_parts(problem, which, parts)).reshape(split)
    total = mass.sum(axis=(1, 3, 5)).ravel()
    for axis, (n, h) in enumerate(zip(grid.kernel_shape, grid.kernel_spacing, strict=True)):
        if n > 1:
            inside = ((np.arange(parts) + 0.5) / parts - 0.5) * h
            shape = [parts if a == 2 * axis + 1 else 1 for a in range(6)]
            moment = (mass * inside.reshape(shape)).sum(axis=(1, 3, 5)).ravel()
            np.divide(moment, total, out=offset[:, axis], where=total > 0.0)
    return offset


def edge_error(
    problem: Problem, first_variation: np.ndarray, psi: np.ndarray, R: np.ndarray
) -> float:
    """What it may be worth that cells which an edge of P or Q cuts are taken as averages.

    To first order, in units of the cost: mass times the slope of its potential (psi^c for P, psi
    for R, on the cells) times the way to its true centre in the cell.
    """
    grid = problem.grid
    worth = 0.0
    for which, mass, potential in ((0, problem.P, first_variation), (1, R, psi)):
        offset = centres_of_mass(problem, which)
        if not offset.any():
            continue
        field = potential.reshape(grid.kernel_shape)
        for axis, (n, h) in enumerate(zip(grid.kernel_shape, grid.kernel_spacing, strict=True)):
            if n > 1:
                slope = np.abs(np.gradient(field, h, axis=axis)).ravel()
                worth += float((mass.ravel() * np.abs(offset[:, axis]) * slope).sum())
    return worth * grid.cell_volume


def mean_sixth_differences(values: np.ndarray, weight: np.ndarray) -> list[float]:
    """Mean size of the sixth difference along each array axis, 0 for fewer than seven cells."""
    total, found = float(weight.sum()), []
    for axis, n in enumerate(values.shape):
        if n < 7:
            found.append(0.0)
            continue
        inner = tuple(slice(3, -3) if a == axis else slice(None) for a in range(values.ndim))
        found.append(float((np.abs(np.diff(values, 6, axis=axis)) * weight[inner]).sum()) / total)
    return found


def cut_off_worth(
    problem: Problem, P: np.ndarray, first_variation: np.ndarray, R: np.ndarray
) -> float:
    """What the mass that the box cuts off may be worth, to first order, in units of the cost.

    first_variation: psi^c, up to a constant, where P says how much mass there is; R: the density
    that psi implies, grid.shape.
    """
    cut_P, cut_Q = problem.cut_off
    # δD/δP = psi^c and δD/δQ = eps - eps R/Q (KL); R/Q where Q meets the boundary of the box.
    edge = np.ones(problem.grid.shape, bool)
    edge[tuple(slice(1, -1) if n > 2 else slice(None) for n in edge.shape)] = False
    Q_edge = float(problem.Q[edge].sum())
    ratio = float(R[edge].sum()) / Q_edge if Q_edge > 0.0 else 0.0
    mean = float((P * first_variation).sum() / P.sum())
    worth_P = float(np.abs(first_variation - mean).max())
    return cut_P * worth_P + problem.epsilon * min(cut_Q * (1.0 + ratio), 1.0)
