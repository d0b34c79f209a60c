"""Where the optimal transport cost has no gradient, and what two regularisations make of it.

Three values of the same two clouds: the plain cost W, the entropic cost (W with eta KL(π‖a ⊗ b)
added) and the divergence D. Two families of clouds in the plane, both with a kink of W at 0:

    mass: (½+θ) δ_{y1} + (½-θ) δ_{y2} against ½ δ_{y1} + ½ δ_{y2}, as of a generator that sends
          latent points z < ½+θ to y1 and the others to y2. W = |θ| |y1-y2|².
    swap: ½ δ_x + ½ δ_{-x}, x = (θ, h), against ½ δ_{(1,0)} + ½ δ_{(-1,0)}. W = |x|² + 1 - 2|θ|.
Source: Houdard, Leclaire, Papadakis, Rabin, On the existence of optimal transport gradient for
learning generative models (2021); the two families are our own.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import linprog
from scipy.special import logsumexp

SWEEPS = 100_000

Clouds = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""x (N, 2), y (M, 2), a (N,), b (M,)."""


def mass_family(theta: float) -> Clouds:
    """Masses ½ ± theta at (±1, 0); |theta| < ½."""
    if not abs(theta) < 0.5:
        raise ValueError(f"theta must be between -0.5 and 0.5; got {theta}")
    y = np.array([[1.0, 0.0], [-1.0, 0.0]])
    return y, y, np.array([0.5 + theta, 0.5 - theta]), np.full(2, 0.5)


def swap_family(theta: float, height: float = 0.5) -> Clouds:
    """Points ±(theta, height), each of mass ½."""
    x, half = np.array([theta, height]), np.full(2, 0.5)
    return np.stack([x, -x]), np.array([[1.0, 0.0], [-1.0, 0.0]]), half, half


def transport_cost(C: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """min ⟨C, π⟩ over plans between a (N,) and b (M,), for small clouds.

    Raises ValueError where the linear program has no solution: a and b of different mass.
    """
    n, m = C.shape
    rows = np.vstack([np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))])
    found = linprog(C.ravel(), A_eq=rows, b_eq=np.concatenate([a, b]))
    if not found.success:
        raise ValueError(f"there is no plan between a and b: {found.message}")
    return float(found.fun)


def entropic_cost(
    C: np.ndarray, a: np.ndarray, b: np.ndarray, eta: float, accuracy: float = 1e-13
) -> float:
    """min ⟨C, π⟩ + eta KL(π‖a ⊗ b) over plans between a and b, all positive; Sinkhorn's algorithm.

    Raises ValueError for eta that is not above 0, RuntimeError if the marginals do not settle.
    """
    if not (math.isfinite(eta) and eta > 0.0):
        raise ValueError(f"eta must be a finite number above 0; got {eta}")
    log_a, log_b, psi = np.log(a), np.log(b), np.zeros(C.shape[1])
    for _ in range(SWEEPS):
        phi = -eta * logsumexp((psi - C) / eta + log_b, axis=1)
        new = -eta * logsumexp((phi[:, None] - C) / eta + log_a[:, None], axis=0)
        change, psi = float(np.abs(new - psi).max()), new
        if change <= accuracy * (1.0 + float(np.abs(psi).max())):
            return float(a @ phi + b @ psi)
    raise RuntimeError(f"Sinkhorn's algorithm has not settled in {SWEEPS} sweeps")
