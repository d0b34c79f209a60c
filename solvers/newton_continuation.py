"""Approaching epsilon from below where Newton does not find the optimum from the quadratic start.

For small epsilon the optimum is close to P and psi close to zero; each optimum starts the next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.problem import Problem

FIRST = 0.05
"""The first epsilon, as a share of the mean variance of P: there psi = 0 is a good start."""
LARGEST_FACTOR, LEAST_FACTOR = 4.0, 1.2
REACHED = 0.01
"""Residual mass at which an epsilon on the way counts as solved."""


@dataclass
class Continuation:
    """The last epsilon that was solved and its psi (nz, ny, nx), and the factor to the next one."""

    psi: np.ndarray | None = None
    epsilon: float = math.nan
    factor: float = LARGEST_FACTOR
    given_up: bool = False
    """The factor came down to nothing, or the first epsilon failed already."""

    def solved(self, psi: np.ndarray, epsilon: float, goal: float) -> float:
        """The next epsilon after a success."""
        self.psi, self.epsilon = psi, epsilon
        following = min(goal, epsilon * self.factor)
        self.factor = min(self.factor**1.5, LARGEST_FACTOR)
        return following

    def failed(self, first: float, goal: float) -> float:
        """The next epsilon after a failure; `first` is where to begin. The goal if given up."""
        if math.isnan(self.epsilon):
            self.epsilon = 0.0
            self.given_up = first >= goal
            return min(first, goal)
        if self.epsilon > 0.0:
            self.factor = min(self.factor, goal / self.epsilon)
        self.factor = math.sqrt(self.factor)
        self.given_up = self.psi is None or self.factor < LEAST_FACTOR
        return goal if self.given_up else min(goal, self.epsilon * self.factor)


def first_epsilon(problem: Problem) -> float:
    """Where the continuation begins: a share of the mean variance of P."""
    grid, weight = problem.grid, problem.P * problem.grid.cell_volume
    variance = 0.0
    for x in grid.coordinates():
        mean = float((weight * x).sum())
        variance += float((weight * np.square(x - mean)).sum()) / grid.dimension
    return FIRST * variance
