"""D of empirical P = Σ a_i δ_{x_i} and Q = Σ b_j δ_{y_j}, with KL and any cost matrix C.

    primal: min over plans π >= 0 with π 1 = a of  <C, π> + epsilon KL(πᵀ1‖b)            (5.1)-(5.2)
    dual:   max over psi of  Σ a_i min_j (C_ij - psi_j) - epsilon log Σ b_j e^{-psi_j/epsilon} (5.3)
The dual is concave and not smooth. Its minima are replaced by soft ones of temperature eta, which
is lowered step by step; Newton's method solves each problem. The soft minima are a plan whose
first marginal is a exactly and whose second one is free, so that every psi comes with a feasible
plan, and the gap between the two true values is the certificate.
Source: Baptista et al., Proximal optimal transport divergences, section 5.1; in (5.1)-(5.2) the
roles of the marginals and in (5.4) the weights b_j are misprinted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array
from scipy.special import logsumexp, rel_entr

COOLING = 0.3
"""Of the temperature from one problem to the next."""
SEEN = 1e-13
"""Share of a row below which the entries of a plan are dropped, and the row brought to its sum."""
NEWTON_STEPS = 25
MOST_COOLINGS = 60


@dataclass(frozen=True, eq=False)
class PointsSolution:
    """plan: sparse (N, M), rows sum to a. weights: (M,), those of R on the points of Q. psi: (M,).

    lower (dual) <= D <= upper (primal), both exact values of feasible pairs; `gap` their distance.
    """

    plan: csr_array
    weights: np.ndarray
    psi: np.ndarray
    lower: float
    upper: float
    transport_cost: float
    information_divergence: float
    converged: bool
    steps: int

    @property
    def divergence(self) -> float:
        """The primal value."""
        return self.upper

    @property
    def gap(self) -> float:
        return self.upper - self.lower


def pairwise_cost(
    x: np.ndarray, y: np.ndarray, p: float = 2.0, cost: str = "euclidean"
) -> np.ndarray:
    """|x_i - y_j|^p, or Σ_k |x_ik - y_jk|^p for "separable"; x (N, d), y (M, d) -> (N, M)."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"points must be (N, d) and (M, d); got {x.shape} and {y.shape}")
    if not (math.isfinite(p) and p > 0.0) or cost not in ("euclidean", "separable"):
        raise ValueError(f"p must be above 0, cost euclidean or separable; got {p} and {cost!r}")
    total = np.zeros((len(x), len(y)))
    for axis in range(x.shape[1]):
        away = np.abs(x[:, axis, None] - y[:, axis])
        total += away**p if cost == "separable" else away * away
    return total if cost == "separable" else total ** (0.5 * p)


def divergence_of_points(
    cost: np.ndarray,
    epsilon: float,
    a: np.ndarray | None = None,
    b: np.ndarray | None = None,
    *,
    rtol: float = 1e-6,
    atol: float = 1e-12,
) -> PointsSolution:
    """D for a cost matrix (N, M), weights a (N,) and b (M,), uniform by default, positive.

    Stops when gap <= atol + rtol |lower|. Raises ValueError for what is not finite or positive.
    """
    C = np.ascontiguousarray(cost, float)
    if C.ndim != 2 or 0 in C.shape or not np.isfinite(C).all():
        raise ValueError("cost must be a matrix of finite numbers with at least one entry")
    if not (math.isfinite(epsilon) and epsilon > 0.0):
        raise ValueError(f"epsilon must be a finite number above 0; got {epsilon}")
    a, b = _weights("a", a, C.shape[0]), _weights("b", b, C.shape[1])
    log_b, psi = np.log(b), np.zeros(C.shape[1])
    eta = max(0.1 * float(np.mean(C - C.min(axis=1, keepdims=True))), 1e-300)
    best, steps = None, 0
    for _ in range(MOST_COOLINGS):
        psi, pi, used = _newton(C, a, log_b, epsilon, eta, psi, 0.1 * rtol)
        steps += used
        found = _certified(C, a, log_b, epsilon, psi, pi, steps)
        if best is not None:
            found = _better(found, best)
        best = found
        if best.gap <= atol + rtol * abs(best.lower):
            return _replaced(best, True)
        eta *= COOLING
    assert best is not None
    return best


def _weights(name: str, given: np.ndarray | None, count: int) -> np.ndarray:
    weights = np.full(count, 1.0) if given is None else np.asarray(given, float)
    if weights.shape != (count,) or not (np.isfinite(weights) & (weights > 0.0)).all():
        raise ValueError(f"{name} must be {count} finite numbers above 0")
    return weights / weights.sum()


def _soft(C: np.ndarray, psi: np.ndarray, eta: float) -> tuple[np.ndarray, np.ndarray]:
    """Soft minima over j of C - psi, (N,), and the shares (N, M) that attain them."""
    z = C - psi
    low = z.min(axis=1)
    z -= low[:, None]
    z *= -1.0 / eta
    np.maximum(z, -700.0, out=z)
    np.exp(z, out=z)
    total = z.sum(axis=1)
    z /= total[:, None]
    return low - eta * np.log(total), z


def _newton(
    C: np.ndarray,
    a: np.ndarray,
    log_b: np.ndarray,
    epsilon: float,
    eta: float,
    psi: np.ndarray,
    left: float,
) -> tuple[np.ndarray, np.ndarray, int]:
    """psi that maximises the soft dual, its shares, and the Newton steps taken."""
    psi, value, pi = _evaluated(C, a, log_b, epsilon, eta, psi)
    for step in range(NEWTON_STEPS):
        R = np.exp(log_b - psi / epsilon)
        r = a @ pi
        shares = _sparse(pi)
        weighted = shares.multiply(a[:, None]).tocsr()
        hessian = (shares.T @ weighted).toarray() * (-1.0 / eta)
        # Where a column has next to no mass, psi does not matter: a little keeps it where it is.
        hessian.flat[:: len(r) + 1] += r / eta + R / epsilon + 1e-12 * r.max() / eta
        direction = cho_solve(cho_factor(hessian, overwrite_a=True), R - r)
        rise = float((R - r) @ direction)
        # A plan from shares that miss R costs epsilon KL(r‖R) more than psi proves.
        if epsilon * float(rel_entr(r, R).sum()) <= max(0.05 * eta, left * abs(value)):
            return psi, pi, step
        length = 1.0
        while True:
            new, reached, shared = _evaluated(C, a, log_b, epsilon, eta, psi + length * direction)
            if reached >= value + 1e-4 * length * rise - 1e-15 * abs(value) or length < 1e-8:
                break
            length *= 0.5
        if reached < value - 1e-15 * abs(value) or length < 1e-8:
            return psi, pi, step + 1
        psi, value, pi = new, reached, shared
    return psi, pi, NEWTON_STEPS


def _evaluated(
    C: np.ndarray, a: np.ndarray, log_b: np.ndarray, epsilon: float, eta: float, psi: np.ndarray
) -> tuple[np.ndarray, float, np.ndarray]:
    """psi with the constant for which Σ b e^{-psi/epsilon} = 1, its soft dual value, its shares."""
    psi = psi + epsilon * float(logsumexp(log_b - psi / epsilon))
    soft, pi = _soft(C, psi, eta)
    return psi, float(a @ soft), pi


def _sparse(pi: np.ndarray) -> csr_array:
    """The shares without those that are negligible, rows of sum one."""
    kept = csr_array(np.where(pi > SEEN, pi, 0.0))
    total = np.asarray(kept.sum(axis=1)).ravel()
    return csr_array(kept.multiply((1.0 / total)[:, None]))


def _certified(
    C: np.ndarray,
    a: np.ndarray,
    log_b: np.ndarray,
    epsilon: float,
    psi: np.ndarray,
    pi: np.ndarray,
    steps: int,
) -> PointsSolution:
    """Both true values, of psi and of the plan that the shares are."""
    plan = csr_array(_sparse(pi).multiply(a[:, None]))
    weights = np.asarray(plan.sum(axis=0)).ravel()
    entries = plan.tocoo()
    row, column = entries.coords
    transport = float(entries.data @ C[row, column])
    information = float(rel_entr(weights, np.exp(log_b)).sum())
    lower = float(a @ (C - psi).min(axis=1)) - epsilon * float(logsumexp(log_b - psi / epsilon))
    upper = transport + epsilon * information
    return PointsSolution(plan, weights, psi, lower, upper, transport, information, False, steps)


def _better(new: PointsSolution, old: PointsSolution) -> PointsSolution:
    """The new plan and psi, each only where it proves more than the old one."""
    upper = new if new.upper <= old.upper else old
    lower = new if new.lower >= old.lower else old
    return PointsSolution(
        upper.plan, upper.weights, lower.psi, lower.lower, upper.upper, upper.transport_cost,
        upper.information_divergence, False, new.steps,
    )  # fmt: skip


def _replaced(found: PointsSolution, converged: bool) -> PointsSolution:
    return PointsSolution(**{**found.__dict__, "converged": converged})
