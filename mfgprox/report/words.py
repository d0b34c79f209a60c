"""A result in words and tables: what was asked, what came out, and what is certain about it."""

from __future__ import annotations

import math

from mfgprox.plot.style import digits_of
from mfgprox.problem import Problem
from mfgprox.solution import Solution

Rows = list[tuple[str, str]]
FLOWS = {"jko": "JKO flow of D_f(·‖Q)", "gradient": "gradient flow of D(·‖Q)"}


def case_rows(solution: Solution) -> Rows:
    """What was asked for, and who solved it."""
    steps = len(solution.times) - 1 if solution.flow else solution.problem.grid.time_steps
    iterations = f"{solution.iterations} iteration" + "s" * (solution.iterations != 1)
    rows = problem_rows(solution.problem, steps)
    return [*rows, ("solver", f"{solution.solver}, {iterations}")]


def problem_rows(problem: Problem, steps: int | None = None) -> Rows:
    """What was asked for."""
    grid = problem.grid
    box = " × ".join(f"[{a:g}, {b:g}]" for a, b in zip(grid.lower, grid.upper, strict=True))
    cells = " × ".join(map(str, grid.cells))
    norm = f"Σ|xᵢ − yᵢ|^{problem.p:g}" if problem.cost.separable else f"|x − y|^{problem.p:g}"
    return [
        ("ε, weight of the information divergence", f"{problem.epsilon:g}"),
        ("transport cost", norm),
        ("information divergence", problem.divergence.name),
        ("box", box),
        ("grid", f"{cells} cells, {steps or grid.time_steps} time steps"),
        *((name, _density(problem, name)) for name in "PQ"),
    ]


def value_rows(solution: Solution) -> Rows:
    """What came out, number by number."""
    if solution.flow:
        return [
            ("last energy", f"{solution.divergence:.10g}"),
            ("largest error of the mass", f"{solution.mass_error:.1e}"),
        ]
    parts = f"{solution.problem.epsilon:g} × {solution.information_divergence:.8g}"
    return [
        ("D(P‖Q)", f"{solution.divergence:.10g}" + _plus_minus(solution.divergence_error)),
        ("transport cost", f"{solution.transport_cost:.8g}"),
        ("ε × information divergence", parts),
        ("lower bound of D", _number(solution.lower_bound)),
        ("upper bound of D", _number(solution.upper_bound)),
        ("discrete primal value", _number(solution.primal_value)),
        ("discrete dual value", _number(solution.dual_value)),
        ("discrete gap", f"{solution.gap:.2e}"),
        ("largest error of the mass", f"{solution.mass_error:.1e}"),
        ("∫|ρ₁ − R|", f"{solution.terminal_mismatch:.1e}"),
    ]


def headline(solution: Solution) -> str:
    """One line: the value, or the flow and where it has come."""
    if solution.flow:
        return f"{FLOWS[solution.flow]}, from t = 0 to t = {solution.times[-1]:g}"
    value, error = digits_of(solution.divergence, solution.divergence_error)
    return f"D(P‖Q) = {value}" + (f" ± {error}" if error else "")


def certificate_sentences(solution: Solution) -> list[str]:
    """The certificate for a reader who has not met this package before."""
    if solution.flow:
        return [
            f"Every step of the flow is a problem of its own; {solution.status.value}.",
            f"After the last step the energy is {solution.divergence:.8g}.",
        ]
    return [
        _of_value(solution),
        _of_gap(solution),
        _of_bounds(solution),
        f"Mass is conserved to {solution.mass_error:.1e}; the density that the flow delivers at "
        f"t = 1 differs from R by {solution.terminal_mismatch:.1e} of the mass.",
    ]


def _of_value(solution: Solution) -> str:
    share = solution.transport_cost / solution.divergence if solution.divergence else 0.0
    error = solution.divergence_error
    known = f", with an estimated error of {error:.1e}" if math.isfinite(error) else ""
    return (
        f"The best estimate of the continuous value is {solution.divergence:.8g}{known}. "
        f"Moving P to R costs {share:.0%} of it; the rest is ε times the information divergence "
        "that is left between R and Q."
    )


def _of_gap(solution: Solution) -> str:
    gap, scale = abs(solution.gap), abs(solution.dual_value)
    relative = f" ({gap / scale:.1e} of the value)" if scale > 0.0 else ""
    if not math.isfinite(gap):
        return f"The solver has no discrete gap to show: {solution.status.value}."
    return (
        f"The solver works on a discrete problem of its own. It found a feasible pair there and a "
        f"dual value that differ by {gap:.1e}{relative}: {solution.status.value}."
    )


def _of_bounds(solution: Solution) -> str:
    low, high = solution.lower_bound, solution.upper_bound
    if math.isfinite(low) and math.isfinite(high):
        width = (high - low) / abs(solution.divergence or 1.0)
        return (
            f"The value of the continuous problem on the box lies between {low:.8g} and {high:.8g}"
            f", {width:.1e} of it apart, whatever the solver did. How exact the sums behind "
            "these bounds are is said below."
        )
    if math.isfinite(low):
        return f"The continuous value is at least {low:.8g}; no upper bound is known."
    if math.isfinite(high):
        return f"The continuous value is at most {high:.8g}; no lower bound is known."
    return "No bounds of the continuous value are known."


def _density(problem: Problem, name: str) -> str:
    """The kind of P or Q, as the case file names it."""
    if problem.case is None:
        return "given as an array or an object"
    settings = getattr(problem.case.settings, name)
    return settings.kind + (f", file {settings.file}" if hasattr(settings, "file") else "")


def _plus_minus(error: float) -> str:
    return f" ± {error:.1e}" if math.isfinite(error) else ""


def _number(value: float) -> str:
    return f"{value:.10g}" if math.isfinite(value) else "none"
