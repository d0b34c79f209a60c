"""Particles carried by the gradient flow of D_epsilon(·‖Q), P and Q being known by samples.

    dY/dt = -∇phi(Y),   phi = psi^c,  psi the optimal dual potential of the particles' law and Q,
so ∇phi(y) = p |y - T(y)|^(p-2) (y - T(y)) with T(y) a minimiser of |y - x|^p - psi(x). Each step
blurs the particles, and Q where it is samples, by the same Gaussian; solves on the grid; and moves
the particles themselves for a time h with T held, which never passes T(y), whatever h is. Blurring
both, the flow rests where the blurred laws agree.
Source: Baptista et al., Proximal optimal transport divergences, (6.3)-(6.4), where the mean over
the M particles is printed with 1/N.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mfgprox.cost import Cost
from mfgprox.density import Density
from mfgprox.divergence import Divergence
from mfgprox.dynamic.hopf_lax import TerminalPotential
from mfgprox.flows.blur import blurred, require_points, scott
from mfgprox.flows.flow import FlowError, require_steps, solved
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.sampling.carry import ByMap
from mfgprox.sampling.files import write
from mfgprox.solution import Solution
from mfgprox.tolerance import Status, of_all


@dataclass(frozen=True, eq=False)
class ParticleFlow:
    """times: (steps + 1,). points: (steps + 1, particles, axes), columns x, y, z.

    energy: (steps + 1,), D_epsilon of the blurred particles and Q; gap and statuses: of each solve.
    problem: that of the last particles.
    """

    problem: Problem
    solver: str
    bandwidth: float
    times: np.ndarray
    points: np.ndarray
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

    def save(self, path: str | Path) -> Path:
        """Write the last points, `.npy` or `.csv`, as the density kind `samples` reads them."""
        return write(self.points[-1:], self.times[-1:], path)


def particle_flow(
    points: np.ndarray,
    target: np.ndarray | Density,
    *,
    epsilon: float,
    grid: Grid,
    time: float,
    steps: int,
    bandwidth: float | None = None,
    p: float = 2.0,
    cost: str | Cost = "euclidean",
    f_divergence: str | Divergence = "kl",
    solver: Any = "auto",
    callback: Callable[[int, int, float], None] | None = None,
    **options: Any,
) -> ParticleFlow:
    """Move points (particles, axes) for `time`, in equal steps, towards the target.

    target: points (many, axes), or a density. bandwidth: standard deviation of the blur, per axis;
    Scott's rule by default, at least a cell. solver, options: as for `mfgprox.solve`.
    callback(done, steps, energy) after every step. First order in the length of a step.
    Raises FlowError for points outside the box or numbers that make no sense; what `solve` raises.
    """
    require_steps(time, "time", steps)
    clouds = [require_points("points", points, grid)]
    if not isinstance(target, Density):
        clouds.append(require_points("target", target, grid))
    width = scott(clouds, grid) if bandwidth is None else float(bandwidth)
    if not (np.isfinite(width) and width > 0.0):
        raise FlowError(f"bandwidth must be a finite number above 0; got {bandwidth}")
    Q = target if isinstance(target, Density) else blurred(clouds[1], width, grid)
    here, levels, found = clouds[0], [clouds[0]], []
    for step in range(steps + 1):
        problem = Problem(
            blurred(here, width, grid), Q, epsilon=epsilon, grid=grid, p=p,
            f_divergence=f_divergence, cost=cost,
        )  # fmt: skip
        found.append(solved(problem, solver, options))
        if callback is not None and step > 0:
            callback(step, steps, found[-1].divergence)
        if step < steps:
            here = _carried(found[-1], here, time / steps)
            levels.append(here)
    return ParticleFlow(
        found[-1].problem,
        found[-1].solver,
        width,
        time / steps * np.arange(steps + 1),
        np.stack(levels),
        np.array([s.divergence for s in found]),
        np.array([s.gap for s in found]),
        tuple(s.status for s in found),
    )


def _carried(solution: Solution, points: np.ndarray, h: float) -> np.ndarray:
    """The points after the time h, T held."""
    grid, d = solution.problem.grid, solution.problem.grid.dimension
    spacing, lower = np.array(grid.spacing), np.array(grid.lower)
    places = np.zeros((len(points), 3))
    places[:, :d] = (points - lower) / spacing - 0.5
    by_map = ByMap(TerminalPotential(solution.problem, solution.U[-1]))
    ends = lower + (by_map.ends(places, places)[:, :d] + 0.5) * spacing
    left = _left(points - ends, solution.problem.cost, h)
    return np.clip(ends + left * (points - ends), lower, grid.upper)


def _left(away: np.ndarray, cost: Cost, h: float) -> np.ndarray:
    """The share of y - T that is left after h: of r' = -p r^(p-1), r its length (many, 1), or that
    of each component if the cost is separable."""
    p = cost.p
    r = np.abs(away) if cost.separable else np.sqrt((away**2).sum(axis=1, keepdims=True))
    if p == 2.0:
        return np.full_like(r, np.exp(-2.0 * h))
    with np.errstate(divide="ignore"):
        base = 1.0 + p * (p - 2.0) * h * r ** (p - 2.0)
    return np.asarray(np.maximum(base, 0.0) ** (-1.0 / (p - 2.0)))
