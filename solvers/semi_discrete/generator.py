"""Fitting a generator by penalised optimal transport: a semi-discrete problem with points G(z_j).

    min over theta and R of  W_2²(P, Σ R_j δ_{G(z_j)}) + eps D_f(R‖Σ b_j δ_{z_j})

R plays the aggregated posterior of the latent points, the second term its penalty. For fixed theta
this is the divergence of P and Q = Σ b_j δ_{G(z_j)}, whose gradient in the points is carried to
theta by the chain rule.
Source: Bousquet et al., From optimal transport to generative modeling: the VEGAN cookbook (2017),
penalised optimal transport; Baptista et al., Proximal optimal transport divergences, (2.4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from mfgprox.grid import Grid
from mfgprox.solvers.semi_discrete.cloud import CloudSolution, solve_cloud

MOST_ITERATIONS = 200


@dataclass(frozen=True, eq=False)
class Generator:
    """G(z_j) = Σ_k theta_k features_jk. theta (K, 2), features (N, K)."""

    theta: np.ndarray
    features: np.ndarray

    @property
    def points(self) -> np.ndarray:
        return self.features @ self.theta


@dataclass(frozen=True, eq=False)
class Fit:
    """The generator, the solved problem at its points, the values on the way, |gradient| at the
    end, whether the minimiser says that it is done, and what it says."""

    generator: Generator
    cloud: CloudSolution
    values: np.ndarray
    gradient_norm: float
    converged: bool
    status: str


def monomials(z: np.ndarray, degree: int) -> np.ndarray:
    """All products of powers of the columns of z (N, d) up to the degree: 1, z_1, …; (N, K)."""
    z = np.asarray(z, float)
    if z.ndim != 2 or degree < 0:
        raise ValueError(f"z must be (N, d), degree at least 0; got {z.shape} and {degree}")
    last = [(np.ones(len(z)), 0)]
    every = [np.ones(len(z))]
    for _ in range(degree):
        # A product goes on with the axis of its last factor, so that none comes twice.
        last = [(f * z[:, k], k) for f, axis in last for k in range(axis, z.shape[1])]
        every += [f for f, _ in last]
    return np.stack(every, axis=1)


def fit_generator(
    grid: Grid,
    P: np.ndarray,
    features: np.ndarray,
    theta: np.ndarray,
    epsilon: float,
    *,
    weights: np.ndarray | None = None,
    tolerance: float = 1e-6,
    most_iterations: int = MOST_ITERATIONS,
) -> Fit:
    """Minimise the divergence over theta (K, 2), from the one given, by L-BFGS; KL.

    grid of two axes, P (ny, nx), features (N, K), weights (N,) of the latent points, uniform by
    default. tolerance: of the largest entry of the gradient. The value is not convex in theta: what
    is found is a stationary point near the start. Raises ValueError as `solve_cloud` does.
    """
    features, theta = np.asarray(features, float), np.asarray(theta, float)
    if features.ndim != 2 or theta.shape != (features.shape[1], 2):
        raise ValueError(
            "features must be (N, K) and theta (K, 2); "
            f"got the shapes {features.shape} and {theta.shape}"
        )
    b = np.ones(len(features)) if weights is None else np.asarray(weights, float)
    last: list[CloudSolution] = []
    values: list[float] = []

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        points = features @ flat.reshape(theta.shape)
        start = last[0].psi if last else None
        found = solve_cloud(grid, P, points, b, epsilon, start=start, tolerance=1e-10)
        last[:] = [found]
        return found.value, (features.T @ found.point_gradient).ravel()

    def note(intermediate_result) -> None:
        values.append(float(intermediate_result.fun))

    values.append(value(theta.ravel())[0])
    end = minimize(
        value, theta.ravel(), jac=True, method="L-BFGS-B", callback=note,
        options={"maxiter": most_iterations, "gtol": tolerance, "ftol": 0.0},
    )  # fmt: skip
    found, slope = Generator(end.x.reshape(theta.shape), features), value(end.x)[1]
    norm = float(np.linalg.norm(slope))
    done = bool(np.abs(slope).max() <= tolerance)
    return Fit(found, last[0], np.array(values), norm, done, str(end.message))
