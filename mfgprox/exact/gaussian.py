"""Closed forms for Gaussian P and Q, p = 2 and KL, in any dimension.

The covariances need not commute. With C = I + (epsilon/2) S2^{-1} and N = C^{-1/2} S1 C^{-1/2},

    Z = (N + epsilon I + (N² + 2 epsilon N)^{1/2}) / 2,   R = N(C^{-1}(m1 + (epsilon/2) S2^{-1} m2),
    C^{-1/2} Z C^{-1/2}),   optimal map  A = C^{-1/2} (I - (epsilon/2) Z^{-1})^{-1} C^{-1/2},

which in one dimension is (F.1)-(F.3) of Baptista, Birmpa, Katsoulakis, Rey-Bellet, Zhang: Proximal
optimal transport divergences. For covariances that commute the paper prints (F.11) with
S1 + 2 epsilon (I + (epsilon/2) S2^{-1})^{-1} under the root and a mean that repeats a letter; the
factor is not inverted, as (F.2) has it, and the mean is the one above: that is what holds here.
The whole path is Gaussian: the map and the mean are linear in time, the potential is quadratic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

Coordinates = Sequence[np.ndarray]
"""Positions in the order x, y, z, broadcastable, as `Grid.coordinates` gives them."""


@dataclass(frozen=True, eq=False)
class GaussianSolution:
    """The minimiser R = N(mean_R, covariance_R) and everything that follows from it.

    m1, m2, mean_R: (d,). S1, S2, covariance_R: covariances, (d, d), never standard deviations.
    map: the symmetric A of the optimal map x -> mean_R + A (x - m1), (d, d).
    """

    m1: np.ndarray
    S1: np.ndarray
    m2: np.ndarray
    S2: np.ndarray
    epsilon: float
    mean_R: np.ndarray
    covariance_R: np.ndarray
    map: np.ndarray

    @cached_property
    def transport_cost(self) -> float:
        """W_2²(P, R)."""
        shift, stretch = self.mean_R - self.m1, self.map - np.eye(self.m1.size)
        return float(shift @ shift + np.trace(stretch @ self.S1 @ stretch))

    @cached_property
    def information_divergence(self) -> float:
        """KL(R‖Q)."""
        root = np.linalg.inv(np.linalg.cholesky(self.S2))
        # Eigenvalues less one: w - log1p(w) keeps its digits where R is close to Q.
        excess = np.linalg.eigvalsh(root @ (self.covariance_R - self.S2) @ root.T)
        shift = root @ (self.mean_R - self.m2)
        return float(0.5 * (np.sum(excess - np.log1p(excess)) + shift @ shift))

    @property
    def divergence(self) -> float:
        """D = W_2²(P, R) + epsilon KL(R‖Q)."""
        return self.transport_cost + self.epsilon * self.information_divergence

    def mean(self, t: float) -> np.ndarray:
        """Mean of rho_t, (d,)."""
        return (1.0 - t) * self.m1 + t * self.mean_R

    def covariance(self, t: float) -> np.ndarray:
        """Covariance of rho_t, (d, d)."""
        B = self._map(t)
        return B @ self.S1 @ B

    def log_density(self, t: float, coordinates: Coordinates) -> np.ndarray:
        """log rho_t at the coordinates."""
        S = self.covariance(t)
        offset = _offset(self.mean(t), coordinates)
        log_norm = 0.5 * np.linalg.slogdet(2.0 * math.pi * S)[1]
        return -0.5 * _form(np.linalg.inv(S), offset) - log_norm

    def potential(self, t: float, coordinates: Coordinates) -> np.ndarray:
        """U_t at the coordinates, in the gauge U_1 = epsilon log(R/Q), in which D = E_P[U_0]."""
        offset = _offset(self.mean(t), coordinates)
        velocity = self.mean_R - self.m1
        linear = sum(v * x for v, x in zip(velocity, offset, strict=True))
        return self._at_mean(t) - 2.0 * linear - _form(self._velocity_gradient(t), offset)

    def gradient(self, t: float, coordinates: Coordinates) -> list[np.ndarray]:
        """∇U_t = -2 v_t at the coordinates, one array per axis."""
        offset, B = _offset(self.mean(t), coordinates), self._velocity_gradient(t)
        velocity = self.mean_R - self.m1
        return [
            -2.0 * (v + sum(b * x for b, x in zip(row, offset, strict=True)))
            for v, row in zip(velocity, B, strict=True)
        ]

    def _map(self, t: float) -> np.ndarray:
        return (1.0 - t) * np.eye(self.m1.size) + t * self.map

    def _velocity_gradient(self, t: float) -> np.ndarray:
        """(A - I) ((1-t) I + t A)^{-1}: v_t(z) - v_t(mean) per z - mean; symmetric."""
        return np.linalg.solve(self._map(t), self.map - np.eye(self.m1.size))

    def _at_mean(self, t: float) -> float:
        """U_t(mean(t)): epsilon log(R/Q) at the mean of R, plus the rest of its way there."""
        shift = self.mean_R - self.m2
        log_ratio = 0.5 * (
            shift @ np.linalg.solve(self.S2, shift)
            + np.linalg.slogdet(self.S2)[1]
            - np.linalg.slogdet(self.covariance_R)[1]
        )
        way = self.mean_R - self.m1
        return float(self.epsilon * log_ratio + (1.0 - t) * (way @ way))


def solve(
    m1: ArrayLike, S1: ArrayLike, m2: ArrayLike, S2: ArrayLike, epsilon: float
) -> GaussianSolution:
    """D_epsilon(P‖Q) for P = N(m1, S1), Q = N(m2, S2), p = 2, KL.

    m1, m2: means, numbers or (d,). S1, S2: covariances (never standard deviations): a number for a
    multiple of the identity, (d,) for a diagonal, (d, d) otherwise.
    Raises ValueError for shapes that do not match, values that are not finite, a covariance that is
    not symmetric and positive definite, epsilon <= 0.
    """
    if not (math.isfinite(epsilon) and epsilon > 0.0):
        raise ValueError(f"epsilon must be a finite number above 0; got {epsilon}")
    (m1, S1), (m2, S2) = _moments("1", m1, S1), _moments("2", m2, S2)
    d = m1.size
    if m2.size != d:
        raise ValueError(f"m1 and m2 must have the same length; got {d} and {m2.size}")
    half_precision = 0.5 * epsilon * np.linalg.inv(S2)
    C = np.eye(d) + half_precision
    scale, axes = np.linalg.eigh(C)
    root = (axes / np.sqrt(scale)) @ axes.T
    N, axes = np.linalg.eigh(root @ S1 @ root)
    S = np.sqrt(N * (N + 2.0 * epsilon))
    frame = root @ axes
    return GaussianSolution(
        m1,
        S1,
        m2,
        S2,
        float(epsilon),
        mean_R=np.linalg.solve(C, m1 + half_precision @ m2),
        covariance_R=_symmetric((frame * (0.5 * (N + epsilon + S))) @ frame.T),
        map=_symmetric((frame * ((N + epsilon + S) / (N + S))) @ frame.T),
    )


def divergence(m1: ArrayLike, S1: ArrayLike, m2: ArrayLike, S2: ArrayLike, epsilon: float) -> float:
    """D_epsilon(N(m1, S1)‖N(m2, S2)); arguments and errors as `solve`."""
    return solve(m1, S1, m2, S2, epsilon).divergence


def minimiser(
    m1: ArrayLike, S1: ArrayLike, m2: ArrayLike, S2: ArrayLike, epsilon: float
) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) and covariance (d, d) of R; arguments and errors as `solve`."""
    solution = solve(m1, S1, m2, S2, epsilon)
    return solution.mean_R, solution.covariance_R


def _moments(which: str, mean: ArrayLike, covariance: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    m, S = np.atleast_1d(np.array(mean, float)), np.array(covariance, float)
    d = m.size
    if m.ndim != 1:
        raise ValueError(f"m{which} must be a number or a list of numbers; its shape is {m.shape}")
    if S.ndim == 0 or S.shape == (d,):
        S = np.diag(np.broadcast_to(S, d))
    if S.shape != (d, d):
        raise ValueError(f"S{which} must have the shape {(d, d)} or {(d,)}; got {S.shape}")
    if not (np.all(np.isfinite(m)) and np.all(np.isfinite(S))):
        raise ValueError(f"m{which} and S{which} must be finite")
    if not np.allclose(S, S.T, rtol=1e-10, atol=0.0) or np.linalg.eigvalsh(S)[0] <= 0.0:
        raise ValueError(f"S{which} must be symmetric and positive definite (a covariance)")
    return m, _symmetric(S)


def _symmetric(S: np.ndarray) -> np.ndarray:
    return 0.5 * (S + S.T)


def _offset(mean: np.ndarray, coordinates: Coordinates) -> list[np.ndarray]:
    if len(coordinates) != mean.size:
        raise ValueError(f"{len(coordinates)} coordinates for {mean.size} dimensions")
    return [np.asarray(x) - m for x, m in zip(coordinates, mean, strict=True)]


def _form(matrix: np.ndarray, offset: Sequence[np.ndarray]) -> np.ndarray:
    total: np.ndarray = np.zeros(())
    for row, x in zip(matrix, offset, strict=True):
        total = total + x * sum(m * y for m, y in zip(row, offset, strict=True))
    return total
