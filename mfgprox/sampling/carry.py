"""How a point of P finds its end in R: by quantiles, by the optimal map, or by a plan.

Each carrier takes places at t = 0 and four uniform numbers for each, and returns places at t = 1;
in between points move on straight lines. Places (many, 3) in units of cells, 0 at the first centre,
in the order x, y, z.
Source: Baptista et al., Proximal optimal transport divergences, sections 2.4 and 5.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.fft import dctn

from mfgprox.dynamic.coupling import PARTS, REACH, coupling
from mfgprox.dynamic.hopf_lax import TerminalPotential
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.sampling.law import NOTHING, Law

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]
"""For each cell where its entries begin (cells + 1,); sums of their masses; where they end."""

BITS = 62
"""Of a flat index of the lattice on which points are drawn."""
FINEST = 20
WAVES = 8
"""Cosines per axis by which two laws are compared."""
CLOSE = 2e-4
"""Difference of such means from which a plan is made finer: the noise of 10^7 samples."""
MOST_PARTS, MOST_WEIGHTS = 8, 15 * 10**6
"""Parts of a cell along each axis in a plan, and weights that it is made from."""
PROBES = 3
"""Parts per axis that cells are divided into where a torn map is looked at."""
SEEN = 1e-12
"""Share of the largest mass of a cell below which it is not."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """A lattice far finer than the cells, on which points lie, so that kernels know them by index.

    Cells are divided 2^20 times per axis, or as often as an index of 62 bits allows.
    """

    grid: Grid

    @property
    def parts(self) -> int:
        used = sum((n - 1).bit_length() for n in self.grid.cells)
        return 1 << min(FINEST, (BITS - used) // self.grid.dimension)

    def nodes(self, places: np.ndarray) -> np.ndarray:
        """Flat indices (many,) of the lattice points next to the places."""
        flat = np.zeros(len(places), np.int64)
        for axis in (2, 1, 0):
            n = self.grid.kernel_shape[2 - axis]
            if n > 1:
                fine = np.floor((places[:, axis] + 0.5) * self.parts).astype(np.int64)
                flat = flat * (n * self.parts) + np.clip(fine, 0, n * self.parts - 1)
        return flat


@dataclass(frozen=True, eq=False)
class ByQuantiles:
    """The monotone map of one dimension, optimal for every cost: F_R⁻¹(F_P(x)), torn or not."""

    P: Law
    R: Law

    def ends(self, places: np.ndarray, _: np.ndarray) -> np.ndarray:
        return self.R.at_quantile(self.P.quantile(places))


@dataclass(frozen=True, eq=False)
class ByMap:
    """T(x) = argmin_y |x - y|^p + U_1(y) at the points themselves: on either side of a tear the
    minimum is that of its own branch, and nothing ends between the branches."""

    potential: TerminalPotential

    def ends(self, places: np.ndarray, _: np.ndarray) -> np.ndarray:
        lattice = Lattice(self.potential.grid)
        return self.potential.transform(1.0, lattice.parts, lattice.nodes(places))[1]

    def misplaced(self, R: np.ndarray) -> float:
        """Largest difference of a cosine's mean under T_#P and under R."""
        problem, grid = self.potential.problem, self.potential.grid
        places, mass = self._probe()
        ends = self.ends(places, places)
        return _apart(_cosines(ends, mass / mass.sum(), grid), R, problem.grid)

    def _probe(self) -> tuple[np.ndarray, np.ndarray]:
        """Places that P is summed over, and their masses: the cell centres, spectrally accurate for
        a smooth map; a point at random in each of the parts of cells where the map is torn, since a
        tear may pass through many centres at once."""
        P = self.potential.problem.P.reshape(self.potential.grid.kernel_shape)
        parts = PROBES if self.potential.torn else 1
        for axis, n in enumerate(P.shape):
            P = np.repeat(P, parts if n > 1 else 1, axis)
        nodes = np.flatnonzero(SEEN * P.max() < P)
        index = np.stack(np.unravel_index(nodes, P.shape)[::-1], axis=1)
        inner = np.full(index.shape, 0.5)
        if self.potential.torn:
            inner = np.random.Generator(np.random.PCG64(0)).random(index.shape)
        single = np.array(P.shape[::-1]) == 1
        places = np.where(single, 0.0, (index + inner) / parts - 0.5)
        return places, P.ravel()[nodes]


@dataclass(frozen=True, eq=False)
class ByPlan:
    """Cell to cell by a plan with the marginals P and R; within the cell as R is distributed."""

    problem: Problem
    potential: TerminalPotential
    R: Law

    @cached_property
    def _best(self) -> tuple[float, Rows]:
        """The plan that comes closest to R, and how close: cells are divided until it is CLOSE."""
        grid, found = self.problem.grid, []
        held = int((NOTHING * self.problem.P.max() < self.problem.P).sum())
        window = (2 * REACH[grid.dimension] + 1) ** grid.dimension
        parts = PARTS[grid.dimension]
        while True:
            rows = self._rows(parts)
            found.append((self._missed(rows), rows))
            parts *= 2
            many = held * window * parts**grid.dimension > MOST_WEIGHTS
            if found[-1][0] <= CLOSE or parts > MOST_PARTS or many:
                return min(found, key=lambda each: each[0])

    def _rows(self, parts: int) -> Rows:
        grid = self.problem.grid
        R = self.R.masses.reshape(grid.shape) / grid.cell_volume
        cloud = coupling(self.problem, self.potential, R, parts)
        source, target = (
            np.ravel_multi_index(tuple(np.rint(a).astype(int)[:, ::-1].T), grid.kernel_shape)
            for a in (cloud.source, cloud.target)
        )
        order = np.argsort(source, kind="stable")
        counts = np.bincount(source, minlength=R.size)
        first = np.concatenate([[0], np.cumsum(counts)])
        return first, np.concatenate([[0.0], np.cumsum(cloud.mass[order])]), target[order]

    def _missed(self, rows: Rows) -> float:
        _, sums, target = rows
        found = np.bincount(target, weights=np.diff(sums), minlength=self.R.masses.size)
        return _apart(
            _lowest(found / found.sum(), self.problem.grid), self.R.masses, self.problem.grid
        )

    def misplaced(self) -> float:
        """Largest difference of a cosine's mean under the plan's second marginal and under R."""
        return self._best[0]

    def ends(self, places: np.ndarray, u: np.ndarray) -> np.ndarray:
        """u: one uniform number for the end's cell and three for the place in it."""
        first, sums, target = self._best[1]
        index = np.rint(places).astype(int)
        shape = self.problem.grid.kernel_shape
        for axis in range(3):
            index[:, axis] = np.clip(index[:, axis], 0, shape[2 - axis] - 1)
        cell = np.ravel_multi_index(tuple(index[:, ::-1].T), shape)
        low, high = first[cell], first[cell + 1]
        wanted = sums[low] + u[:, 0] * (sums[high] - sums[low])
        entry = np.clip(np.searchsorted(sums, wanted, side="right") - 1, low, high - 1)
        box = np.where(high > low, target[entry], cell)
        return self.R.places(box, u[:, 1:])


def _apart(found: np.ndarray, R: np.ndarray, grid: Grid) -> float:
    return float(np.abs(found - _lowest(R / R.sum(), grid)).max())


def _lowest(mass: np.ndarray, grid: Grid) -> np.ndarray:
    """`_cosines` of masses at the cell centres."""
    waves = tuple(slice(0, min(WAVES, n)) for n in grid.kernel_shape)
    return np.asarray(dctn(mass.reshape(grid.kernel_shape), type=2)[waves]) / 8.0


def _cosines(places: np.ndarray, mass: np.ndarray, grid: Grid) -> np.ndarray:
    """Σ mass Π cos(π k (y + ½)/n) for the lowest k of each axis, (kz, ky, kx)."""
    per_axis = [
        np.cos(np.pi * np.arange(min(WAVES, n))[:, None] * (places[:, 2 - i] + 0.5) / n)
        for i, n in enumerate(grid.kernel_shape)
    ]
    return np.einsum("am,bm,cm,m->abc", *per_axis, mass, optimize=False)
