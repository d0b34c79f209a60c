"""The gradient flow of D_epsilon(·‖Q) in W_2:  ∂_t rho = div(rho ∇ δD/δP),  δD/δP = U_0.

For p = 2, ∇U_0 = 2 (x - T(x)) with T the optimal map from rho to its R: every point goes to its
image at the rate 2. No flux is needed: steps are maps with a potential (see `advance`), positive,
and keep mass. A step of first order goes along the shortest path from rho to R and lowers the
energy whatever its length is, since
    D(rho_s‖Q) <= W_2²(rho_s, R) + epsilon D_f(R‖Q) = (1-s)² W_2²(rho, R) + epsilon D_f(R‖Q);
where one of second order does not, it is taken back and one of first order done instead.
Source: Baptista et al., Proximal optimal transport divergences, (6.1) and Theorem 4.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mfgprox.flows.advance import Step, moved
from mfgprox.flows.density import following
from mfgprox.flows.flow import Flow, FlowError, require_steps, solved
from mfgprox.flows.reached import Keep, Reached, begun
from mfgprox.problem import Problem
from mfgprox.solution import Solution

ROUNDING = 1e-12
"""Of the energy: by less it does not rise."""


def gradient_flow(
    problem: Problem,
    time: float,
    steps: int,
    *,
    solver: Any = "auto",
    callback: Callable[[int, int, float], None] | None = None,
    reached: Reached | None = None,
    keep: Keep | None = None,
    **options: Any,
) -> Flow:
    """The flow from problem.P up to `time` in equal steps.

    Of second order in their length while P and Q are smooth, positive, and the map is continuous;
    of first order where they are not, and for Lipschitz-regularised divergences. With
    problem.transport_axes each slice flows by itself.
    solver, options: as for `mfgprox.solve`; callback(done, steps, energy) after every step.
    keep(state): called after every step with what `reached` takes to go on from there.
    Raises FlowError for p other than 2, and what `solve` raises.
    """
    require_steps(time, "time", steps)
    if problem.p != 2.0:
        raise FlowError(f"the gradient flow needs p = 2; got {problem.p:g}")
    at, step = begun("gradient", steps, reached), Step.of(time / steps)
    if not at.rho:
        at.rho.append(problem.P)
        _note(at, solved(problem, solver, options), keep)
    while at.done < steps:
        _advance(problem, at, step, lambda here: solved(here, solver, options), keep)
        if callback is not None:
            callback(at.done, steps, at.energy[-1])
    return at.flow(problem, time / steps)


def _advance(
    problem: Problem,
    at: Reached,
    step: Step,
    solve: Callable[[Problem], Solution],
    keep: Keep | None,
) -> None:
    last = at.density(problem.grid)
    here = problem if last is None else following(problem, last)
    assert at.terminal is not None and at.R is not None
    for way in (step, step.plain):
        new = moved(here, at.terminal, at.R, way, at.behind)
        density = new.density(problem.grid)
        found = solve(following(problem, density))
        slack = ROUNDING * abs(at.energy[-1]) + abs(found.gap) + abs(at.gap[-1])
        if at.behind is None or found.divergence <= at.energy[-1] + slack:
            break
    at.take(density, problem.grid)
    at.behind = new.behind if np.isfinite(new.behind).any() else None
    _note(at, found, keep)


def _note(at: Reached, found: Solution, keep: Keep | None) -> None:
    at.U.append(found.U[0])
    at.energy.append(float(found.divergence))
    at.terminal, at.R = found.U[-1], found.R
    at.note(found)
    if keep is not None:
        keep(at)
