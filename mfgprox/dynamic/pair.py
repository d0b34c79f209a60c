"""The dynamic pair of a static optimum: (rho_t, m_t) along straight lines, U_t by Hopf–Lax.

    U_t(z) = min_y |z - y|^p / (1-t)^(p-1) + U_1(y),   rho_t = ((1-t) id + t T)_# P,
T(x) the minimiser at t = 0. In one dimension T is monotone and quantiles tell rho_t; where T is
smooth a formula does; else particles. The flux of each step takes one level exactly into the next.
Source: Baptista et al., Proximal optimal transport divergences, (2.23)-(2.25).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mfgprox.divergence import Lipschitz
from mfgprox.dynamic import regularised
from mfgprox.dynamic.fluxes import Fluxes
from mfgprox.dynamic.hopf_lax import TerminalPotential
from mfgprox.dynamic.particles import move
from mfgprox.dynamic.quantiles import Quantiles
from mfgprox.dynamic.smooth import NotSmooth, SmoothPath
from mfgprox.problem import Problem
from mfgprox.solution import Solution


@dataclass(frozen=True, eq=False)
class DynamicPair:
    """rho, U: (time_steps + 1, [z,] [y,] x); momentum: one array per axis in the order x, y, z, on
    faces, (time_steps, *shape) with one more entry along its own axis, constant within a step.

    rho >= 0, rho[0] = P, and (rho, momentum) meet the discrete continuity equation to rounding.
    rho[-1] = R where U_1 is the potential that leads there; particles end close to it.
    """

    rho: np.ndarray
    momentum: tuple[np.ndarray, ...]
    U: np.ndarray


def dynamic_pair(problem: Problem, U_1: np.ndarray, R: np.ndarray) -> DynamicPair:
    """The pair on the written time levels from the terminal potential, (…, z, y, x).

    R: the minimiser, grid.shape; U_1 counts only where R can have mass (Q > 0), elsewhere it is
    replaced by its largest continuation. Raises ValueError where U_1 is finite nowhere.
    """
    potential = TerminalPotential(problem, U_1)
    if isinstance(problem.divergence, Lipschitz):
        return _regularised(problem, potential, R)
    if problem.grid.dimension == 1:
        return _by_quantiles(problem, potential, R)
    try:
        return _by_formula(problem, potential, R)
    except NotSmooth:
        return DynamicPair(*move(problem, potential, R), potential.levels())


def with_path(solution: Solution) -> Solution:
    """A static solution, known at times 0 and 1, with rho, momentum and U on all time levels."""
    pair = dynamic_pair(solution.problem, solution.U[-1], solution.R)
    return replace(solution, rho=pair.rho, U=pair.U, momentum=pair.momentum, written_times=None)


def _by_quantiles(problem: Problem, potential: TerminalPotential, R: np.ndarray) -> DynamicPair:
    grid, fluxes = problem.grid, Fluxes(problem.grid)
    P, R = problem.P / problem.P.sum(), R / R.sum()
    quantiles = Quantiles(P, R)
    rho = np.stack([P, *(quantiles.masses(t) for t in grid.times[1:-1]), R])
    for k in range(grid.time_steps):
        fluxes.step(k, rho[k], rho[k + 1])
    return DynamicPair(rho / grid.cell_volume, fluxes.momentum(), potential.levels())


def _regularised(problem: Problem, potential: TerminalPotential, R: np.ndarray) -> DynamicPair:
    U = regularised.levels(problem, potential.terminal())
    if problem.grid.dimension == 1:
        return replace(_by_quantiles(problem, potential, R), U=U)
    return DynamicPair(*move(problem, potential, R), U)


def _by_formula(problem: Problem, potential: TerminalPotential, R: np.ndarray) -> DynamicPair:
    """Levels of rho and U from the last to the first. Raises NotSmooth."""
    grid, fluxes = problem.grid, Fluxes(problem.grid)
    path = SmoothPath(problem, potential, R)
    rho = np.empty((grid.time_steps + 1, *grid.shape))
    U = np.empty_like(rho)
    U[-1] = potential.terminal()
    after, later = path.last()
    rho[-1] = after.reshape(grid.shape)
    for k in range(grid.time_steps - 1, -1, -1):
        U[k], places = potential.level(grid.times[k])
        before, speed = path.level(grid.times[k], places)
        fluxes.step(k, before, after, speed, later)
        rho[k] = before.reshape(grid.shape)
        after, later = before, speed
    rho /= grid.cell_volume
    rho[0] = problem.P
    return DynamicPair(rho, fluxes.momentum(), U)
