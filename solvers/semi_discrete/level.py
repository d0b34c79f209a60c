"""One grid of a semi-discrete solve: the problem with its atoms, and potentials between grids."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mfgprox.problem import Problem
from mfgprox.solvers.cut_cells import Parts, source_within_cells, target_in_parts
from mfgprox.solvers.newton_start import gaussian_start
from mfgprox.solvers.semi_discrete.diagram import diagram
from mfgprox.solvers.semi_discrete.dual import Lattice, Point, barycentres, point
from mfgprox.solvers.semi_discrete.prolong import interpolated
from mfgprox.solvers.semi_discrete.sites import Source, lattice_sites
from mfgprox.solvers.semi_discrete.within import spread


@dataclass(frozen=True, eq=False)
class Level:
    """A problem on its grid, in 1-D or 2-D."""

    problem: Problem

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx) of the lattice."""
        return self.problem.grid.kernel_shape[1:]

    @cached_property
    def parts(self) -> Parts | None:
        """Q in parts of the cells where it is known there and not the same everywhere."""
        return target_in_parts(self.problem)

    @cached_property
    def offset(self) -> tuple[np.ndarray, np.ndarray] | None:
        """How far from the centres the atoms lie, in cells along x and y, (ny, nx)."""
        if self.parts is None:
            return None
        out = np.zeros(self.shape), np.zeros(self.shape)
        for whole, known in zip(out, self.parts.barycentres, strict=True):
            whole.ravel()[self.parts.cells] = known
        return out

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
            places, n = (lattice.sites.x, lattice.sites.y), lattice.sites.count
            for axis, S in enumerate(barycentres(lattice, at)):
                shift = self.offset[axis].ravel()[self.cells] * lattice.source.spacing[axis]
                psi = psi - 2.0 * (places[axis][:n] - S) * shift
        out = np.full(self.shape, np.nan)
        out.ravel()[lattice.cells] = psi
        return out

    def value(self, at: Point) -> float:
        """The dual value, and what P averaged over cells and atoms leave out of it where P and Q
        are known within the cells. psi need not be solved for again: the value does not change to
        first order with it."""
        return at.dual + self._of_source(at) + self._of_atoms(at)

    def _of_source(self, at: Point) -> float:
        P = source_within_cells(self.problem)
        if P is None or P.size == self.problem.P.size:
            return 0.0
        fine = diagram(self._source(P), self.lattice.sites, at.given, at.left_out)
        return fine.transport - at.diagram.transport

    def _of_atoms(self, at: Point) -> float:
        if self.parts is None:
            return 0.0
        return spread(self.lattice, at, self.parts, self.cells)

    def density(self, mass: np.ndarray) -> np.ndarray:
        """Masses at the sites as a density on the grid, 0 where Q is."""
        out = np.zeros(self.problem.grid.shape)
        out.ravel()[self.cells] = mass / self.problem.grid.cell_volume
        return out
