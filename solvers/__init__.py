"""Solvers by name, and `solve`. Imported as `mfgprox.solvers`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.solvers.iterate import Solver, iterate
from mfgprox.tolerance import Tolerance

# Name → module and class; a solver's kernels are loaded when it is chosen.
SOLVERS = {
    "primal-dual": ("primal_dual", "PrimalDual"),
    "fictitious-play": ("fictitious_play", "FictitiousPlay"),
    "newton": ("newton", "Newton"),
}
DEFAULT_SOLVER = "primal-dual"


def make_solver(name: str, **options: Any) -> Solver:
    """The solver of that name with its settings. Raises ValueError listing what is accepted."""
    if name not in SOLVERS:
        raise ValueError(f"solver must be one of {', '.join(SOLVERS)}; got {name!r}")
    module, cls = SOLVERS[name]
    solver: Solver = getattr(import_module(f"mfgprox.solvers.{module}"), cls)(**options)
    return solver


def solve(
    problem: Problem,
    solver: str | Solver | None = None,
    *,
    tolerance: Tolerance | None = None,
    start: Solution | None = None,
    callback: Callable[..., None] | None = None,
    **loop: Any,
) -> Solution:
    """Solve the problem.

    solver: a name in `SOLVERS`, a solver object, or None for what the problem's case file names
    (else the default). start: a solution, possibly of another grid or epsilon, to begin from.
    callback(record): called after every iteration with an `iterate.Record`.
    Further keywords go to `iterate.iterate` (checkpoint, deadline, progress, …).
    Raises ValueError for an unknown solver or option, or a start of another dimension.
    """
    if start is not None and start.problem.grid.dimension != problem.grid.dimension:
        raise ValueError(
            f"start is {start.problem.grid.dimension}-dimensional, "
            f"the problem {problem.grid.dimension}-dimensional"
        )
    settings = problem.case.solver if problem.case is not None else None
    options = (
        settings.options() if settings is not None and solver in (None, settings.method) else {}
    )
    if solver is None:
        solver = settings.method if settings is not None else DEFAULT_SOLVER
    if isinstance(solver, str):
        solver = make_solver(solver, **options)
    if tolerance is None:
        tolerance = settings.tolerance() if settings is not None else Tolerance()
    return iterate(solver, problem, tolerance, start=start, callback=callback, **loop)
