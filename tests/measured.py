"""What a test measured: `within` asserts a limit and keeps the figure for docs/paper.md."""

import json
import math
import os
from pathlib import Path

_found: list[tuple[float, float]] = []
_wrong: list[float] = []


def within(error: float, limit: float) -> None:
    """Assert error <= limit, where a negative error is slack in an inequality.

    Of all calls of a test the one that comes closest to its limit ends on the page.
    """
    _found.append((float(error), float(limit)))
    assert math.isfinite(error), f"the error is {error}"
    assert error <= limit, f"{error:.3g} > {limit:.3g}"


def fails(error: float, least: float) -> None:
    """Assert that a printed form is wrong: off by more than `least`. The smallest is kept."""
    _wrong.append(float(error))
    assert error > least, f"the printed form is off by {error:.3g} only"


def begin() -> None:
    _found.clear()
    _wrong.clear()


def least_wrong() -> float | None:
    """The smallest error of a printed form since `begin`; None if there is none."""
    return min(_wrong, default=None)


def closest() -> tuple[float, float] | None:
    """The (error, limit) with the largest ratio since `begin`; None if nothing was measured."""
    return max(
        _found, key=lambda pair: pair[0] / pair[1] if pair[1] > 0.0 else pair[0], default=None
    )


def record(node: str, outcome: str, figures: dict[str, object]) -> None:
    """Append a line on a test to the file that MFGPROX_FIGURES names, for paper_page.py."""
    file = os.environ.get("MFGPROX_FIGURES")
    if file:
        examples = int(os.environ.get("MFGPROX_EXAMPLES", "0"))
        line = {"node": node, "outcome": outcome, "examples": examples, "figures": figures}
        with Path(file).open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
