"""JKO: the gradient flow of D_f(·‖Q) by repeated proximal steps.

    rho_{n+1} = argmin_R { W_2²(rho_n, R) / (2 tau) + D_f(R‖Q) },
which is the minimiser R of D_{2 tau}(rho_n‖Q): epsilon = 2 tau.
Source: Baptista et al., Proximal optimal transport divergences, Remark 2.7, without the prefactors
that are printed there in front of the prox.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mfgprox.flows.density import following, minimiser
from mfgprox.flows.flow import Flow, FlowError, require_pointwise, require_steps, solved
from mfgprox.flows.reached import Keep, Reached, begun
from mfgprox.problem import Problem


def jko(
    problem: Problem,
    tau: float,
    steps: int,
    *,
    solver: Any = "auto",
    callback: Callable[[int, int, float], None] | None = None,
    reached: Reached | None = None,
    keep: Keep | None = None,
    **options: Any,
) -> Flow:
    """Steps of length tau from problem.P; the problem's epsilon does not count.

    solver, options: as for `mfgprox.solve`; any divergence that the solver takes.
    callback(done, steps, energy) is called after every step, and keep(state) with what `reached`
    takes to go on from there. Each step satisfies
    W_2²(rho_n, rho_{n+1}) / (2 tau) + D_f(rho_{n+1}‖Q) <= D_f(rho_n‖Q) up to its tolerance.
    Raises FlowError for p other than 2 or lengths that make no sense, and what `solve` raises.
    """
    require_steps(tau, "tau", steps)
    require_pointwise(problem)
    if problem.p != 2.0:
        raise FlowError(f"JKO is the flow in W_2: p must be 2; got {problem.p:g}")
    first = problem.with_epsilon(2.0 * tau)
    grid, at = first.grid, begun("jko", steps, reached)
    if not at.rho:
        at.rho.append(first.P)
        at.U.append(_variation(first, first.P))
        at.energy.append(first.divergence.between(first.P, first.log_Q, grid.cell_volume))
    while at.done < steps:
        last = at.density(grid)
        solution = solved(first if last is None else following(first, last), solver, options)
        at.take(minimiser(solution), grid)
        at.U.append(solution.U[-1] / first.epsilon)
        at.energy.append(float(solution.information_divergence))
        at.note(solution)
        if keep is not None:
            keep(at)
        if callback is not None:
            callback(at.done, steps, at.energy[-1])
    return at.flow(first, tau)


def _variation(problem: Problem, P: np.ndarray) -> np.ndarray:
    """f'(P/Q); -inf or 0 where Q = 0 or P = 0 say nothing."""
    if problem.smooth and problem.divergence.name == "kl":
        return problem.log_P - problem.log_Q
    found = problem.divergence.potential(P, problem.log_Q, 1.0)
    return np.where(np.isnan(found), 0.0, found)
