"""The one-dimensional problem on one mesh: a convex minimisation by a tridiagonal Newton method.

    min over R of ∫_0^1 |F_P^{-1}(u) - F_R^{-1}(u)|^p du + epsilon D_f(R‖Q)

with R = r_j Q on cell j: the unknowns are the masses of R below the nodes of the mesh, and the
functional is convex in them. P enters by its exact quantiles; within a cell the mass of R is taken
as linear in y. Cells without mass of Q carry none of R, unless the mesh holds them too; mass that
changes sides of such a gap pays the difference of the cost. Source: Baptista, Birmpa, Katsoulakis,
Rey-Bellet, Zhang: Proximal optimal transport divergences, (2.4); quantile form of the transport
cost on the line.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.divergence import Divergence
from mfgprox.exact.distribution import NODES, WEIGHTS, Distribution

SMALLEST_DISTANCE = 1e-10
SMALLEST_DENSITY = 1e-200


def _cumulative() -> np.ndarray:
    """Matrix that integrates the interpolant through the Gauss nodes from -1 to each of them."""
    vandermonde = np.vander(NODES, increasing=True)
    k = np.arange(NODES.size) + 1
    antiderivative = (NODES[:, None] ** k - (-1.0) ** k) / k
    return antiderivative @ np.linalg.inv(vandermonde)


CUMULATIVE = _cumulative()


@dataclass(frozen=True, eq=False)
class Mesh:
    """The cells that may carry mass: ends (n,), (n,), log Q of each, densities integrated."""

    left: np.ndarray
    right: np.ndarray
    log_Q: np.ndarray

    @property
    def width(self) -> np.ndarray:
        return self.right - self.left

    @staticmethod
    def of(Q: Distribution, edges: np.ndarray, everywhere: bool = False) -> Mesh:
        """everywhere: with the cells without mass of Q."""
        log_Q = Q.log_masses(edges)
        held = np.isfinite(log_Q) | everywhere
        return Mesh(edges[:-1][held], edges[1:][held], log_Q[held])


@dataclass(frozen=True, eq=False)
class State:
    """Masses R (n,) on the cells, the values there, and the linear model around them."""

    R: np.ndarray
    transport_cost: float
    information_divergence: float
    value: float
    positions: np.ndarray
    """Where P has as much mass below as R has at the inner nodes, (n-1,)."""
    gradient: np.ndarray
    stiffness: np.ndarray
    """Second derivative of the transport part in the inner nodes: diagonal, and above it."""


@dataclass(frozen=True, eq=False)
class ConvexProblem:
    """P, the mesh of Q, p, epsilon and the divergence.

    reach: beyond this distance the cost goes on with the slope that it has there.
    """

    P: Distribution
    mesh: Mesh
    p: float
    epsilon: float
    divergence: Divergence
    reach: float = math.inf

    def evaluate(self, R: np.ndarray) -> State:
        """Value, gradient and Hessian at the masses R > 0 of sum one."""
        below = np.cumsum(R)[:-1]
        S = self.P.quantile(below, np.cumsum(R[::-1])[::-1][1:])
        S = np.maximum.accumulate(S)
        cost, lower, upper, curvature = self._transport(R, S)
        gradient, diagonal = -(upper[:-1] + lower[1:]), curvature[0][:-1] + curvature[2][1:]
        jump_slope, jump_curvature = self._across_gaps(S)
        information, marginal = self._information(R)
        return State(
            R,
            cost,
            information,
            cost + self.epsilon * information,
            S,
            gradient + jump_slope - self.epsilon * np.diff(marginal),
            np.stack([diagonal + jump_curvature, np.append(curvature[1][1:-1], 0.0)]),
        )

    def _transport(
        self, R: np.ndarray, S: np.ndarray
    ) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
        """The cost, ∫φ'(1-θ), ∫φ'θ and the second moments of φ'' on every cell."""
        P, mesh, n = self.P, self.mesh, R.size
        ends = np.sort(np.concatenate([S, P.edges]))
        half = 0.5 * np.diff(ends)
        middle = 0.5 * (ends[1:] + ends[:-1])
        cell = np.searchsorted(S, middle, side="left")
        x = middle[:, None] + half[:, None] * NODES
        density = P.density(x)
        part = half * (density @ WEIGHTS)
        mass = np.bincount(cell, part, n)
        started = np.cumsum(part) - part
        first = np.searchsorted(cell, np.arange(n))
        started = started - started[np.minimum(first, started.size - 1)][cell]
        inverse = np.divide(1.0, mass, out=np.zeros(n), where=mass > 0.0)[cell]
        theta = (started[:, None] + half[:, None] * (density @ CUMULATIVE.T)) * inverse[:, None]
        weight = half[:, None] * WEIGHTS * density
        h = mesh.width
        away = mesh.left[cell][:, None] + h[cell][:, None] * theta - x
        size = np.abs(away)
        slope = self.slope(away)
        scale = (h[cell] * inverse)[:, None]
        upper = np.bincount(cell, (scale * weight * slope * theta).sum(axis=1), n)
        lower = np.bincount(cell, (scale * weight * slope * (1.0 - theta)).sum(axis=1), n)
        bent = scale * half[:, None] * WEIGHTS * self._bend(size)
        curvature = [
            np.bincount(cell, (bent * basis).sum(axis=1), n)
            for basis in (theta**2, theta * (1.0 - theta), (1.0 - theta) ** 2)
        ]
        cost = float((weight * self.cost(size)).sum())
        return cost, lower, upper, np.array(curvature)

    def cost(self, away: np.ndarray) -> np.ndarray:
        """|.|^p, linear beyond the reach."""
        size = np.abs(away)
        near = np.minimum(size, self.reach)
        return near**self.p + np.where(
            size > near, self.p * near ** (self.p - 1.0) * (size - near), 0.0
        )

    def slope(self, away: np.ndarray) -> np.ndarray:
        """The derivative of the cost."""
        return self.p * np.sign(away) * np.minimum(np.abs(away), self.reach) ** (self.p - 1.0)

    def _bend(self, size: np.ndarray) -> np.ndarray:
        """Second derivative of the cost, finite at 0 (for p < 2: it only steers the step)."""
        bend = self.p * (self.p - 1.0) * np.maximum(size, SMALLEST_DISTANCE) ** (self.p - 2.0)
        return np.where(size > self.reach, 0.0, bend)

    def jump_slope(self, x: np.ndarray) -> np.ndarray:
        """Change of the cost when mass at x passes from the right to the left of each gap of Q."""
        a, b = self.mesh.right[:-1], self.mesh.left[1:]
        return np.where(b > a, self.cost(x - a) - self.cost(x - b), 0.0)

    def _across_gaps(self, S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradient and curvature from mass that passes from one side of a gap to the other."""
        a, b = self.mesh.right[:-1] - S, self.mesh.left[1:] - S
        change = self.slope(b) - self.slope(a)
        density = np.maximum(self.P.density(S), SMALLEST_DENSITY)
        return self.jump_slope(S), np.where(b > a, change / density, 0.0)

    def _information(self, R: np.ndarray) -> tuple[float, np.ndarray]:
        """D_f(R‖Q) and f'(R/Q) on the cells."""
        log_Q = self.mesh.log_Q
        if self.divergence.name == "kl":
            log_ratio = np.log(R) - log_Q
            return float((R * log_ratio).sum()), log_ratio
        f = self.divergence
        return f.between(R, log_Q, 1.0), np.asarray(f.potential(R, log_Q, 1.0))

    def marginal(self, R: np.ndarray) -> np.ndarray:
        """f'(R/Q) on the cells (for KL without its constant 1)."""
        return self._information(R)[1]

    def marginal_slope(self, R: np.ndarray) -> np.ndarray:
        """epsilon f''(R/Q) / Q, the derivative of epsilon f'(R/Q) in R."""
        if self.divergence.name == "kl":
            return self.epsilon / R
        log_Q = self.mesh.log_Q
        held = np.isfinite(log_Q)
        log_t = np.subtract(np.log(R), log_Q, out=np.zeros(R.shape), where=held)
        log_bend = self.divergence.log_curvature(log_t) - np.where(held, log_Q, 0.0)
        return np.where(held, self.epsilon * np.exp(np.clip(log_bend, -600.0, 600.0)), 0.0)
