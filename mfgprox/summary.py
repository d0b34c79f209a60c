"""What a run prints at its end: the value, its certificate, and what the user should know."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path

from mfgprox.advice import advice
from mfgprox.solution import Solution

LINE = 100


def summary(solution: Solution, output: Path | None, seconds: float) -> str:
    """The summary of a solve, ready to print."""
    problem, grid = solution.problem, solution.problem.grid
    size = "×".join(map(str, grid.cells)) + f" cells × {grid.time_steps} steps"
    rows = [
        ("case", problem.title or "untitled"),
        ("grid", f"{size}, epsilon {problem.epsilon:g}, p {problem.p:g}"),
        ("solver", f"{solution.solver}, {_iterations(solution)}, {seconds:.1f} s"),
        ("status", solution.status.value),
        ("D(P‖Q)", f"{_digits(solution)} ± {solution.divergence_error:.1e}"),
        ("  transport cost", f"{solution.transport_cost:.8g}"),
        (
            "  information",
            f"{problem.epsilon:g} × {solution.information_divergence:.8g}",
        ),
        (
            "discrete gap",
            f"{solution.gap:.2e}  (primal {solution.primal_value:.8g}, "
            f"dual {solution.dual_value:.8g})",
        ),
        ("bounds of D", f"{_bound(solution.lower_bound)} … {_bound(solution.upper_bound)}"),
        ("mass error", f"{solution.mass_error:.1e}"),
    ]
    if solution.certificate.statement:
        rows.append(("certificate", solution.certificate.statement))
    rows += [("advice", sentence) for sentence in advice(solution)]
    rows += [("note", note) for note in solution.notes]
    if problem.split is not None:
        rows.insert(2, ("transport", f"along {' and '.join(problem.transport_axes)} only"))
    if output is not None:
        rows.append(("written to", str(output)))
    width = max(len(name) for name, _ in rows)
    return "\n".join(
        textwrap.fill(
            text,
            LINE,
            initial_indent=f"{name:<{width}}  ",
            subsequent_indent=" " * (width + 2),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for name, text in rows
    )


def _digits(solution: Solution) -> str:
    """The value with the digits that its error leaves, at least eight."""
    value, error = abs(solution.divergence), solution.divergence_error
    known = math.log10(value / error) if 0.0 < error < value < math.inf else 0.0
    return f"{solution.divergence:.{min(max(8, math.ceil(known) + 1), 15)}g}"


def _iterations(solution: Solution) -> str:
    text = f"{solution.iterations} iteration" + "s" * (solution.iterations != 1)
    levels = solution.history.get("level")
    if levels is not None and levels.size and levels.max() > levels.min():
        text += f" ({int((levels == levels.max()).sum())} of them on the last grid)"
    return text


def _bound(value: float) -> str:
    return f"{value:.8g}" if math.isfinite(value) else "none"
