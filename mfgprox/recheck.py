"""The certificate of a result file recomputed from its arrays, beside what the file says."""

from __future__ import annotations

import math
import textwrap
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


def recheck(path: str | Path) -> tuple[str, list[str]]:
    """A text for a terminal, and what speaks against the bounds that the file reports.

    Raises StorageError for a file that is no result, ValueError for a divergence that cannot be
    recomputed.
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
    low, value, high = solution.lower_bound, solution.divergence, solution.upper_bound
    against = found.contradictions(low, high, smooth)
    if value < low or value > high:
        against.append(f"the value {value:.10g} lies outside of its bounds {low:.10g}, {high:.10g}")
    return "\n".join(lines), against


def recomputed(solution: Solution) -> Recomputed:
    """The certificate of a solution from its arrays alone."""
    problem = solution.problem
    if isinstance(problem.divergence, Lipschitz):
        raise ValueError(
            "the certificate of a Lipschitz-regularised divergence cannot be recomputed; "
            f"the result has f_divergence = {problem.divergence.name}"
        )
    if problem.split is not None:
        raise ValueError(
            "a certificate cannot be recomputed for transport along some axes only; solve a slice "
            "as a problem of its own to recompute that of the slice"
        )
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
        f_divergence=problem.divergence.name,
    )


def _levels(solution: Solution) -> np.ndarray:
    """rho on all time levels, from rho_0 and the momentum where a file holds fewer."""
    grid, steps = solution.problem.grid, len(solution.momentum[0])
    if len(solution.rho) == steps + 1:
        return solution.rho
    change = np.zeros((steps, *grid.shape))
    for i, flux in enumerate(solution.momentum):
        change -= np.diff(flux, axis=grid.dimension - i) / (grid.spacing[i] * steps)
    return np.cumsum(np.concatenate([solution.rho[:1], change]), axis=0)
