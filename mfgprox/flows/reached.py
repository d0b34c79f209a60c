"""Where a flow stands after a step: what its file needs, and what the next step begins with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mfgprox.density import ArrayDensity, Density
from mfgprox.flows.density import LogDensity, values
from mfgprox.flows.flow import Flow, FlowError
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.tolerance import Status


@dataclass
class Reached:
    """Lists grow by one entry a step; arrays have grid.shape.

    log_values, values: the latest density, one of the two, both None before the first step.
    terminal, R: U_1 and the minimiser of the latest solve. behind: see `advance`.
    """

    kind: str
    steps: int
    solver: str = ""
    rho: list[np.ndarray] = field(default_factory=list)
    U: list[np.ndarray] = field(default_factory=list)
    energy: list[float] = field(default_factory=list)
    gap: list[float] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    log_values: np.ndarray | None = None
    values: np.ndarray | None = None
    terminal: np.ndarray | None = None
    R: np.ndarray | None = None
    behind: np.ndarray | None = None

    @property
    def done(self) -> int:
        """Finished steps."""
        return max(len(self.energy) - 1, 0)

    def density(self, grid: Grid) -> Density | None:
        """The latest density, or None before the first step."""
        if self.log_values is not None:
            return LogDensity(self.log_values, grid)
        return None if self.values is None else ArrayDensity(self.values, grid)

    def take(self, density: Density, grid: Grid) -> None:
        """Go on from a density."""
        smooth = isinstance(density, LogDensity)
        self.log_values = np.array(density.log_density(grid)) if smooth else None
        self.rho.append(values(density, grid))
        self.values = None if smooth else self.rho[-1]

    def note(self, solution: Solution) -> None:
        """How a solve ended."""
        self.solver = solution.solver
        self.gap.append(float(solution.gap))
        self.statuses.append(solution.status)

    def flow(self, problem: Problem, length: float) -> Flow:
        """The flow of a problem, once it is done, in steps of this length."""
        times = length * np.arange(self.steps + 1)
        rho, U, energy, gap = np.stack(self.rho), np.stack(self.U), self.energy, self.gap
        return Flow(
            self.kind, problem, self.solver, times, rho, U, np.array(energy), np.array(gap),
            tuple(self.statuses),
        )  # fmt: skip


Keep = Callable[[Reached], None]
"""Called with the state after every step, to be stored."""


def begun(kind: str, steps: int, reached: Reached | None) -> Reached:
    """The state to go on from. Raises FlowError for one of another flow."""
    if reached is None:
        return Reached(kind, steps)
    if reached.kind != kind or reached.steps != steps:
        raise FlowError(
            f"a {kind} flow of {steps} steps cannot go on from a {reached.kind} flow of "
            f"{reached.steps} steps"
        )
    return reached
