"""The `validate` command: the suite, or the user's own case or result, against exact answers."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mfgprox.exits import BadInput, Exit, say
from mfgprox.suite import Check, Limits, OrderStudy, checks, order_studies
from mfgprox.validation import Comparison, compare, observed_order

if TYPE_CHECKING:
    from mfgprox.exact import ExactAnswer
    from mfgprox.problem import Problem
    from mfgprox.solution import Solution

Taken = tuple[float, float]
"""Seconds of processor time, of all threads, and on the clock."""

HEADER = (
    f"{'case':<34} {'solver':<16} {'exact D':>12} {'computed':>12} {'value':>8} {'R':>8} "
    f"{'rho_t':>8} {'grad U':>8} {'gap':>8} {'steps':>5} {'cpu s':>6} {'wall s':>6}  verdict"
)


def validate_suite(quick: bool, solvers: list[str] | None) -> Exit:
    """Run every check with every solver that it holds, then the order studies; print a table."""
    names = _known(solvers)
    print(HEADER, flush=True)
    failed, warm = 0, set()
    for check in checks(quick):
        answer = None
        for name in names:
            if check.promised(name) is None:
                continue
            problem = _problem(check, name)
            answer = answer or _answer(problem)
            if (name, problem.grid.dimension) not in warm:
                _warm_up(check, name, problem.grid.dimension)
                warm.add((name, problem.grid.dimension))
            failed += not _run_check(check, name, problem, answer)
    print()
    for study in order_studies(quick):
        for name in names:
            if name in study.orders:
                failed += not _run_study(study, name)
    print(f"\n{'all passed' if not failed else f'{failed} failed'}")
    return Exit.VALIDATION_FAILED if failed else Exit.OK


def validate_target(target: str, solvers: list[str] | None) -> Exit:
    """Compare a result file, or what solvers make of a case, with the exact answer.

    solvers: names, or None for the one that the case asks for.
    """
    _known(solvers)
    solutions = _result(target) if Path(target).suffix == ".h5" else _solutions(target, solvers)
    failed, answer = 0, None
    for label, solution, taken in solutions:
        if answer is None:
            answer = _answer(solution.problem)
            print(HEADER, flush=True)
        comparison = compare(solution, answer)
        failed += not (comparison.bounds_hold and solution.converged)
        _print_row(label, solution, comparison, taken, _plain_verdict(solution, comparison))
    return Exit.VALIDATION_FAILED if failed else Exit.OK


def _result(path: str) -> Iterator[tuple[str, Solution, Taken]]:
    from mfgprox.storage import StorageError, load

    try:
        yield Path(path).name, load(path), (math.nan, math.nan)
    except StorageError as error:
        raise BadInput(str(error)) from error


def _solutions(target: str, names: list[str] | None) -> Iterator[tuple[str, Solution, Taken]]:
    """Of every solver that accepts the problem; whether an answer is known is asked first."""
    from mfgprox.case import read_case
    from mfgprox.solvers.iterate import Unsuitable

    _answer(read_case(target).problem())
    chosen: list[str | None] = [*names] if names else [None]
    for name in chosen:
        overrides = [] if name is None else [f"solver.method={name}", "solver.options={}"]
        case = read_case(target, overrides)
        try:
            solution, taken = _solve(case.problem())
        except Unsuitable as error:
            say(f"{case.solver.method} left out: {error}")
            continue
        yield Path(case.name).stem, solution, taken


def _solve(problem: Problem, static: bool | None = None) -> tuple[Solution, Taken]:
    from mfgprox.solvers import solve

    cpu, wall = time.process_time(), time.perf_counter()
    solution = solve(problem, static=static)
    return solution, (time.process_time() - cpu, time.perf_counter() - wall)


def _known(solvers: list[str] | None) -> list[str]:
    from mfgprox.solvers import SOLVERS

    for name in solvers or ():
        if name not in SOLVERS:
            raise BadInput(f"--solver must be one of {', '.join(SOLVERS)}; got {name!r}")
    # What auto would do is among the others; it is held to the suite where it is asked for.
    return solvers or [name for name in SOLVERS if name != "auto"]


def _answer(problem: Problem) -> ExactAnswer:
    from mfgprox.exact import exact_answer

    answer = exact_answer(problem)
    if answer is None:
        raise BadInput(
            "no exact answer is known for this case: there is one for Gaussians (p = 2, KL), in "
            "1-D, for radially symmetric densities and for products, also in rotated axes"
        )
    return answer


def _problem(check: Check, solver: str, *more: str) -> Problem:
    from mfgprox.case import read_case

    return read_case(check.case, [*check.overrides, f"solver.method={solver}", *more]).problem()


def _warm_up(check: Check, solver: str, dimension: int) -> None:
    """A small solve first, so that no row counts the compiling or loading of kernels."""
    cells = "grid.cells=[" + ",".join(["32", "24", "20"][:dimension]) + "]"
    _solve(_problem(check, solver, cells, "grid.time_steps=4", "solver.max_iterations=5"))


def _run_check(check: Check, solver: str, problem: Problem, answer: ExactAnswer) -> bool:
    solution, taken = _solve(problem, check.static)
    comparison = compare(solution, answer)
    limits = check.promised(solver) or Limits(math.inf)
    broken = broken_limits(comparison, limits, solution.converged)
    verdict = "FAIL: " + "; ".join(broken) if broken else "pass"
    if not (broken or solution.converged):
        verdict += ", and says that it did not converge"
    _print_row(check.label or check.case, solution, comparison, taken, verdict)
    return not broken


def broken_limits(comparison: Comparison, limits: Limits, converged: bool) -> list[str]:
    """What a comparison breaks, in words; empty when all holds."""
    broken = ["not converged"] if limits.converged and not converged else []
    for name in ("value", "minimiser", "gradient", "gap"):
        error, limit = getattr(comparison, name), getattr(limits, name)
        if limit < math.inf and not error <= limit:
            broken.append(f"{name} {error:.1e} > {limit:.1e}")
    if not comparison.bounds_hold:
        broken.append("the exact value lies outside the bounds")
    return broken


def _run_study(study: OrderStudy, solver: str) -> bool:
    from mfgprox.case import read_case

    values, minimisers, raw = [], [], []
    for n in study.cells:
        cells = ",".join([str(n)] * study.axes)
        overrides = [*study.overrides, f"grid.cells=[{cells}]", f"grid.time_steps={n // 8}"]
        problem = read_case(study.case, [*overrides, f"solver.method={solver}"]).problem()
        solution, _ = _solve(problem, static=True)
        comparison = compare(solution, _answer(problem))
        values.append(comparison.value)
        minimisers.append(comparison.minimiser)
        raw.append(abs(solution.dual_value - comparison.exact) / abs(comparison.exact))
    orders = {"value": observed_order(study.cells, values)}
    orders["R"] = observed_order(study.cells, minimisers)
    wanted = dict(zip(orders, study.orders[solver], strict=True))
    if solver in study.raw_orders:
        orders["value before extrapolation"] = observed_order(study.cells, raw)
        wanted["value before extrapolation"] = study.raw_orders[solver]
    good = all(orders[k] >= wanted[k] for k in orders) and values[-1] <= study.cap
    found = ", ".join(
        f"{name} {order:.2f} (at least {wanted[name]})" for name, order in orders.items()
    )
    print(
        f"order of {solver} on {study.case}, cells {study.cells}: {found}; value on the finest "
        f"{values[-1]:.1e} (at most {study.cap:.0e})  {'pass' if good else 'FAIL'}",
        flush=True,
    )
    return good


def _plain_verdict(solution: Solution, comparison: Comparison) -> str:
    if not comparison.bounds_hold:
        return "FAIL: the exact value lies outside the bounds"
    how = "" if solution.converged else "FAIL: "
    return f"{how}{solution.status.name.lower().replace('_', ' ')}; exact by {comparison.answer}"


def _print_row(
    label: str, solution: Solution, comparison: Comparison, taken: Taken, verdict: str
) -> None:
    errors = " ".join(
        f"{value:8.1e}"
        for value in (
            comparison.value,
            comparison.minimiser,
            comparison.path,
            comparison.gradient,
            comparison.gap,
        )
    )
    seconds = " ".join(f"{s:6.2f}" if math.isfinite(s) else f"{'':6}" for s in taken)
    print(
        f"{label:<34} {solution.solver:<16} {comparison.exact:12.8g} {comparison.computed:12.8g} "
        f"{errors} {solution.iterations:5d} {seconds}  {verdict}",
        flush=True,
    )
