"""The gradient flow of D_epsilon(·‖Q) in W_2:  ∂_t rho = div(rho ∇ δD/δP),  δD/δP = U_0.

For p = 2, ∇U_0 = 2 (x - T(x)) with T the optimal map from rho to its R: every point goes to its
image at the rate 2. With T held for a time h, x becomes (1 - s) x + s T(x), s = 1 - e^{-2h}: the
point s of the shortest path from rho to R, which the solve knows. So a step needs no flux: it is
positive, keeps mass, and lowers the energy whatever h is, since
    D(rho_s‖Q) <= W_2²(rho_s, R) + epsilon D_f(R‖Q) = (1-s)² W_2²(rho, R) + epsilon D_f(R‖Q).
Source: Baptista et al., Proximal optimal transport divergences, (6.1) and Theorem 4.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from mfgprox.dynamic.hopf_lax import TerminalPotential
from mfgprox.dynamic.smooth import NotSmooth, SmoothPath
from mfgprox.flows.density import LogDensity, following, values, with_tails
from mfgprox.flows.flow import Flow, FlowError, require_pointwise, require_steps, solved
from mfgprox.problem import Problem
from mfgprox.solution import Solution


def gradient_flow(
    problem: Problem,
    time: float,
    steps: int,
    *,
    solver: Any = "auto",
    callback: Callable[[int, int, float], None] | None = None,
    **options: Any,
) -> Flow:
    """The flow from problem.P up to `time` in equal steps, first order in their length.

    solver, options: as for `mfgprox.solve`; callback(done, steps, energy) after every step.
    Raises FlowError for p other than 2, for P and Q that are not smooth and positive, and where a
    map is torn on the way; and what `solve` raises.
    """
    require_steps(time, "time", steps)
    if problem.p != 2.0:
        raise FlowError(f"the gradient flow needs p = 2; got {problem.p:g}")
    require_pointwise(problem)
    if problem.split is not None:
        raise FlowError("the gradient flow needs transport along all axes")
    if not problem.smooth:
        raise FlowError("the gradient flow needs P and Q of smooth kinds, positive on the box")
    grid, share = problem.grid, -math.expm1(-2.0 * time / steps)
    here, rho = problem, [problem.P]
    found = [solved(here, solver, options)]
    for step in range(steps):
        density = _moved(found[-1], share)
        rho.append(values(density, grid))
        here = following(problem, density)
        found.append(solved(here, solver, options))
        if callback is not None:
            callback(step + 1, steps, found[-1].divergence)
    return Flow(
        "gradient",
        problem,
        found[-1].solver,
        time / steps * np.arange(steps + 1),
        np.stack(rho),
        np.stack([s.U[0] for s in found]),
        np.array([s.divergence for s in found]),
        np.array([s.gap for s in found]),
        tuple(s.status for s in found),
    )


def _moved(solution: Solution, share: float) -> LogDensity:
    """The density at the time `share` of the path from P to R."""
    problem = solution.problem
    potential = TerminalPotential(problem, solution.U[-1])
    try:
        path = SmoothPath(problem, potential, solution.R)
        masses, _ = path.level(share, potential.level(share)[1])
    except NotSmooth:
        raise FlowError("a map on the way is torn: the gradient flow needs smooth maps") from None
    log_values = np.array(problem.log_P)
    seen = masses.reshape(log_values.shape) > 0.0
    log_values[seen] = np.log(masses.reshape(log_values.shape)[seen] / problem.grid.cell_volume)
    return LogDensity(with_tails(log_values, problem.grid), problem.grid)
