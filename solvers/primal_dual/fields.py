"""Fields of another grid on this one, and the iterate of a start by whoever."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.solvers.primal_dual.discretisation import Discretisation
from mfgprox.solvers.primal_dual.interpolation import in_space, in_time
from mfgprox.solvers.primal_dual.iteration import Iterate, Steps, from_fields
from mfgprox.solvers.warm import Origin, complete, origin_of

FLOOR = 1e-9
"""Smallest weight of the metric around a start. Its density can be trusted in the tails, where that
of a cold iterate is noise, which so small a weight would never smooth."""


@dataclass(frozen=True)
class Start:
    """A solution to begin from on its own grid: rho, U (time levels, *grid.shape)."""

    origin: Origin
    grid: Grid
    rho: np.ndarray
    U: np.ndarray

    def potential(self, d: Discretisation) -> np.ndarray:
        """U between the time levels of d, (K, N), in its units, and in the gauge of the multiplier:
        U_1 = epsilon f'(R/Q), that of a solution being E_P[U_0] = D."""
        U = U_on(d, self.U / d.unit, np.linspace(0.0, 1.0, len(self.U)), self.grid)
        terminal = U[-1] + d.hamiltonian(U[-1:])[0] * (0.5 / d.slabs)
        f, volume = d.problem.divergence, d.problem.grid.cell_volume
        R, _ = f.gibbs(terminal, d.log_Q, d.epsilon, volume)
        held = (R > 0.0) & np.isfinite(d.log_Q)
        slope = f.derivative(np.exp(np.log(R[held]) - d.log_Q[held]))
        return U + float(np.average(d.epsilon * slope - terminal[held], weights=R[held]))

    def on(self, d: Discretisation, steps: Steps) -> Iterate:
        """The iterate at which the start would be optimal."""
        return from_fields(d, steps, rho_on(d, self.rho, self.grid), self.potential(d), FLOOR)


def fields_of(problem: Problem, solution: Solution) -> Start:
    """The start that a solution is. Raises Useless where it is none."""
    whole = complete(problem, solution)
    rho = np.concatenate([whole.rho[:-1], whole.R[None]])
    return Start(origin_of(solution), whole.problem.grid, rho, whole.U)


def half_times(slabs: int) -> np.ndarray:
    return (np.arange(slabs) + 0.5) / slabs


def rho_on(d: Discretisation, rho: np.ndarray, grid: Grid) -> np.ndarray:
    """Densities (levels, …) of another grid on this one, (K + 1, N): >= 0, mass one, first P."""
    times = np.arange(len(rho)) / (len(rho) - 1)
    new = d.problem.grid
    values = in_time(rho.reshape(len(rho), *grid.shape), times, new.times)
    values = np.maximum(in_space(values, grid, new).reshape(len(new.times), -1), 0.0)
    values[-1] *= d.allowed
    if not values[-1].any():
        values[-1] = d.allowed
    values[~values.any(axis=1)] = d.P  # nothing is known where a start had another box
    values[0] = d.P
    return values / (values.sum(axis=1, keepdims=True) * new.cell_volume)


def U_on(d: Discretisation, U: np.ndarray, times: np.ndarray, grid: Grid) -> np.ndarray:
    """Potentials (times, …) of another grid between the levels of this one, (K, N)."""
    values = in_time(U.reshape(len(U), *grid.shape), times, half_times(d.slabs))
    return in_space(values, grid, d.problem.grid).reshape(d.slabs, -1)
