"""The competitor of a potential whose map is torn, or of a Q with zeros: an explicit plan.

Parts of cells go to the cells around the minimisers of the c-transform, with weights that fall with
the excess c(x, y) - psi(y) - psi^c(x) of a pair and are fitted so that R comes close to the Gibbs
density of the potential, or made equal to it at a further cost. Whatever R results, plan and R are
feasible, and both are paid for.
Source: Baptista et al., Proximal optimal transport divergences, (2.4) and Theorem 3.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import distance_transform_edt

from mfgprox.density import is_smooth
from mfgprox.dyadic import furthest_apart
from mfgprox.kernels.deposit import plan_weights, spread_plan
from mfgprox.problem import Problem
from mfgprox.quadrature import Divided, centres_of_mass
from mfgprox.splines import SplinePotential

NEGLIGIBLE = 1e-9
"""Share of the mass of P that a plan may leave out."""
MAX_NODES = {1: 60_000, 2: 60_000, 3: 10_000}
"""Parts in all, by the number of axes: what is affordable."""
MAX_PARTS = 4
"""Per cell and axis."""
REACH = {1: 12, 2: 5, 3: 2}
"""Half width of the window around a minimiser in cells, by the number of axes."""
TEMPERATURES = (0.5, 2.0)
"""Excess that is tolerated, in units of that at a distance of one cell."""
TRIAL_SWEEPS, SWEEPS = 3, 8
"""Of the fit of R: to choose a temperature, and at the best one."""


def by_plan(problem: Problem, potential: SplinePotential) -> tuple[float, float]:
    """Value of the plan, an upper bound of D up to its sums, and their estimated error,
    without what P may do within its parts."""
    layout = _Layout.of(problem, potential)
    trials = [_Plan.cold(layout, t).fitted(TRIAL_SWEEPS) for t in TEMPERATURES]
    values = [plan.value() for plan in trials]
    best = int(np.argmin([value for value, _ in values]))
    return min(values[best], trials[best].fitted(SWEEPS).value())


@dataclass(frozen=True, eq=False)
class _Layout:
    """The parts of P that carry mass, their images, and what is wanted of R.

    nodes, mass (count,): flat indices on the divided cells, and masses of sum one; places (count,
    3): of the minimisers, in cells, order z, y, x; wanted (nz, ny, nx): masses of sum one.
    """

    problem: Problem
    potential: SplinePotential
    parts: int
    nodes: np.ndarray
    mass: np.ndarray
    places: np.ndarray
    wanted: np.ndarray

    @classmethod
    def of(cls, problem: Problem, potential: SplinePotential) -> _Layout:
        grid = problem.grid
        parts = parts_for(problem)
        divided = Divided.of(problem, parts)
        nodes = divided.carrying(NEGLIGIBLE)
        mass = divided.mass.ravel()[nodes]
        _, places = potential.c_transform(parts, nodes)
        U = -potential.values.reshape(grid.shape)
        R, _ = problem.divergence.gibbs(U, problem.log_Q, problem.epsilon, grid.cell_volume)
        wanted = (R / R.sum()).reshape(grid.kernel_shape)
        return cls(problem, potential, parts, nodes, mass / mass.sum(), places, wanted)

    @property
    def sub(self) -> np.ndarray:
        return np.array(self.potential.parts(self.parts))

    @property
    def h(self) -> np.ndarray:
        return np.array(self.problem.grid.kernel_spacing)

    @property
    def reach(self) -> np.ndarray:
        """Half widths of the windows in cells."""
        reach = REACH[self.problem.grid.dimension]
        return np.array([min(reach, (n - 1) // 2) for n in self.problem.grid.kernel_shape])

    @cached_property
    def offset(self) -> np.ndarray:
        return centres_of_mass(self.problem)

    @cached_property
    def spread(self) -> np.ndarray:
        """Deviation of the displacement within cells: mass keeps its place where a part is
        stretched to its cell; where cells are cut by an edge of Q it is mixed."""
        h, sub = self.h, self.sub
        spread = np.sqrt(h**2 + (h / sub) ** 2) if self.offset.any() else h - h / sub
        return np.where(np.array(self.problem.grid.kernel_shape) == 1, 0.0, spread) / math.sqrt(
            12.0
        )

    @cached_property
    def excess_of_a_cell(self) -> float:
        """c(x, y) - psi(y) - psi^c(x) at one cell from the minimiser, as the cost curves."""
        p, h = self.problem.p, self.problem.grid.spacing
        here = np.array(np.unravel_index(self.nodes, self.wanted.shape * self.sub)).T
        shift = (self.places - ((here + 0.5) / self.sub - 0.5)) * self.h
        distance = float(self.mass @ np.sqrt((shift**2).sum(axis=1)))
        curvature = p * (p - 1.0) * max(distance, max(h)) ** (p - 2.0)
        return 0.5 * curvature * sum(a * a for a in h) / len(h)


@dataclass(frozen=True, eq=False)
class _Plan:
    """Weights of every part on its window, and a factor per cell that fits R.

    first (count, 3): the lowest cell of each window; weights (count, cells of a window); scale
    (nz, ny, nx).
    """

    layout: _Layout
    first: np.ndarray
    weights: np.ndarray
    scale: np.ndarray

    @classmethod
    def cold(cls, layout: _Layout, temperature: float) -> _Plan:
        count = layout.nodes.size
        first = np.empty((count, 3), np.int64)
        weights = np.empty((count, int(np.prod(2 * layout.reach + 1))))
        plan_weights(
            layout.nodes,
            layout.places,
            layout.potential.values,
            layout.wanted,
            layout.sub,
            layout.h,
            layout.problem.p,
            layout.problem.cost.separable,
            layout.reach,
            temperature * layout.excess_of_a_cell,
            _nearest_in_support(layout.problem),
            first,
            weights,
        )
        return cls(layout, first, weights, np.ones_like(layout.wanted))

    def spread(self, costed: bool) -> tuple[np.ndarray, float]:
        """Masses of R, shaped (nz, ny, nx), and the cost of the plan if asked for."""
        layout, R = self.layout, np.zeros_like(self.scale)
        cost = spread_plan(
            layout.nodes,
            layout.mass,
            self.first,
            self.weights,
            layout.sub,
            layout.h,
            layout.problem.p,
            layout.problem.cost.separable,
            layout.reach,
            self.scale,
            layout.offset,
            layout.spread,
            costed,
            R,
        )
        return R, cost

    def fitted(self, sweeps: int) -> _Plan:
        """Iterative proportional fitting (Sinkhorn) of R to what is wanted."""
        plan, wanted = self, self.layout.wanted
        for _ in range(sweeps):
            R, _ = plan.spread(False)
            both = (R > 0.0) & (wanted > 0.0)
            factor = np.divide(wanted, R, out=np.ones_like(R), where=both)
            scale = np.maximum(plan.scale * factor, 1e-200)
            plan = _Plan(self.layout, self.first, self.weights, scale / scale.max())
        return plan

    def value(self) -> tuple[float, float]:
        """Of the plan with the R that it makes, or with an exchange of mass that makes R as it is
        wanted, whichever is less: for a large epsilon the least flaw of R is dear."""
        problem, wanted = self.layout.problem, self.layout.wanted
        made, cost = self.spread(True)
        made /= made.sum()
        further = furthest_apart(made, wanted, problem.cost, problem.grid.kernel_spacing)
        mended = (cost ** (1.0 / problem.p) + further) ** problem.p
        found = []
        for masses, transport in ((made, cost), (wanted, mended)):
            R = masses.reshape(problem.grid.shape) / problem.grid.cell_volume
            information, error = _information(problem, R)
            found.append((transport + problem.epsilon * information, error))
        return min(found, key=sum)


def parts_for(problem: Problem) -> int:
    """Parts per cell and axis: as many as are affordable."""
    mass = problem.P * problem.grid.cell_volume
    carrying = max(1, int(np.count_nonzero(mass > NEGLIGIBLE / mass.size)))
    affordable = int(
        (MAX_NODES[problem.grid.dimension] / carrying) ** (1.0 / problem.grid.dimension)
    )
    return max(1, min(affordable, MAX_PARTS))


def _information(problem: Problem, R: np.ndarray) -> tuple[float, float]:
    """D_f(R‖Q), R constant in each cell, and eps times the estimated error of its sums.

    Where Q has hard edges R is proportional to Q within each cell, and the averages tell it all.
    """
    coarse = problem.divergence.between(R, problem.log_Q, problem.grid.cell_volume)
    if not is_smooth(problem.densities[1], problem.grid):
        return coarse, 0.0
    fine = Divided.of(problem, 2)
    repeated = R
    for axis, n in enumerate(R.shape):
        repeated = np.repeat(repeated, 2 if n > 1 else 1, axis=axis)
    value = problem.divergence.between(repeated, fine.log_Q.reshape(repeated.shape), fine.volume)
    # Midpoint sums over h and h/2 of the same integrand.
    return value + (value - coarse) / 3.0, problem.epsilon * abs(value - coarse) / 10.0


def _nearest_in_support(problem: Problem) -> np.ndarray:
    """Flat index of the nearest cell where Q has mass, (nz, ny, nx) int64."""
    shape = problem.grid.kernel_shape
    empty = np.isneginf(problem.log_Q).reshape(shape)
    if not empty.any():
        return np.arange(empty.size).reshape(shape)
    places = distance_transform_edt(
        empty,
        sampling=problem.grid.kernel_spacing,
        return_distances=False,
        return_indices=True,
    )
    return np.ravel_multi_index(tuple(places), shape).astype(np.int64)
