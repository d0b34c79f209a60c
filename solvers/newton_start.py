"""The quadratic potential that Newton starts from: the closed form for the moments of P and Q.

For Gaussians R = Q e^(-psi/epsilon) is Gaussian and S(y) = m1 + K (y - m_R) with
K Σ1⁻¹ K + (2/epsilon) K = Σ2⁻¹ + (2/epsilon) I, psi = w·(I - K) w + 2 (m_R - m1)·w, w = y - m_R.
Source: Baptista et al., Proximal optimal transport divergences, Appendix F, without its assumption
that the covariances commute.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfgprox.grid import Grid
from mfgprox.problem import Problem

NEGLIGIBLE = 1e-3
"""Densities below this share of their maximum at the walls let the quadratic leave the box."""


@dataclass(frozen=True, eq=False)
class Quadratic:
    """½ w·H w + g·w, w = y - centre, and the logarithm of a Gaussian, 0 at that centre.

    H, precision: (3, 3); g, centre: (3,); axes x, y, z, zero for those that do not exist.
    """

    H: np.ndarray
    g: np.ndarray
    centre: np.ndarray
    precision: np.ndarray

    @property
    def contraction(self) -> float:
        """Smallest eigenvalue of DS, at most 1."""
        return min(1.0, float(np.linalg.eigvalsh(np.eye(3) - 0.5 * self.H)[0]))

    def on(self, grid: Grid) -> np.ndarray:
        """The quadratic at the cell centres, grid.kernel_shape."""
        return self._form(grid, self.H, self.g)

    def log_gaussian(self, grid: Grid) -> np.ndarray:
        """-½ w·precision w at the cell centres, grid.kernel_shape."""
        return self._form(grid, -self.precision, np.zeros(3))

    def _form(self, grid: Grid, H: np.ndarray, g: np.ndarray) -> np.ndarray:
        w = [x - m for x, m in zip(grid.coordinates(), self.centre, strict=False)]
        total = np.zeros(grid.shape)
        for i, wi in enumerate(w):
            total += (0.5 * H[i, i] * wi + g[i]) * wi
            for j in range(i + 1, len(w)):
                total += H[i, j] * wi * w[j]
        return total.reshape(grid.kernel_shape)


def quadratic_start(problem: Problem, epsilon: float) -> Quadratic:
    """The Gaussian closed form; zero potential where mass reaches the walls of the box."""
    d = problem.grid.dimension
    (m1, S1), (m2, S2) = (_moments(f, problem.grid) for f in (problem.P, problem.Q))
    inverse = np.linalg.inv(S2)
    pull = 2.0 / epsilon * np.eye(d)
    mean = np.linalg.solve(inverse + pull, inverse @ m2 + pull @ m1)
    scale, axes = np.linalg.eigh(S1)
    root = (axes * np.sqrt(scale)) @ axes.T
    unroot = (axes / np.sqrt(scale)) @ axes.T
    mu, axes = np.linalg.eigh(unroot @ (inverse + pull) @ unroot)
    # sqrt(1/eps² + mu) - 1/eps without the cancellation.
    y = mu / (1.0 / epsilon + np.hypot(1.0 / epsilon, np.sqrt(mu)))
    K = root @ (axes * y) @ axes.T @ root
    H = 2.0 * (np.eye(d) - 0.5 * (K + K.T))
    precision = inverse + H / epsilon
    walls = max(_at_walls(f) for f in (problem.P, problem.Q))
    free = 1.0 if walls < NEGLIGIBLE else 0.0
    return Quadratic(
        _padded(free * H), _padded(free * 2.0 * (mean - m1)), _padded(mean), _padded(precision)
    )


def gaussian_start(problem: Problem, coarsest: Grid, epsilon: float) -> Quadratic:
    """The closed form of KL; close to R = Q every f is a multiple of that, by f''(1).

    The same on all grids: a grid that resolves P and Q tells their moments as well as any.
    """
    coarse = problem if problem.grid == coarsest else problem.on(coarsest)
    known = coarse if resolved(coarse) else problem
    return quadratic_start(known, epsilon * problem.divergence.law.scale)


def resolved(problem: Problem) -> bool:
    """Whether P and Q are wider than the cells in every direction."""
    widths = [np.linalg.eigvalsh(_moments(f, problem.grid)[1])[0] for f in (problem.P, problem.Q)]
    return bool(min(widths) > max(problem.grid.spacing) ** 2)


def _moments(density: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance; at least a cell's own spread on each axis."""
    d, total = grid.dimension, float(density.sum())
    x = [c.ravel() for c in grid.coordinates()]

    def marginal(*kept: int) -> np.ndarray:
        """Over the axes that are kept, the last of them first, as arrays have them."""
        rest = tuple(d - 1 - a for a in range(d) if a not in kept)
        return density.sum(axis=rest) / total

    single = [marginal(a) for a in range(d)]
    mean = np.array([float((w * c).sum()) for w, c in zip(single, x, strict=True)])
    off = [c - m for c, m in zip(x, mean, strict=True)]
    S = np.diag([float((w * c * c).sum()) for w, c in zip(single, off, strict=True)])
    for i in range(d):
        for j in range(i + 1, d):
            lines = np.einsum("ji,i->j", marginal(i, j), off[i])
            S[i, j] = S[j, i] = float((lines * off[j]).sum())
    # A density within one cell has a cell's own spread.
    return mean, S + np.diag(np.maximum(np.square(grid.spacing) / 12.0 - np.diag(S), 0.0))


def _at_walls(density: np.ndarray) -> float:
    """Largest share of the maximum in the outermost cells of any axis with more than one."""
    ends = [
        float(density.take(end, axis).max())
        for axis in range(density.ndim)
        if density.shape[axis] > 1
        for end in (0, -1)
    ]
    return max(ends, default=0.0) / float(density.max())


def _padded(array: np.ndarray) -> np.ndarray:
    out = np.zeros((3,) * array.ndim)
    out[tuple(slice(n) for n in array.shape)] = array
    return out
