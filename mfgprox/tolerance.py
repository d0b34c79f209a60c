"""When a solve is done, and the sentence that says how it ended."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Status(Enum):
    """How a solve ended; the value is the sentence that a user reads."""

    CONVERGED = "converged: the discrete gap is within the tolerance"
    ITERATION_LIMIT = "stopped: the iteration limit came before the tolerance was met"
    TIME_LIMIT = "stopped: the time limit came before the tolerance was met"
    STALLED = "stopped: no further progress is possible in this arithmetic or on this grid"
    NOT_FINITE = "stopped: a value that is not finite appeared; the last sound state is reported"

    @property
    def converged(self) -> bool:
        """Whether it is CONVERGED."""
        return self is Status.CONVERGED


def of_all(statuses: Iterable[Status]) -> Status:
    """How several solves ended: the first that did not converge, else CONVERGED."""
    return next((status for status in statuses if not status.converged), Status.CONVERGED)


@dataclass(frozen=True)
class Tolerance:
    """|gap| <= atol + rtol |dual_value|, the discrete gap; at most max_iterations steps in all.

    Raises ValueError for negative or infinite tolerances and a limit below one.
    """

    rtol: float = 1e-4
    atol: float = 1e-12
    max_iterations: int = 2000

    def __post_init__(self) -> None:
        for name in ("rtol", "atol"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise ValueError(f"{name} must be a finite number, at least 0; got {value}")
        if self.max_iterations < 1:
            raise ValueError(f"max_iterations must be at least 1; got {self.max_iterations}")

    def met(self, gap: float, dual_value: float) -> bool:
        """Whether a discrete gap is small enough."""
        return abs(gap) <= self.atol + self.rtol * abs(dual_value)
