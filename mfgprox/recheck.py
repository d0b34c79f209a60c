"""The certificate of a result file recomputed from its arrays, beside what the file says."""

from __future__ import annotations

import math
import textwrap
from itertools import product
from pathlib import Path

import numpy as np

from mfgprox.audit import Recomputed, recompute_certificate
from mfgprox.divergence import Lipschitz
from mfgprox.solution import Solution
from mfgprox.storage import load

STORED = {
    "lower_bound": "lower_bound",
    "proven_minimum": "lower_bound",
    "upper_bound": "upper_bound",
}
"""What a file may say about the same quantity."""
STEEPER = 1e-6
"""By which share a slope may exceed the one admitted."""


def recheck(path: str | Path) -> tuple[str, list[str]]:
    """A text for a terminal, and what speaks against the bounds that the file reports.

    Raises StorageError for a file that is no result.
    """
    solution = load(path)
    found = recomputed(solution)
    lines = [f"{'recomputed':<20} {'value':>18}   in the file"]
    for name, value, meaning in found.rows():
        stored = getattr(solution, STORED[name]) if name in STORED else math.nan
        beside = "" if math.isnan(stored) else f"{stored:.10g}"
        given = "not recomputed" if math.isnan(value) else f"{value:.10g}"
        lines.append(f"{name:<20} {given:>18}   {beside}".rstrip())
        lines += textwrap.wrap(meaning, 96, initial_indent="    ", subsequent_indent="    ")
    if not solution.momentum:
        lines += ["The file holds no momentum (output.momentum = true), so only psi was judged."]
    smooth = all(sampled.smooth for sampled in solution.problem.samples)
    against = steep(solution)
    low, value, high = solution.lower_bound, solution.divergence, solution.upper_bound
    against += found.contradictions(low, high, smooth)
    if value < low or value > high:
        against.append(f"the value {value:.10g} lies outside of its bounds {low:.10g}, {high:.10g}")
    return "\n".join(lines), against


def recomputed(solution: Solution) -> Recomputed:
    """The certificate of a solution from its arrays alone."""
    problem = solution.problem
    f = problem.divergence
    regularised = isinstance(f, Lipschitz)
    return recompute_certificate(
        problem.grid,
        problem.P,
        problem.Q,
        -solution.U[-1],
        _levels(solution) if solution.momentum else None,
        solution.momentum,
        epsilon=problem.epsilon,
        p=problem.p,
        cost=problem.cost.norm,
        f_divergence=f.base.name if isinstance(f, Lipschitz) else f.name,
        everywhere=regularised,
        moving=None if problem.split is None else problem.split.moving,
    )


def steep(solution: Solution) -> list[str]:
    """A sentence if U_1 is steeper than a Lipschitz-regularised divergence admits (Example 3.2):
    the dual value is a bound only if it is not. Looked at: neighbours, diagonal ones included."""
    f, grid, U = solution.problem.divergence, solution.problem.grid, solution.U[-1]
    if not isinstance(f, Lipschitz):
        return []
    allowed, worst = solution.problem.epsilon * f.constant, 0.0
    for step in product((-1, 0, 1), repeat=U.ndim):
        length = math.hypot(*(k * h for k, h in zip(step[::-1], grid.spacing, strict=True)))
        if length == 0.0:
            continue
        first = tuple(slice(max(-k, 0), n - max(k, 0)) for k, n in zip(step, U.shape, strict=True))
        then = tuple(slice(max(k, 0), n - max(-k, 0)) for k, n in zip(step, U.shape, strict=True))
        worst = max(worst, float(np.abs(U[then] - U[first]).max(initial=0.0)) / length)
    if worst <= allowed * (1.0 + STEEPER):
        return []
    return [f"the potential has a slope of {worst:.10g}, above epsilon lipschitz = {allowed:.10g}"]


def _levels(solution: Solution) -> np.ndarray:
    """rho on all time levels, from rho_0 and the momentum where a file holds fewer."""
    grid, steps = solution.problem.grid, len(solution.momentum[0])
    if len(solution.rho) == steps + 1:
        return solution.rho
    change = np.zeros((steps, *grid.shape))
    for i, flux in enumerate(solution.momentum):
        change -= np.diff(flux, axis=grid.dimension - i) / (grid.spacing[i] * steps)
    return np.cumsum(np.concatenate([solution.rho[:1], change]), axis=0)
