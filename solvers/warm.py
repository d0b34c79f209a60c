"""What a solver may take from another solution: fields on the problem's own grid, whoever made it.

A start may come from another solver, grid, epsilon or problem, and may know times 0 and 1 only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.dynamic import with_path
from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.transform import c_transform


class Useless(ValueError):
    """Nothing can begin from this start; the message says why."""


@dataclass(frozen=True)
class Origin:
    """Where a start came from: the solver, its value and its epsilon."""

    solver: str
    value: float
    epsilon: float

    def __str__(self) -> str:
        return f"the {self.solver} solution with D = {self.value:.8g}"

    def confirmation(self, epsilon: float, value: float, error: float) -> str:
        """The sentence that compares a value found from this start with that of the start."""
        if self.epsilon != epsilon:
            return f"started from {self} at epsilon {self.epsilon:g}"
        sentence = f"started from {self}; the value found here differs by {value - self.value:.1e}"
        if not math.isfinite(error) or error == 0.0:
            return sentence
        ratio = abs(value - self.value) / error
        return f"{sentence}, {ratio:.2g} times its estimated discretisation error {error:.1e}"


def not_used(solver: str, reason: str) -> str:
    """The sentence of a solve that began cold although it was given a start."""
    return f"started cold, not from the {solver} solution that was given: {reason}"


def origin_of(start: Solution) -> Origin:
    """What is said of a start later: its solver, value and epsilon."""
    return Origin(start.solver, float(start.divergence), start.problem.epsilon)


def complete(problem: Problem, start: Solution) -> Solution:
    """The start with rho and U, finite and on all time levels of its own grid.

    Raises Useless where that cannot be had.
    """
    grid = start.problem.grid
    if grid.dimension != problem.grid.dimension:
        raise Useless(f"it is {grid.dimension}-dimensional")
    if len(start.U) != grid.time_steps + 1 or not np.isfinite(start.U).all():
        try:
            start = with_path(start)
        except (ValueError, FloatingPointError) as error:
            raise Useless(f"its potential gives no path: {error}") from error
    if not (np.isfinite(start.U).all() and np.isfinite(start.rho).all()):
        raise Useless("its fields are not finite")
    if start.rho.min() < 0.0 or not (start.rho.reshape(len(start.rho), -1).sum(axis=1) > 0.0).all():
        raise Useless("its rho is not a density")
    return start


def terminal_potential(start: Solution) -> np.ndarray:
    """U_1 of the start on its own grid, with the largest continuation that leaves its c-transform
    as it is where it is not finite. Raises Useless where it is finite nowhere."""
    problem, grid = start.problem, start.problem.grid
    psi = -np.asarray(start.U[-1], float).reshape(grid.kernel_shape)
    finite = np.isfinite(psi)
    if finite.all():
        return -psi.reshape(grid.shape)
    if not finite.any():
        raise Useless("its potential is not finite")
    forward, _ = c_transform(np.where(finite, psi, -np.inf), problem.cost, grid.kernel_spacing)
    backward, _ = c_transform(forward, problem.cost, grid.kernel_spacing)
    return -np.where(finite, psi, backward).reshape(grid.shape)
