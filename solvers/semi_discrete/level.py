"""One grid of a semi-discrete solve: the problem with its atoms, and potentials between grids."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers.cut_cells import has_curved_edges, within_cells
from mfgprox.solvers.newton_start import gaussian_start
from mfgprox.solvers.semi_discrete.diagram import diagram
from mfgprox.solvers.semi_discrete.dual import Lattice, Point, point
from mfgprox.solvers.semi_discrete.prolong import interpolated
from mfgprox.solvers.semi_discrete.sites import Source, lattice_sites
from mfgprox.solvers.semi_discrete.within import spread

COARSEST = {1: 64, 2: 32}
"""Cells an axis of the first grid at most."""
BETWEEN = (0.625, 0.75, 0.875)
"""Cells an axis, as shares of the last grid's, of the grids before it where Q has curved edges."""


def ladder(problem: Problem) -> list[Grid]:
    """The grids of a solve, coarsest first, each of half as many cells as the next.

    Where Q has curved edges, three more between the last two: how edges cut cells makes the values
    scatter, which several grids average out, and over this range the law is the simplest. Straight
    edges cut all their cells alike.
    """
    grids = [problem.grid]
    while max(grids[0].cells) > COARSEST[problem.grid.dimension]:
        grids.insert(0, grids[0].with_cells(grids[0].coarsened().cells))
    curved = problem.grid.dimension == 2 and has_curved_edges(problem.densities[1])
    if curved and len(grids) > 1:
        between = [
            grids[-1].with_cells(tuple(math.ceil(share * n) for n in grids[-1].cells))
            for share in BETWEEN
        ]
        grids[-1:-1] = between
    return grids


def needed(grids: list[Grid]) -> int:
    """The first of the grids that the extrapolation takes: with half the cells of the last."""
    return next(k for k, grid in enumerate(grids) if 2 * max(grid.cells) >= max(grids[-1].cells))


def ratio(coarse: Grid, fine: Grid) -> float:
    """How much wider the cells of one grid are, in the geometric mean over the axes that change."""
    parts = [f / c for c, f in zip(coarse.cells, fine.cells, strict=True) if f != c]
    return math.exp(sum(map(math.log, parts)) / len(parts)) if parts else 1.0


@dataclass(frozen=True, eq=False)
class Level:
    """A problem on its grid, in 1-D or 2-D."""

    problem: Problem

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx) of the lattice."""
        return self.problem.grid.kernel_shape[1:]

    @cached_property
    def parts(self) -> np.ndarray | None:
        """Q in parts of the cells, (ny, parts along y, nx, parts along x), if it is known there."""
        found = within_cells(self.problem, 1)
        if found is None:
            return None
        ny, nx = self.shape
        return found.reshape(ny, found.shape[0] // ny if found.ndim == 2 else 1, nx, -1)

    @cached_property
    def offset(self) -> tuple[np.ndarray, np.ndarray] | None:
        if self.parts is None or self.parts.shape[1] * self.parts.shape[3] == 1:
            return None
        return barycentres(self.parts)

    @cached_property
    def cells(self) -> np.ndarray:
        """The flat indices of the cells with an atom, in the order of the sites."""
        return np.flatnonzero(self.problem.Q > 0.0)

    @cached_property
    def lattice(self) -> Lattice:
        """P constant in the cells, an atom where Q has mass; 0 is the middle of the box."""
        problem = self.problem
        source = self._source(problem.P)
        mass = problem.log_Q.reshape(self.shape) + math.log(problem.grid.cell_volume)
        mass = np.where(problem.Q.reshape(self.shape) > 0.0, mass, -np.inf)
        sites = lattice_sites(source.lower, source.spacing, mass, self.offset)
        return Lattice(source, sites, problem.epsilon, problem.divergence, self.cells)

    def _source(self, P: np.ndarray) -> Source:
        """P on the cells of the grid, or on as many times more."""
        grid = self.problem.grid
        half = [0.5 * (b - a) for a, b in zip(grid.lower, grid.upper, strict=True)]
        if grid.dimension == 2:
            width = (2.0 * half[0] / P.shape[1], 2.0 * half[1] / P.shape[0])
            return Source((-half[0], -half[1]), width, P)
        h = grid.spacing[0]
        return Source((-half[0], -0.5 * h), (2.0 * half[0] / P.size, h), P[None] / h, flat=True)

    def cold(self, problem: Problem) -> Point:
        """The better of zero and the potential of the Gaussians with the moments of P and Q."""
        at = point(self.lattice, np.zeros(self.lattice.sites.count))
        try:
            quadratic = gaussian_start(problem, self.problem.grid, problem.epsilon)
        except np.linalg.LinAlgError:
            return at  # P or Q lies on a line
        psi = quadratic.on(self.problem.grid).ravel()[self.cells]
        if np.isfinite(psi).all():
            other = point(self.lattice, psi)
            at = other if other.dual > at.dual else at
        return at

    def carried(self, field: np.ndarray) -> np.ndarray:
        """Values at the centres of another grid over the same box, nan where there are none, at
        the sites of this one."""
        ny, nx = self.shape
        i, j = np.unravel_index(self.cells, self.shape)
        dx, dy = (0.0, 0.0) if self.offset is None else (o[i, j] for o in self.offset)
        field = field.reshape((1, *field.shape)[-2:])
        x = (j + dx + 0.5) * (field.shape[1] / nx) - 0.5
        y = (i + dy + 0.5) * (field.shape[0] / ny) - 0.5
        return interpolated(field, x, y)

    def field(self, at: Point) -> np.ndarray:
        """psi at the cell centres, (ny, nx), nan where Q has no atom.

        An atom off the centre of its cell tells psi there to first order: ∇psi = 2 (y - S(y)), S(y)
        the barycentre of its cell of the diagram.
        """
        psi, lattice = at.psi, self.lattice
        if self.offset is not None:
            n, r = lattice.sites.count, at.diagram.r
            for axis, y in enumerate((lattice.sites.x[:n], lattice.sites.y[:n])):
                S = np.divide(at.diagram.moment[axis], r, out=y.copy(), where=r > 0.0)
                shift = self.offset[axis].ravel()[lattice.cells] * lattice.source.spacing[axis]
                psi = psi - 2.0 * (y - S) * shift
        out = np.full(self.shape, np.nan)
        out.ravel()[lattice.cells] = psi
        return out

    def value(self, at: Point) -> float:
        """The dual value, and what P averaged over cells and atoms leave out of it where P and Q
        are known within the cells. psi need not be solved for again: the value does not change to
        first order with it."""
        return at.dual + self._of_source(at) + self._of_atoms(at)

    def _of_source(self, at: Point) -> float:
        P = within_cells(self.problem, 0)
        if P is None or P.size == self.problem.P.size:
            return 0.0
        fine = diagram(self._source(P), self.lattice.sites, at.given, at.left_out)
        return fine.transport - at.diagram.transport

    def _of_atoms(self, at: Point) -> float:
        if self.parts is None or self.offset is None:
            return 0.0
        i, j = np.unravel_index(self.cells, self.shape)
        shares = self.parts[i, :, j, :]
        total = shares.sum(axis=(1, 2), keepdims=True)
        if not (total > 0.0).all():
            return 0.0
        even = np.ones((total.size, 1, 1))
        return spread(self.lattice, at, shares / total, self.cells) - spread(
            self.lattice, at, even, self.cells
        )

    def density(self, mass: np.ndarray) -> np.ndarray:
        """Masses at the sites as a density on the grid, 0 where Q is."""
        out = np.zeros(self.problem.grid.shape)
        out.ravel()[self.cells] = mass / self.problem.grid.cell_volume
        return out


def barycentres(of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far from its centre the mass in each cell lies, in cells along x and y, (ny, nx)."""
    total = of.sum(axis=(1, 3))
    total = np.where(total > 0.0, total, 1.0)
    steps = [(np.arange(k) + 0.5) / k - 0.5 for k in (of.shape[3], of.shape[1])]
    x = np.einsum("iajb,b->ij", of, steps[0]) / total
    y = np.einsum("iajb,a->ij", of, steps[1]) / total
    return x, y
