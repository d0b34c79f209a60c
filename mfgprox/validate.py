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

HEADER = (
    f"{'case':<34} {'solver':<16} {'exact D':>12} {'computed':>12} {'value':>8} {'R':>8} "
    f"{'rho_t':>8} {'grad U':>8} {'gap':>8} {'steps':>5} {'s':>6}  verdict"
)


def validate_suite(quick: bool, solvers: list[str] | None) -> Exit:
    """Run every check with every solver that it holds, then the order studies; print a table."""
    names = _known(solvers)
    print(HEADER, flush=True)
    failed = 0
    for check in checks(quick):
        for name in names:
            if name in check.limits:
                failed += not _run_check(check, name)
    print()
    for study in order_studies(quick):
        for name in names:
            if name in study.orders:
                failed += not _run_study(study, name)
    print(f"\n{'all passed' if not failed else f'{failed} failed'}")
    return Exit.VALIDATION_FAILED if failed else Exit.OK


def validate_target(target: str, solvers: list[str] | None) -> Exit:
    """Compare a result file, or each solver's solution of a case, with the exact answer."""
    names = _known(solvers)
    solutions = _result(target) if Path(target).suffix == ".h5" else _solutions(target, names)
    failed, answer = 0, None
    for label, solution, seconds in solutions:
        if answer is None:
            answer = _answer(solution.problem)
            print(HEADER, flush=True)
        comparison = compare(solution, answer)
        failed += not (comparison.bounds_hold and solution.converged)
        _print_row(label, solution, comparison, seconds, _plain_verdict(solution, comparison))
    return Exit.VALIDATION_FAILED if failed else Exit.OK


def _result(path: str) -> Iterator[tuple[str, Solution, float]]:
    from mfgprox.storage import StorageError, load

    try:
        yield Path(path).name, load(path), math.nan
    except StorageError as error:
        raise BadInput(str(error)) from error


def _solutions(target: str, names: list[str]) -> Iterator[tuple[str, Solution, float]]:
    """Of every solver that accepts the problem; whether an answer is known is asked first."""
    from mfgprox.case import read_case
    from mfgprox.solvers.iterate import Unsuitable

    _answer(read_case(target).problem())
    for name in names:
        case = read_case(target, [f"solver.method={name}", "solver.options={}"])
        began = time.perf_counter()
        try:
            solution = _solve(case.problem())
        except Unsuitable as error:
            say(f"{name} left out: {error}")
            continue
        yield Path(case.name).stem, solution, time.perf_counter() - began


def _solve(problem: Problem) -> Solution:
    from mfgprox.solvers import solve

    return solve(problem)


def _known(solvers: list[str] | None) -> list[str]:
    from mfgprox.solvers import SOLVERS

    for name in solvers or ():
        if name not in SOLVERS:
            raise BadInput(f"--solver must be one of {', '.join(SOLVERS)}; got {name!r}")
    return solvers or list(SOLVERS)


def _answer(problem: Problem) -> ExactAnswer:
    from mfgprox.exact import exact_answer

    answer = exact_answer(problem)
    if answer is None:
        raise BadInput(
            "no exact answer is known for this case: there is one for Gaussians (p = 2, KL), in "
            "1-D, for radially symmetric densities and for products"
        )
    return answer


def _run_check(check: Check, solver: str) -> bool:
    from mfgprox.case import read_case

    case = read_case(check.case, [*check.overrides, f"solver.method={solver}"])
    began = time.perf_counter()
    solution = _solve(case.problem())
    seconds = time.perf_counter() - began
    comparison = compare(solution, _answer(solution.problem))
    broken = broken_limits(comparison, check.limits[solver], solution.converged)
    verdict = "FAIL: " + "; ".join(broken) if broken else "pass"
    if not (broken or solution.converged):
        verdict += ", and says that it did not converge"
    _print_row(check.label or check.case, solution, comparison, seconds, verdict)
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
        solution = _solve(read_case(study.case, [*overrides, f"solver.method={solver}"]).problem())
        comparison = compare(solution, _answer(solution.problem))
        values.append(comparison.value)
        minimisers.append(comparison.minimiser)
        raw.append(abs(solution.dual_value - comparison.exact) / abs(comparison.exact))
    orders = {"value": observed_order(study.cells, values)}
    orders["R"] = observed_order(study.cells, minimisers)
    wanted = dict.fromkeys(orders, study.orders[solver])
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
    return f"{solution.status.name.lower().replace('_', ' ')}; exact by {comparison.answer}"


def _print_row(
    label: str, solution: Solution, comparison: Comparison, seconds: float, verdict: str
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
    time_taken = f"{seconds:6.1f}" if math.isfinite(seconds) else f"{'':6}"
    print(
        f"{label:<34} {solution.solver:<16} {comparison.exact:12.8g} {comparison.computed:12.8g} "
        f"{errors} {solution.iterations:5d} {time_taken}  {verdict}",
        flush=True,
    )
