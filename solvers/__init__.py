"""Solvers by name, `solve` and `solve_family`. Imported as `mfgprox.solvers`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any

from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.solvers.choose import DEFAULT_SOLVER, SOLVERS, make_solver
from mfgprox.solvers.iterate import Record, Solver, Unsuitable, iterate
from mfgprox.tolerance import Tolerance

__all__ = ["DEFAULT_SOLVER", "SOLVERS", "make_solver", "solve", "solve_family"]


def solve(
    problem: Problem,
    solver: str | Solver | None = None,
    *,
    tolerance: Tolerance | None = None,
    start: Solution | str | None = None,
    static: bool | None = None,
    callback: Callable[[Record], None] | None = None,
    **loop: Any,
) -> Solution:
    """Solve the problem.

    solver: a name in `SOLVERS`, a solver object, or None for what the problem's case file names
    (else the default). start: a solution, possibly of another grid, epsilon or solver, to begin
    from, or the name of a solver that is to find it first. static: leave out the path between
    t = 0 and t = 1 where the solver finds the optimum without it; None for what the case says.
    callback(record): called after every iteration with an `iterate.Record`; without one, a
    notebook shows the progress by itself.
    Further keywords go to `iterate.iterate` (progress, checkpoint, deadline, interrupted, …).
    Raises ValueError for an unknown solver or option, or a start of another dimension, and
    `iterate.Unsuitable` for a problem that the solver cannot take.
    """
    settings = problem.case.solver if problem.case is not None else None
    options = (
        settings.options() if settings is not None and solver in (None, settings.method) else {}
    )
    if solver is None:
        solver = settings.method if settings is not None else DEFAULT_SOLVER
    chosen = solver
    if isinstance(solver, str):
        solver = make_solver(solver, **options)
    if tolerance is None:
        tolerance = settings.tolerance() if settings is not None else Tolerance()
    if static is None:
        static = problem.case is not None and not problem.case.output.path
    if isinstance(start, str):
        start = _first(problem, start, tolerance, loop)
    if start is not None and start.problem.grid.dimension != problem.grid.dimension:
        raise ValueError(
            f"start is {start.problem.grid.dimension}-dimensional, "
            f"the problem {problem.grid.dimension}-dimensional"
        )
    if problem.split is not None:
        solver, tolerance = _in_slices(problem, chosen, options, tolerance, static, start)
        start = None
    with _progress(callback) as report:
        return iterate(
            solver, problem, tolerance, start=start, callback=report, static=static, **loop
        )


def _in_slices(
    problem: Problem,
    solver: str | Solver,
    options: dict[str, Any],
    tolerance: Tolerance,
    static: bool,
    start: Solution | None,
) -> tuple[Solver, Tolerance]:
    """The solver of all slices, which has one iteration for each; the limit on iterations is that
    of a slice."""
    from mfgprox.solvers.conditional import Conditional, require_start

    assert problem.split is not None
    if start is not None:
        require_start(start, problem)
    single = partial(make_solver, solver, **options) if isinstance(solver, str) else lambda: solver
    within = Conditional(single, tolerance.max_iterations, static, start)
    return within, replace(tolerance, max_iterations=problem.split.count + 1)


def _progress(callback: Callable[[Record], None] | None) -> AbstractContextManager[Any]:
    from mfgprox.notebook import shown_progress

    return shown_progress(callback)


def _first(
    problem: Problem, name: str, tolerance: Tolerance, loop: dict[str, Any]
) -> Solution | None:
    """The solution to start from, by another solver; None where a checkpoint goes on anyway."""
    if loop.get("progress") is not None:
        return None
    limits = {key: loop[key] for key in ("deadline", "interrupted") if key in loop}
    try:
        return iterate(make_solver(name), problem, tolerance, **limits)
    except Unsuitable as error:
        raise Unsuitable(f"cannot start from {name}: {error}") from error


def solve_family(
    problem: Problem,
    epsilons: Sequence[float],
    solver: str | Solver | None = None,
    **options: Any,
) -> list[Solution]:
    """The problem solved for several weights epsilon, in the order that was asked for.

    From the smallest to the largest, each started from its neighbour, so that the results do not
    depend on the order of `epsilons`. options: as for `solve`, except start.
    Raises ValueError for an epsilon that is not a finite number above 0.
    """
    found: dict[float, Solution] = {}
    start: Solution | None = None
    members = [problem.with_epsilon(epsilon) for epsilon in sorted(set(map(float, epsilons)))]
    for member in members:
        start = found[member.epsilon] = solve(member, solver, start=start, **options)
    return [found[float(epsilon)] for epsilon in epsilons]
