"""Cells without Q in which R may have mass all the same: where f'(∞) is finite.

Such mass costs f'(∞), wherever it lies, so that D_f knows of a potential there only its least
value s, the level: -s/eps - nu <= f'(∞), else nu is pushed up. Raised to s a potential attracts
least at the same price, and there is a best s, at which as much mass goes there as R has there.
Source: Baptista et al., Proximal optimal transport divergences, Theorem 3.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from mfgprox.cost import Cost
from mfgprox.problem import Problem
from mfgprox.quadrature import Divided
from mfgprox.splines import SplinePotential
from mfgprox.transform import c_transform

HALVINGS = 60
"""Of the interval in which the level lies."""


@dataclass(frozen=True, eq=False)
class OpenCells:
    """mask: the cells without Q; way: the cost of going to the nearest, over centres. (nz, ny, nx)

    `of` gives None where R cannot have mass without Q, or there are no such cells.
    """

    problem: Problem
    mask: np.ndarray
    way: np.ndarray

    @classmethod
    def of(cls, problem: Problem) -> OpenCells | None:
        mask = np.isneginf(problem.log_Q).reshape(problem.grid.kernel_shape)
        if not (math.isfinite(problem.divergence.recession) and mask.any()):
            return None
        return cls(problem, mask, cost_of_reaching(mask, problem.cost, problem.grid.kernel_spacing))

    def level(self, psi: np.ndarray, transform: np.ndarray) -> float:
        """The best value for all cells without Q of a potential that is known where Q has mass.

        psi: (nz, ny, nx), anything finite where Q = 0; transform: psi^c over the cells with Q.
        """
        problem, grid, f = self.problem, self.problem.grid, self.problem.divergence
        held, shape, epsilon = ~self.mask.reshape(grid.shape), grid.shape, problem.epsilon
        U = np.where(held, -psi.reshape(shape), -psi.reshape(shape)[held].max())
        R, _ = f.gibbs(U, problem.log_Q, epsilon, grid.cell_volume)
        first = np.unravel_index(np.argmax(np.where(held, U, -np.inf)), shape)
        slope = float(f.potential(R, problem.log_Q, epsilon)[first])
        # The least level that does not push nu up: R has no mass without Q from there on.
        high = -float(U[first]) - (epsilon * f.recession - slope)
        sources = problem.P.ravel() > 0.0
        attached = (self.way - transform).ravel()[sources]
        order = np.argsort(attached)
        attached, mass = attached[order], problem.P.ravel()[sources][order] * grid.cell_volume
        low = float(attached[0])
        if high <= low:
            return high
        goes = np.append(0.0, np.cumsum(mass) / mass.sum())
        weight = np.exp(problem.log_Q[held]) * grid.cell_volume
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            slope_there = np.minimum((U[held] + middle) / epsilon + f.recession, f.recession)
            kept = float((weight * f.conjugate_derivative(slope_there)).sum())
            if 1.0 - kept > goes[np.searchsorted(attached, middle)]:
                low = middle
            else:
                high = middle
        return 0.5 * (low + high)


def cost_of_reaching(
    mask: np.ndarray, cost: Cost, spacing: tuple[float, ...], *, walls: bool = False
) -> np.ndarray:
    """Cost of going from each centre to the nearest of the cells, (nz, ny, nx), mask alike.

    To its centre, or no more than to its walls.
    """
    if cost.separable:
        value, _ = c_transform(np.where(mask, 0.0, -np.inf), cost, spacing)
        distance = value ** (1.0 / cost.p)
    else:
        distance = distance_transform_edt(~mask, sampling=spacing)
    if walls:
        half = [0.5 * h for h, n in zip(spacing, mask.shape, strict=True) if n > 1]
        distance = np.maximum(
            distance - float(cost([np.array(h) for h in half])) ** (1.0 / cost.p), 0.0
        )
    return np.asarray(distance**cost.p)


def level_of(problem: Problem, potential: SplinePotential) -> float:
    """The least value of a potential in the cells without Q that R may enter, -inf if there are
    none: a spline may fall short of it between their centres, and counts as raised to it."""
    if not math.isfinite(problem.divergence.recession):
        return -math.inf
    values = potential.values[np.isneginf(problem.log_Q).reshape(potential.values.shape)]
    return float(values.min()) if values.size else -math.inf


def raised(psi: np.ndarray, log_Q: np.ndarray, level: float) -> np.ndarray:
    """psi with no values below the level where Q = 0."""
    if level == -math.inf:
        return psi
    return np.where(np.isneginf(log_Q), np.maximum(psi, level), psi)


def entering(problem: Problem, divided: Divided, psi: np.ndarray, amount: float) -> np.ndarray:
    """The mass of P that is best sent to parts without Q, where it arrives: `amount` of it.

    psi: on the parts. Returns masses shaped as those of `divided`. What gains most by it goes, and
    no further than to the nearest such part.
    """
    off, mass = np.isneginf(divided.log_Q), divided.mass.ravel()
    pairs = zip(
        problem.grid.kernel_spacing, divided.mass.shape, problem.grid.kernel_shape, strict=True
    )
    spacing = tuple(h * m / n for h, n, m in pairs)
    held = np.where(off, -np.inf, psi.reshape(off.shape))
    loss = cost_of_reaching(off, problem.cost, spacing)
    loss -= c_transform(held, problem.cost, spacing)[0]
    order = np.argsort(loss, axis=None, kind="stable")
    before = np.cumsum(mass[order]) - mass[order]
    sent = np.zeros(mass.size)
    sent[order] = np.clip(amount - before, 0.0, mass[order])
    nearest = distance_transform_edt(
        ~off, sampling=spacing, return_distances=False, return_indices=True
    )
    there = np.ravel_multi_index(tuple(nearest), off.shape).ravel()
    return np.bincount(there, sent, mass.size).reshape(off.shape)
