"""How a solve ended, and the part of its solution that does not depend on the divergence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.solvers.back_and_forth.state import BackAndForthState
from mfgprox.tolerance import Status


@dataclass(frozen=True, eq=False)
class Ending:
    """finished: whether the problem's own grid was reached before the potential was carried there.

    history: columns by name, one entry an iteration.
    """

    state: BackAndForthState
    finished: bool
    status: Status
    iterations: int
    history: dict[str, np.ndarray]

    def solution(
        self, problem: Problem, U: tuple[np.ndarray, np.ndarray], R: np.ndarray, **values: Any
    ) -> Solution:
        """At times 0 and 1. U: U_0 and U_1, of grid.shape as R; values: the other fields."""
        return Solution(
            problem=problem,
            solver="back-and-forth",
            status=self.status,
            iterations=self.iterations,
            rho=np.stack([problem.P, R]),
            U=np.stack(U),
            R=R,
            momentum=(),
            history=self.history,
            notes=(*self.state.notes, *self.notes()),
            written_times=np.array([0.0, 1.0]),
            **values,
        )

    def notes(self) -> tuple[str, ...]:
        """Why the solve has not converged, if it has not."""
        if self.status is Status.CONVERGED:
            return ()
        if not self.finished:
            return ("Stopped on a coarser grid: the potential was carried on to the finest one.",)
        gap = self.state.gap / max(abs(self.state.dual), 1e-300)
        if self.status is Status.STALLED:
            return (
                "Newton's method found no step that raises the dual value any more; the relative "
                f"gap of the lattice problem stayed at {gap:.1e}.",
            )
        return (f"Stopped at a relative gap of {gap:.1e} of the lattice problem.",)
