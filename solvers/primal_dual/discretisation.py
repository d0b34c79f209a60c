"""A problem on one grid as the kernels see it: flat arrays, lengths and costs without dimension."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mfgprox.kernels import staggered
from mfgprox.kernels.threads import over
from mfgprox.problem import Problem


def length_scale(problem: Problem) -> float:
    """Standard deviation of (P + Q)/2: the unit of length in which the step sizes make sense."""
    grid, mean = problem.grid, 0.5 * (problem.P + problem.Q)
    variance = 0.0
    for x in grid.coordinates():
        centre = grid.integrate(mean * x)
        variance += grid.integrate(mean * (x - centre) ** 2)
    return float(np.sqrt(variance)) if variance > 0.0 else max(grid.diameter, 1e-300)


@dataclass(frozen=True, eq=False)
class Discretisation:
    """problem: on its own grid; scale: the unit of length. Potentials are in units of scale^p.

    Axes with one cell carry no flux and are left out. rho: (K + 1, N), potentials: (K, N).
    """

    problem: Problem
    scale: float

    @cached_property
    def axes(self) -> tuple[int, ...]:
        return tuple(i for i, n in enumerate(self.problem.grid.cells) if n > 1)

    @cached_property
    def counts(self) -> np.ndarray:
        kept = [self.problem.grid.cells[i] for i in self.axes]
        return np.array(kept + [1] * (3 - len(kept)), np.int64)

    @cached_property
    def inverse(self) -> np.ndarray:
        kept = [self.scale / self.problem.grid.spacing[i] for i in self.axes]
        return np.array(kept + [1.0] * (3 - len(kept)))

    @property
    def slabs(self) -> int:
        return self.problem.grid.time_steps

    @property
    def cells(self) -> int:
        return int(np.prod(self.counts))

    @property
    def work(self) -> int:
        return self.slabs * self.cells

    @property
    def unit(self) -> float:
        """Cost of one unit of length."""
        return self.scale**self.problem.p

    @property
    def epsilon(self) -> float:
        return self.problem.epsilon / self.unit

    @cached_property
    def P(self) -> np.ndarray:
        return np.ascontiguousarray(self.problem.P).reshape(-1)

    @cached_property
    def log_Q(self) -> np.ndarray:
        return np.ascontiguousarray(self.problem.log_Q).reshape(-1)

    @cached_property
    def allowed(self) -> np.ndarray:
        """Cells where R may have mass."""
        if np.isfinite(self.problem.divergence.recession):
            return np.ones(self.cells, bool)
        return np.isfinite(self.log_Q)

    @property
    def cost(self) -> tuple[float, bool]:
        """p, and whether the norm is separable and that makes a difference."""
        return self.problem.p, self.problem.cost.separable and len(self.axes) > 1

    @property
    def geometry(self) -> tuple[np.ndarray, np.ndarray]:
        return self.counts, self.inverse

    def empty_copies(self) -> np.ndarray:
        return np.zeros((len(self.axes), 2, self.slabs, self.cells))

    def hamiltonian(self, u: np.ndarray) -> np.ndarray:
        """H(grad u) of potentials (slabs, cells)."""
        out = np.empty_like(u)
        over(staggered.hamiltonian, len(u), u.size, u, *self.cost, *self.geometry, out)
        return out

    def conductances(self, weight: np.ndarray) -> list[np.ndarray]:
        """Conductances of the faces along x, y, z for weights (slabs + 1, cells)."""
        faces = [
            np.empty((self.slabs, self.cells)) if n > 1 else np.zeros((1, 1)) for n in self.counts
        ]
        over(staggered.conductances, self.slabs, self.work, weight, *self.geometry, *faces)
        return faces
