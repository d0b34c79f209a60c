"""What the fast bounds sum over: P and Q on cells or parts of cells, a spline of the potential."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mfgprox.centre_sums import CentreSums
from mfgprox.kernels.spline_fit import reflecting_coefficients, spline_coefficients
from mfgprox.map_images import Images, images
from mfgprox.problem import Problem
from mfgprox.quadrature import on_parts
from mfgprox.splines import lines_at
from mfgprox.transform import c_transform

NEGLIGIBLE = 1e-14
"""Share of the largest P below which a cell is left out of the sums."""


@dataclass(frozen=True, eq=False)
class SmoothSums:
    """What is summed over, all on the divided cells but psi: how P and Q are summed, log_P, log_Q
    with integrals of one, volume of a part; psi and its spline."""

    problem: Problem
    parts: int
    reflecting: bool
    psi: np.ndarray
    coefficients: np.ndarray
    over_P: CentreSums
    over_Q: CentreSums
    log_P: np.ndarray
    log_Q: np.ndarray
    volume: float

    @classmethod
    def of(cls, problem: Problem, psi: np.ndarray, parts: int, reflecting: bool) -> SmoothSums:
        (over_P, log_P), (over_Q, log_Q) = (_normalised(problem, which, parts) for which in (0, 1))
        volume = problem.grid.cell_volume * problem.P.size / log_P.size
        fit = reflecting_coefficients if reflecting else spline_coefficients
        coefficients = fit(psi.reshape(problem.grid.kernel_shape))
        return cls(
            problem, parts, reflecting, psi, coefficients, over_P, over_Q, log_P, log_Q, volume
        )

    @cached_property
    def P(self) -> np.ndarray:
        """Masses, sum one."""
        return self.over_P.integrand(np.exp(self.log_P)) * self.volume

    @cached_property
    def nodes(self) -> np.ndarray:
        """Flat indices of the parts with mass; of all where an f with f(0) = ∞ sees them too."""
        P = self.P.ravel()
        least = NEGLIGIBLE * P.max() if math.isfinite(self.cost_of_nothing) else 0.0
        return np.flatnonzero(least < P)

    @cached_property
    def cost_of_nothing(self) -> float:
        """f(0): what Q costs where R = 0."""
        if self.problem.divergence.name == "kl":
            return 0.0
        with np.errstate(divide="ignore"):
            return float(self.problem.divergence.f(np.zeros(1))[0])

    @cached_property
    def weight(self) -> np.ndarray:
        """Shares of the nodes in the mass."""
        weight = self.P.ravel()[self.nodes]
        return weight / weight.sum()

    @cached_property
    def U(self) -> np.ndarray:
        """-psi on the divided cells."""
        if self.parts == 1:
            return -self.psi
        shape = self.problem.grid.kernel_shape
        divided = tuple(n * self.parts if n > 1 else 1 for n in shape)
        return -lines_at(self.coefficients, shape, divided).reshape(self.log_P.shape)

    @cached_property
    def images(self) -> Images:
        grid = self.problem.grid
        shape = grid.kernel_shape
        divided = tuple(n * self.parts if n > 1 else 1 for n in shape)
        log_Q = spline_coefficients(self.log_Q.reshape(divided))
        _, start = c_transform(self.psi.reshape(shape), self.problem.cost, grid.kernel_spacing)
        return images(self.problem, self.coefficients, log_Q, start, self.nodes, self.parts)

    @cached_property
    def gibbs(self) -> tuple[np.ndarray, float]:
        """R on the parts, and the Gibbs term."""
        weights = self.over_Q.log_weights(self.log_Q.shape)
        problem = self.problem
        R, value = problem.divergence.gibbs(
            self.U, self.log_Q + weights, problem.epsilon, self.volume
        )
        return R * np.exp(-weights), value

    def spread(self, values: np.ndarray) -> float:
        """Estimated error of the mean of values (nodes,)."""
        P = np.exp(self.log_P)
        dense = np.zeros(P.shape)
        dense.ravel()[self.nodes] = P.ravel()[self.nodes] * values
        return self.over_P.spread(dense, P)


def _normalised(problem: Problem, which: int, parts: int) -> tuple[CentreSums, np.ndarray]:
    """P (0) or Q (1) on the divided cells: how to sum it, its logarithm, its integral one."""
    log_values = on_parts(problem, which, parts)
    volume = problem.grid.cell_volume * problem.P.size / log_values.size
    density = np.exp(log_values)
    sums = CentreSums.of(density)
    return sums, log_values - math.log(float(sums.integrand(density).sum()) * volume)
