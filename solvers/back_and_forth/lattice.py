"""The static problem between atoms at the cell centres of one grid.

Sources are cells with mass of P, targets cells where R may have mass: those of Q, and where f'(∞)
is finite also those without Q, which share one potential.
Source: Baptista et al., Proximal optimal transport divergences, (2.4) and Theorem 3.1.
"""

from __future__ import annotations

import math

import numpy as np

from mfgprox.capped_cost import CappedCost, transform
from mfgprox.cost import Cost
from mfgprox.divergence import Divergence, KullbackLeibler, Lipschitz
from mfgprox.problem import Problem
from mfgprox.transform import c_transform

NEGLIGIBLE = 1e-14
"""Share of the mass of P that the sources may leave out, all in all."""
BLUR = 0.4
"""Square of the width of a blurred target, in cells."""
MOST_FALL, MOST_RISE, SAME = 3.0, 600.0, 1e-4
"""Changes of log R over which the marginal's curve is replaced by its secant, and the least one."""
APART = 1 << 20
"""Lattice coordinate of the potential that the cells without Q share: far from all others."""


def relaxed(problem: Problem) -> tuple[Divergence, CappedCost | None]:
    """The plain divergence, and the cost of going to S by way of R where it is to be regularised:
    the lattice problem is then that between P and S."""
    f = problem.divergence
    if not isinstance(f, Lipschitz):
        return f, None
    return f.base, CappedCost(problem.p, problem.epsilon * f.constant)


class Lattice:
    """P, Q and the costs on one grid. Flat arrays run over the cells, x fastest."""

    def __init__(self, problem: Problem) -> None:
        grid = problem.grid
        self.problem, self.epsilon = problem, problem.epsilon
        self.f, self.capped = relaxed(problem)
        self.shape, self.h = grid.kernel_shape, np.array(grid.kernel_spacing)
        mass = problem.P.ravel() * grid.cell_volume
        self.sources = np.flatnonzero(mass > NEGLIGIBLE / mass.size)
        self.mass = mass[self.sources] / mass[self.sources].sum()
        self.log_mass = np.log(self.mass)
        self.log_Q = np.ravel(problem.log_Q)
        with np.errstate(divide="ignore", invalid="ignore"):
            self.needs_all = bool(np.isinf(self.f.f(np.zeros(1))).all())
        """Whether f(0) = ∞: R may leave out no cell of Q."""
        self.held = np.isfinite(self.log_Q)
        self.shared = math.isfinite(self.f.recession) and not self.held.all()
        """Whether R may have mass where Q has none."""
        self.cells = np.flatnonzero(self.held)
        self.unknown = np.full(mass.size, self.cells.size if self.shared else -1)
        self.unknown[self.cells] = np.arange(self.cells.size)
        self.cost = self._costs()

    @property
    def transport(self) -> Cost | CappedCost:
        """The cost between a source and a target."""
        return self.problem.cost if self.capped is None else self.capped

    @property
    def unknowns(self) -> int:
        return self.cells.size + int(self.shared)

    @property
    def places(self) -> np.ndarray:
        """Lattice coordinates of the unknowns, (3, unknowns)."""
        found = np.array(np.unravel_index(self.cells, self.shape))
        return np.append(found, np.full((3, 1), APART), axis=1) if self.shared else found

    def _costs(self) -> np.ndarray:
        """Of displacements by so many cells, (nz, ny, nx)."""
        steps = [h * np.arange(n) for h, n in zip(self.h, self.shape, strict=True)]
        return np.ascontiguousarray(
            np.broadcast_to(self.transport(np.meshgrid(*steps, indexing="ij")), self.shape)
        )

    def transform(self, psi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """psi^c and its argmin, (nz, ny, nx); psi flat, -inf where R cannot have mass."""
        if self.capped is not None:
            return transform(psi.reshape(self.shape), self.cost)
        return c_transform(
            psi.reshape(self.shape), self.problem.cost, self.problem.grid.kernel_spacing
        )

    def envelope(self, phi: np.ndarray) -> np.ndarray:
        """min over the sources of c(x, y) - phi(x): the largest psi with psi^c >= phi, flat."""
        values = np.full(self.held.size, -np.inf)
        values[self.sources] = phi.ravel()[self.sources]
        return self.transform(values)[0].ravel()

    def masked(self, psi: np.ndarray) -> np.ndarray:
        """psi with -inf where R cannot have mass, and the shared value where it has to be shared.

        That is the least that any cell has, unless the cells without Q say less.
        """
        if self.held.all():
            return psi
        if not self.shared:
            return np.where(self.held, psi, -np.inf)
        return np.where(self.held, psi, float(psi[~self.held].min()))

    def marginal(self, psi: np.ndarray) -> tuple[np.ndarray, float]:
        """Masses of R = Q (f*)'(-psi/eps - nu) on the cells, flat, and the value of Theorem 3.1."""
        grid = self.problem.grid
        U = np.where(np.isfinite(psi), -psi, 0.0).reshape(grid.shape)
        R, value = self.f.gibbs(U, self.problem.log_Q, self.epsilon, grid.cell_volume)
        if not math.isfinite(value):
            raise FloatingPointError("the dual value is not finite")
        return R.ravel() * grid.cell_volume, value

    def slope(self, R: np.ndarray) -> np.ndarray:
        """-∂R/∂psi where Q has mass, nu held, (cells,): R/eps for KL, Q (f*)''/eps in general."""
        f, R = self.f, R[self.cells]
        if isinstance(f, KullbackLeibler):
            return R / self.epsilon
        log_t = np.log(np.maximum(R, 1e-300)) - self.log_Q[self.cells]
        log_t -= math.log(self.problem.grid.cell_volume)
        distance = f.distance(log_t)  # type: ignore[attr-defined]
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            rate = np.abs(f.elasticity(distance)) / distance  # type: ignore[attr-defined]
        return np.where(R > 0.0, R * np.nan_to_num(rate, posinf=0.0) / self.epsilon, 0.0)

    def secant(self, R: np.ndarray, has: np.ndarray) -> np.ndarray:
        """-ΔR/Δpsi between the masses R and has, both (cells,), for f other than KL; R not taken
        below e^-MOST_FALL of itself, and nan where the two are next to equal or R vanishes."""
        f = self.f
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            change = np.log(has / R).clip(-MOST_FALL, MOST_RISE)
            log_t = np.log(R) - self.log_Q[self.cells] - math.log(self.problem.grid.cell_volume)
            way = f.distance(log_t + change) - f.distance(log_t)  # type: ignore[attr-defined]
            slope = R * np.abs(np.expm1(change) / way) / self.epsilon
        return np.where(np.isfinite(slope) & (np.abs(change) > SAME), slope, np.nan)

    def information(self, R: np.ndarray) -> float:
        """D_f(R‖Q) of masses on the cells, flat."""
        grid = self.problem.grid
        density = R.reshape(grid.shape) / grid.cell_volume
        return self.f.between(density, self.problem.log_Q, grid.cell_volume)

    def monotone_cost(self, R: np.ndarray) -> float:
        """Least cost of moving the sources to masses R (cells,) on the line: in their order."""
        levels = [np.cumsum(m) / m.sum() for m in (self.mass, R)]
        cuts = np.unique(np.minimum(np.concatenate(levels), 1.0))
        middle = cuts - 0.5 * np.diff(cuts, prepend=0.0)
        x = self.sources[np.minimum(np.searchsorted(levels[0], middle), self.sources.size - 1)]
        y = np.minimum(np.searchsorted(levels[1], middle), R.size - 1)
        costs = self.cost.ravel()[np.abs(x - y)]
        return float((np.diff(cuts, prepend=0.0) * costs).sum())

    def blur(self, argmin: np.ndarray) -> np.ndarray:
        """The price of entropy for each source, (sources,): the curvature of the cost at its
        displacement times BLUR squared widths of a cell, so that its image is about a cell wide.

        A displacement counts as a cell at least, where the cost is singular or flat.
        """
        cost, dimension, widest = self.problem.cost, self.problem.grid.dimension, float(self.h_max)
        here = np.array(np.unravel_index(self.sources, self.shape))
        there = np.array(np.unravel_index(argmin.ravel()[self.sources], self.shape))
        away = (here - there)[3 - dimension :] * self.h[3 - dimension :, None]
        sizes = np.abs(away) if cost.separable else np.sqrt(np.square(away).sum(axis=0))
        p = cost.p
        if self.capped is not None:
            sizes = np.minimum(sizes, self.capped.reach)
        curvature = p * (p - 1.0) * np.maximum(sizes, widest) ** (p - 2.0)
        if self.capped is not None:
            # A cost that is linear within a cell already curves by its slope over that.
            curvature = np.minimum(curvature, self.capped.steepness / widest)
        if cost.separable:
            curvature = curvature.mean(axis=0)
        return BLUR * widest**2 * curvature

    @property
    def h_max(self) -> float:
        return float(max(self.problem.grid.spacing))

    @property
    def log_width(self) -> float:
        """Logarithm of the cells that a blurred image covers: its entropy is counted from there."""
        ratios = [self.h_max / h for h in self.problem.grid.spacing]
        return sum(0.5 * math.log(2.0 * math.pi * BLUR * r * r) for r in ratios)
