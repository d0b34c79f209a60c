"""What a solution holds, by name: coordinates, fields, numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from mfgprox.grid import AXES
from mfgprox.solution import Solution

IN_TIME = ("rho", "U")
IN_SPACE = ("P", "Q", "R", "first_variation")


def coordinates_of(solution: Solution) -> dict[str, np.ndarray]:
    """Cell centres of each axis, x first."""
    grid = solution.problem.grid
    return {AXES[axis]: grid.centers(axis) for axis in range(grid.dimension)}


def arrays_of(solution: Solution) -> dict[str, np.ndarray]:
    """time, x, …, rho and U (time, [z,] [y,] x), and P, Q, R, first_variation ([z,] [y,] x)."""
    fields = {
        "rho": solution.rho,
        "U": solution.U,
        "P": solution.problem.P,
        "Q": solution.problem.Q,
        "R": solution.R,
        "first_variation": solution.first_variation,
    }
    return {"time": solution.times, **coordinates_of(solution), **fields}


def numbers_of(solution: Solution) -> dict[str, Any]:
    """The problem and its value: numbers and text, under the names that result files use."""
    problem = solution.problem
    numbers: dict[str, Any] = {
        "title": problem.title,
        "epsilon": problem.epsilon,
        "p": problem.p,
        "cost": problem.cost.norm,
        "f_divergence": problem.divergence.name,
        "solver": solution.solver,
        "status": solution.status.value,
        "converged": int(solution.converged),
        "iterations": solution.iterations,
    }
    if solution.flow:
        return {**numbers, "flow": solution.flow, "energy": solution.divergence}
    values = (
        "divergence", "divergence_error", "transport_cost", "information_divergence",
        "primal_value", "dual_value", "gap", "lower_bound", "upper_bound", "mass_error",
        "terminal_mismatch",
    )  # fmt: skip
    found = {name: float(getattr(solution, name)) for name in values}
    return {**numbers, **found, "certificate": solution.certificate.statement}
