"""D of empirical P = Σ a_i δ_{x_i} and Q = Σ b_j δ_{y_j}, with any cost matrix C and any f.

    primal: min over plans π >= 0 with π 1 = a of  <C, π> + epsilon D_f(πᵀ1‖b)          (5.1)-(5.2)
    dual:   max over psi of  Σ a_i min_j (C_ij - psi_j)
                - epsilon inf_nu { nu + Σ b_j f*(-psi_j/epsilon - nu) }                      (5.3)
Source: Baptista et al., Proximal optimal transport divergences, section 5.1; in (5.1)-(5.2) the
roles of the marginals and in (5.4) the weights b_j are misprinted.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.sparse import csr_array

from mfgprox.divergence import Divergence, by_name
from mfgprox.points.merge import equal_rows
from mfgprox.points.rounds import nested
from mfgprox.points.solution import PointsSolution
from mfgprox.tolerance import Tolerance


def divergence_of_points(
    cost: np.ndarray,
    epsilon: float,
    a: np.ndarray | None = None,
    b: np.ndarray | None = None,
    *,
    f_divergence: str | Divergence = "kl",
    rtol: float = 1e-6,
    atol: float = 1e-12,
) -> PointsSolution:
    """D for a cost matrix (N, M), weights a (N,) and b (M,), uniform by default, positive.

    Stops when gap <= atol + rtol |lower|. R stays on the points of Q, also for f with a finite
    f'(∞). Raises ValueError for what is not finite or positive, FloatingPointError where a step
    ceases to be finite.
    """
    C = np.ascontiguousarray(cost, float)
    if C.ndim != 2 or 0 in C.shape:
        raise ValueError(f"cost must be a matrix with at least one entry; got the shape {C.shape}")
    if not np.isfinite(C).all():
        i, j = np.argwhere(~np.isfinite(C))[0]
        raise ValueError(f"cost must be finite; got cost[{i}, {j}] = {C[i, j]}")
    if not (math.isfinite(epsilon) and epsilon > 0.0):
        raise ValueError(f"epsilon must be a finite number above 0; got {epsilon}")
    f = by_name(f_divergence) if isinstance(f_divergence, str) else f_divergence
    a, b = _weights("a", a, C.shape[0]), _weights("b", b, C.shape[1])
    goal = Tolerance(rtol, atol)
    rows = equal_rows(C)
    C = C[rows.one]
    columns = equal_rows(C.T)
    C = np.ascontiguousarray(C[:, columns.one])
    mass = rows.totals(a)
    found = nested(C, mass, columns.totals(b), float(epsilon), f, goal)
    best = found.proof
    converged = goal.met(best.gap, best.lower)
    # E_P[psi^c] falls by what is added to psi.
    psi = best.psi + (float((mass * (C - best.psi).min(axis=1)).sum()) - best.lower)
    shares = columns.shares(b)
    return PointsSolution(
        csr_array(rows.shares(a) @ best.plan @ shares.T), shares @ best.r, psi[columns.group],
        best.lower, best.upper, best.transport, best.information, converged, found.steps,
        _status(converged, best.gap, best.lower),
    )  # fmt: skip


def _status(converged: bool, gap: float, lower: float) -> str:
    if converged:
        return f"converged: the gap is {gap:.1e}"
    return f"not converged: the gap stays at {gap:.1e}, the dual value is {lower:.6g}"


def _weights(name: str, given: np.ndarray | None, count: int) -> np.ndarray:
    weights = np.full(count, 1.0) if given is None else np.asarray(given, float)
    if weights.shape != (count,):
        raise ValueError(f"{name} must be {count} finite numbers above 0; got {weights.shape}")
    bad = ~(np.isfinite(weights) & (weights > 0.0))
    if bad.any():
        k = int(np.argmax(bad))
        raise ValueError(
            f"{name} must be {count} finite numbers above 0; got {name}[{k}] = {weights[k]}"
        )
    return weights / weights.sum()
