"""The dynamic pair of a static optimum: (rho_t, m_t) by moving particles, U_t by Hopf–Lax.

Each particle goes straight from x to T(x), the minimiser of |x - y|^p + U_1(y):
    U_t(z) = min_y |z - y|^p / (1-t)^(p-1) + U_1(y),   rho_t = ((1-t) id + t T)_# P.
Source: Baptista et al., Proximal optimal transport divergences, (2.23)-(2.25).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mfgprox.dynamic.cloud import NOTHING, moves, particles
from mfgprox.kernels.conjugate import conjugate
from mfgprox.kernels.deposition import deposit
from mfgprox.kernels.spline_fit import spline_coefficients
from mfgprox.kernels.threads import over
from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.transform import SplinePotential, c_transform

TAIL = 1e-9
"""Cells with less than this share of the largest P do not tell whether the map is torn."""
TEAR = 8
"""Cells between the images of neighbouring cells from which a map counts as torn."""


@dataclass(frozen=True, eq=False)
class DynamicPair:
    """rho, U: (time_steps + 1, [z,] [y,] x); momentum: one array per axis in the order x, y, z, on
    faces, (time_steps, *shape) with one more entry along its own axis, constant within a step.

    rho >= 0, rho[0] = P, and (rho, momentum) meet the discrete continuity equation to rounding.
    """

    rho: np.ndarray
    momentum: tuple[np.ndarray, ...]
    U: np.ndarray


def dynamic_pair(problem: Problem, U_1: np.ndarray, R: np.ndarray) -> DynamicPair:
    """The pair on the written time levels from the terminal potential, (…, z, y, x).

    R: the minimiser, grid.shape; U_1 counts only where R can have mass (Q > 0), elsewhere it is
    replaced by its largest continuation. Raises ValueError where U_1 is finite nowhere.
    """
    grid = problem.grid
    psi = -np.asarray(U_1, float).reshape(grid.kernel_shape)
    allowed = np.isfinite(psi) & np.isfinite(np.reshape(problem.log_Q, grid.kernel_shape))
    if not allowed.any():
        raise ValueError("U_1 must be finite somewhere in the support of Q")
    potential = _Potential(problem, np.where(allowed, psi, -np.inf))
    rho, momentum = _move(problem, potential)
    return DynamicPair(rho, momentum, potential.hopf_lax())


def with_path(solution: Solution) -> Solution:
    """A static solution, known at times 0 and 1, with rho, momentum and U on all time levels."""
    pair = dynamic_pair(solution.problem, solution.U[-1], solution.R)
    return replace(solution, rho=pair.rho, U=pair.U, momentum=pair.momentum, written_times=None)


class _Potential:
    """psi = -U_1 (nz, ny, nx), -inf where excluded, and its transforms."""

    def __init__(self, problem: Problem, psi: np.ndarray) -> None:
        self.problem, self.psi = problem, psi
        self.cost, self.grid = problem.cost, problem.grid
        self.spacing = self.grid.kernel_spacing
        self.complete = bool(np.isfinite(psi).all())
        _, self.lattice = c_transform(psi, self.cost, self.spacing)
        if self.complete:
            self.coefficients = spline_coefficients(psi)
        self.quadratic = self.complete and self.cost.p == 2.0 and not self._torn()

    def _torn(self) -> bool:
        """Whether neighbouring cells with mass have lattice images far apart."""
        P = self.problem.P.reshape(self.psi.shape)
        heavy = TAIL * P.max() < P
        for image in np.unravel_index(self.lattice, self.psi.shape):
            for axis in range(3):
                jump = np.abs(np.diff(image, axis=axis))
                both = heavy.take(range(1, heavy.shape[axis]), axis)
                both = both & heavy.take(range(heavy.shape[axis] - 1), axis)
                if np.any(jump[both] > TEAR):
                    return True
        return False

    def transform(
        self, scale: float, parts: int = 1, nodes: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """min_y |x - y|^p - scale psi(y) and its y, (many, 3) in cells, order x, y, z.

        x: centres of cells in `parts` per axis, those with the flat indices `nodes` or all.
        """
        sub = np.array([parts if n > 1 else 1 for n in self.psi.shape])
        if nodes is None:
            nodes = np.arange(self.psi.size * int(sub.prod()))
        if not self.complete:
            return self._on_lattice(scale, sub, nodes)
        if not self.quadratic:
            values, places = SplinePotential(scale * self.psi, self.cost, self.spacing).c_transform(
                parts, nodes
            )
            return values, places[:, ::-1]
        lattice = self.lattice
        if scale != 1.0:
            _, lattice = c_transform(scale * self.psi, self.cost, self.spacing)
        values, places = np.empty(nodes.size), np.empty((nodes.size, 3))
        box = np.ones((3, 3))
        box[1] = self.spacing[::-1]
        over(
            conjugate, nodes.size, 20 * nodes.size, nodes, sub[::-1].copy(), lattice,
            self.coefficients, box, np.zeros((3, 3)), np.zeros(3), 0.0, scale, values, places,
        )  # fmt: skip
        return values, places

    def _on_lattice(
        self, scale: float, sub: np.ndarray, nodes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        values, lattice = c_transform(scale * self.psi, self.cost, self.spacing)
        fine = np.unravel_index(nodes, np.array(self.psi.shape) * sub)
        cell = tuple(i // s for i, s in zip(fine, sub, strict=True))
        y = np.unravel_index(lattice[cell], self.psi.shape)
        return values[cell], np.stack(y[::-1], axis=1).astype(float)

    def hopf_lax(self) -> np.ndarray:
        """U at the time levels, (time_steps + 1, …, z, y, x)."""
        grid = self.grid
        U = np.empty((grid.time_steps + 1, *grid.shape))
        for k, t in enumerate(grid.times[:-1]):
            scale = (1.0 - t) ** (self.cost.p - 1.0)
            U[k] = (self.transform(scale)[0] / scale).reshape(grid.shape)
        U[-1] = self._terminal().reshape(grid.shape)
        return U

    def _terminal(self) -> np.ndarray:
        """U_1, with the largest continuation that the optimum allows where it is excluded."""
        if self.complete:
            return -self.psi
        forward, _ = c_transform(self.psi, self.cost, self.spacing)
        backward, _ = c_transform(forward, self.cost, self.spacing)
        return -np.where(np.isfinite(self.psi), self.psi, backward)


def _move(problem: Problem, potential: _Potential) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    grid, steps = problem.grid, problem.grid.time_steps
    cloud = particles(problem, potential.transform)
    density = np.zeros((steps + 1, *grid.shape))
    density[0] = problem.P * grid.cell_volume
    flux = []
    for axis in range(3):
        shape = list(grid.shape)
        if axis < grid.dimension:
            shape[grid.dimension - 1 - axis] += 1
        flux.append(np.zeros((steps, *shape) if axis < grid.dimension else (steps, 1)))
    over(
        deposit, steps, 50 * cloud.mass.size * steps, cloud.mass, cloud.source, cloud.target,
        cloud.widths, np.array(grid.kernel_shape[::-1]), float(cloud.widths.max(initial=0.0)),
        *(a.reshape(len(a), -1) for a in (density[1:], *flux)),
    )  # fmt: skip
    density[1:] += np.where(moves(problem.P), 0.0, density[0])
    for through in flux:
        through[np.abs(through) < NOTHING * density[0].max()] = 0.0
    momentum = tuple(
        flux[axis] * (grid.spacing[axis] / (grid.dt * grid.cell_volume))
        for axis in range(grid.dimension)
    )
    return density / grid.cell_volume, momentum
