"""One step of the gradient flow of D_epsilon(·‖Q): where the mass is after it.

A point x has the image T(x), and dx/dt = 2 (T - x). With T held for a time h it goes to
    x + s (T - x),   s = 1 - e^{-2h}:
the point s of the shortest path from rho to R. If the image of the particle, tau(t), goes on as it
went in the step before, it goes to
    x + s (tau - x) + w (tau - tau_before),   w = 1 - s / (2h),
the exponential Adams–Bashforth step of second order. All of it are gradients: x - tau = ∇U_0 / 2,
and with the potential of the step before, at its time s, x - tau_before = (1 - s) ∇U_s / 2. So the
step is x - ∇Phi / 2 with Phi = (s + w) U_0 - w (1 - s) U_s: a map with a potential, like T itself.
Source: Baptista et al., Proximal optimal transport divergences, (6.1) and Theorem 4.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.density import ArrayDensity, Density
from mfgprox.divergence import Lipschitz
from mfgprox.dynamic.hopf_lax import TerminalPotential
from mfgprox.dynamic.particles import moved_by
from mfgprox.dynamic.quantiles import Quantiles
from mfgprox.dynamic.smooth import NotSmooth, SmoothPath
from mfgprox.flows.density import LogDensity, with_tails
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.slices import Slices


@dataclass(frozen=True)
class Step:
    """share: s above; lead: w, or 0 for a step of first order."""

    share: float
    lead: float

    @classmethod
    def of(cls, h: float) -> Step:
        share = -math.expm1(-2.0 * h)
        return cls(share, 1.0 - share / (2.0 * h))

    @property
    def plain(self) -> Step:
        """The step of first order."""
        return Step(self.share, 0.0)


@dataclass(frozen=True, eq=False)
class Moved:
    """A density after a step, grid.shape: its logarithm, or where that is not smooth its values.

    behind: (1 - s) U_s of this step, for the next one; nan where there is none.
    """

    log_values: np.ndarray | None
    values: np.ndarray | None
    behind: np.ndarray

    def density(self, grid: Grid) -> Density:
        if self.log_values is not None:
            return LogDensity(self.log_values, grid)
        assert self.values is not None
        return ArrayDensity(self.values, grid)


def moved(
    problem: Problem, U_1: np.ndarray, R: np.ndarray, step: Step, behind: np.ndarray | None
) -> Moved:
    """P after a step; U_1 and R (grid.shape) are those of the solved problem, behind is that of
    the step before. Slices of a problem with `split` move each on its own."""
    if problem.split is None:
        return _moved(problem, U_1, R, step, behind)
    split, slices = problem.split, Slices(problem)
    log_P = split.slices(problem.log_P)
    found: list[Moved] = []
    U, ends = split.slices(U_1), split.slices(R)
    old = None if behind is None else split.slices(behind)
    for k in range(split.count):
        own = log_P[k]
        if not slices.solved[k] or not np.isfinite(U[k]).any():
            found.append(Moved(own, None, np.full(own.shape, np.nan)))
            continue
        part = slices.slice_problem(k)
        end = ends[k] / (ends[k].sum() * part.grid.cell_volume)
        new = _moved(part, U[k], end, step, None if old is None else old[k])
        weight = float(slices.log_P[k])
        found.append(
            Moved(
                None if new.log_values is None else _unit(new.log_values, part.grid) + weight,
                None if new.values is None else new.values * math.exp(weight),
                new.behind,
            )
        )
    return _joined(found, problem)


def _joined(found: list[Moved], problem: Problem) -> Moved:
    assert problem.split is not None
    field = problem.split.field
    behind = field(np.stack([m.behind for m in found]))
    logs = [m.log_values for m in found]
    if problem.smooth and all(log is not None and np.isfinite(log).all() for log in logs):
        return Moved(field(np.stack([log for log in logs if log is not None])), None, behind)
    values = [np.exp(m.log_values) if m.log_values is not None else m.values for m in found]
    return Moved(None, field(np.stack([v for v in values if v is not None])), behind)


def _moved(
    problem: Problem, U_1: np.ndarray, R: np.ndarray, step: Step, behind: np.ndarray | None
) -> Moved:
    potential = TerminalPotential(problem, U_1)
    if problem.smooth and not isinstance(problem.divergence, Lipschitz):
        try:
            return _smoothly(problem, potential, R, step, behind)
        except NotSmooth:
            pass
    P = problem.P / problem.P.sum()
    if problem.grid.dimension == 1:
        values = Quantiles(P, R / R.sum()).masses(step.share)
    else:
        values = moved_by(problem, potential, R, step.share)
    values = np.maximum(values, 0.0) / (np.maximum(values, 0.0).sum() * problem.grid.cell_volume)
    return Moved(None, values, np.full(values.shape, np.nan))


def _smoothly(
    problem: Problem,
    potential: TerminalPotential,
    R: np.ndarray,
    step: Step,
    behind: np.ndarray | None,
) -> Moved:
    """Raises NotSmooth."""
    grid = problem.grid
    path = SmoothPath(problem, potential, R)
    U_s, places = potential.level(step.share)
    if step.lead == 0.0 or behind is None or not np.isfinite(behind).all():
        masses, _ = path.level(step.share, places)
    else:
        Phi = (step.share + step.lead) * potential.level(0.0)[0] - step.lead * behind
        # The map x - ∇Phi/2 is that of the potential whose transform Phi is.
        back = TerminalPotential(problem, -Phi).level(0.0)[0]
        masses, _ = SmoothPath(problem, TerminalPotential(problem, -back), R).end()
    log_values, seen = np.array(problem.log_P), masses.reshape(grid.shape) > 0.0
    log_values[seen] = np.log(masses.reshape(grid.shape)[seen] / grid.cell_volume)
    return Moved(with_tails(log_values, grid), None, (1.0 - step.share) * U_s)


def _unit(log_values: np.ndarray, grid: Grid) -> np.ndarray:
    """The logarithm of the same density with mass one."""
    top = float(log_values.max())
    return log_values - (top + math.log(np.exp(log_values - top).sum() * grid.cell_volume))
