"""What a flow returns: densities in time, the energy that falls, and how each step ended."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mfgprox.divergence import Lipschitz
from mfgprox.problem import Problem
from mfgprox.solution import Certificate, Solution
from mfgprox.tolerance import Status, of_all

KINDS = ("jko", "gradient")
STATEMENT = "of the last step of a flow"


class FlowError(ValueError):
    """A flow cannot be computed as asked; the message says what is accepted."""


@dataclass(frozen=True, eq=False)
class Flow:
    """Densities along a flow of `problem.P`.

    times: (steps + 1,), from 0. rho: (steps + 1, [z,] [y,] x), densities per unit volume.
    U: of the shape of rho, the first variation of the energy there, up to a constant, so that
    ∂_t rho = div(rho ∇U); -inf where its limit is. energy: (steps + 1,): D_f(rho‖Q) for "jko",
    D_epsilon(rho‖Q) for "gradient". gap: (solves,), the discrete gap of each inner solve, and
    statuses how it ended: one a step, and for "gradient" one more, that of the last density.
    problem: with epsilon = 2 tau for "jko".
    """

    kind: str
    problem: Problem
    solver: str
    times: np.ndarray
    rho: np.ndarray
    U: np.ndarray
    energy: np.ndarray
    gap: np.ndarray
    statuses: tuple[Status, ...]

    @property
    def converged(self) -> bool:
        """Whether every inner solve met its tolerance."""
        return self.status.converged

    @property
    def status(self) -> Status:
        """That of the first inner solve that did not converge, else CONVERGED."""
        return of_all(self.statuses)

    @property
    def mass_error(self) -> float:
        """Largest deviation of the mass from one."""
        masses = self.rho.reshape(len(self.rho), -1).sum(axis=1) * self.problem.grid.cell_volume
        return float(np.abs(masses - 1.0).max())

    def as_solution(self) -> Solution:
        """The flow in the form that figures and films take; its `divergence` is the last energy."""
        return Solution(
            problem=self.problem,
            solver=f"{self.kind} flow, {self.solver}",
            status=self.status,
            iterations=len(self.statuses),
            rho=self.rho,
            U=self.U,
            R=self.rho[-1],
            momentum=(),
            certificate=Certificate(math.nan, math.nan, statement=STATEMENT),
            divergence=float(self.energy[-1]),
            divergence_error=math.nan,
            transport_cost=math.nan,
            information_divergence=math.nan,
            history={"gap": self.gap},
            written_times=self.times,
            flow=self.kind,
        )

    def save(self, path: str | Path) -> Path:
        """Write the HDF5 file; see `mfgprox.flows.files`."""
        from mfgprox.flows.files import save_flow

        return save_flow(self, path)

    def _repr_html_(self) -> str:
        """A table and a picture, for notebooks."""
        return self.as_solution()._repr_html_()


def require_pointwise(problem: Problem) -> None:
    """Raises FlowError for a divergence that is no sum over cells: its energy is not known."""
    if isinstance(problem.divergence, Lipschitz):
        raise FlowError(
            "JKO needs an f_divergence without lipschitz, whose energy is a sum over cells; got "
            f"{problem.divergence.name}"
        )


def require_steps(length: float, name: str, steps: int) -> None:
    """Raises FlowError unless the length is a finite number above 0 and there is a step."""
    if not (math.isfinite(length) and length > 0.0):
        raise FlowError(f"{name} must be a finite number above 0; got {length}")
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise FlowError(f"steps must be a whole number, at least 1; got {steps}")


def solved(problem: Problem, solver: Any, options: dict[str, Any]) -> Solution:
    """The static solution of one step."""
    from mfgprox.solvers import solve

    return solve(problem, solver, static=True, **options)
