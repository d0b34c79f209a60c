"""The discrete mean-field game of one grid: a backward sweep, its transpose, and both values.

The unknown is the terminal potential U_1. The dual value is
    J(U_1) = E_P[U_0] - epsilon inf_nu { nu + E_Q[f*(U_1/epsilon - nu)] },
its gradient R_pushed - R_Gibbs: what the forward sweep delivers less what the potential asks for.
At a best response the primal value of the pushed pair exceeds J by exactly
epsilon KL(R_pushed‖R_Gibbs) (the Bregman distance of D_f for other f): the discrete gap costs
nothing.
Source: Baptista et al., Proximal optimal transport divergences, (2.23)-(2.25) and Theorem 3.1.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from mfgprox.kernels import continuity, hamilton_jacobi, sensitivity
from mfgprox.problem import Problem
from mfgprox.solvers.iterate import Unsuitable

CFL_LIMIT = 0.99
"""Below 1, so that a density stays non-negative after rounding."""

AT_REST = tuple(10.0**-k for k in range(2, 17, 2))
"""Shares of the pair at rest that are tried where f(0) = ∞."""


def stable_steps(problem: Problem, speed: float) -> int:
    """The least number of time steps with which the sweeps are monotone up to this speed."""
    widths = np.array(problem.grid.spacing)
    if problem.cost.separable:
        rate = np.sqrt(2.0) * (1.0 / widths).sum()
    else:
        rate = np.sqrt(2.0 * (1.0 / widths**2).sum())
    return max(1, math.ceil(speed * float(rate) / CFL_LIMIT))


class Level:
    """A problem on its grid with speeds up to `speed` and a fixed number of internal time steps.

    Where Q has no mass, U_1 is not an unknown but the steepest continuation that its Lipschitz cap
    allows, the slope that drives `speed` along every axis: the terminal cost is then
    inf_S { epsilon D_f(S‖Q) + price of moving R to S at that slope }, the same where R lies in
    supp Q. Raises ValueError for fewer steps than the sweeps need, Unsuitable for a Q with zeros
    where f'(∞) is finite.
    """

    def __init__(self, problem: Problem, steps: int, speed: float) -> None:
        if steps < stable_steps(problem, speed):
            raise ValueError(
                f"{steps} time steps are too few for speed {speed:g}: at least "
                f"{stable_steps(problem, speed)}"
            )
        self.problem, self.steps, self.speed = problem, steps, float(speed)
        grid, cost = problem.grid, problem.cost
        self.shape = grid.kernel_shape
        self.volume = grid.cell_volume
        self.inverse = 1.0 / np.array(grid.kernel_spacing)
        self.separable = cost.separable and grid.dimension > 1
        self.factors = self.inverse**2 / steps
        self.P = np.array(problem.P).reshape(self.shape)
        self.log_Q = np.array(problem.log_Q).reshape(self.shape)
        self.support = np.isfinite(self.log_Q)
        self.positive = bool(self.support.all())
        if not self.positive and np.isfinite(problem.divergence.recession):
            raise Unsuitable(
                "fictitious-play needs Q > 0 on the whole box for an f_divergence that lets mass "
                f"stay where Q = 0; got {problem.divergence.name} and a Q with zeros"
            )

    @cached_property
    def frozen_below(self) -> float:
        """The upwind square below which the Newton matrix freezes the mobility: it is zero or
        unbounded at rest for p != 2: that of a speed that moves mass by one cell."""
        p = self.problem.p
        return float((p * min(self.problem.grid.spacing) ** (p - 1.0)) ** 2) if p != 2.0 else 0.0

    @cached_property
    def blur(self) -> float:
        """Slopes up to half of this count as rising and falling in part in the Newton matrix: those
        that move mass by a fraction of a cell, where the upwind side may still change."""
        return self.problem.cost.steepest(min(self.problem.grid.spacing))

    def admissible(self, potential: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """The potential, continued where Q = 0, and the owner of each cell (flat index)."""
        u = potential.reshape(self.shape)
        if self.positive:
            return u, None
        u = np.where(self.support, u, np.inf)
        owner = np.arange(u.size).reshape(self.shape)
        rises = self.problem.cost.steepest(self.speed) / self.inverse
        hamilton_jacobi.lipschitz_cap(u, owner, rises)
        return u, owner

    def integral(self, values: np.ndarray) -> float:
        """The sum over the cells times their volume."""
        return float(values.sum() * self.volume)

    def respond(self, potential: np.ndarray) -> Response:
        """The best response to a terminal potential, shaped like a density of the grid."""
        return Response(self, potential)


class Response:
    """The backward sweep from one U_1 and, on demand, the forward sweep with all that follows.

    wanted: U_1 before its continuation; U, rho: (steps + 1, nz, ny, nx); mobility: see the kernel.
    """

    def __init__(self, level: Level, wanted: np.ndarray) -> None:
        problem = level.problem
        self.level, self.wanted = level, wanted.reshape(level.shape)
        u, self.bound_by = level.admissible(wanted)
        self.U = np.empty((level.steps + 1, *level.shape))
        self.mobility = np.empty((level.steps, 3 if level.separable else 1, *level.shape))
        self.U[-1] = u
        hamilton_jacobi.backward_sweep(
            self.U, self.mobility, level.inverse, problem.p, level.speed, level.separable
        )
        self.gibbs, log_term = problem.divergence.gibbs(
            u, level.log_Q, problem.epsilon, level.volume
        )
        self.log_term = float(log_term)
        self.dual = level.integral(level.P * self.U[0]) - self.log_term

    @property
    def potential(self) -> np.ndarray:
        """U_1, (nz, ny, nx), continued where Q = 0."""
        return self.U[-1]

    @cached_property
    def rho(self) -> np.ndarray:
        level = self.level
        rho = np.empty_like(self.U)
        rho[0] = level.P
        continuity.forward_sweep(self.U, self.mobility, rho, level.factors)
        return rho

    @cached_property
    def owner(self) -> np.ndarray | None:
        """The cell that each cell moves with, (nz, ny, nx) of flat indices; None if all are free.

        Bound are the cells outside supp Q, and those inside that the cap keeps down although more
        mass arrives than the potential asks for; what is too much there moves on to the owner at
        the price of the cap.
        """
        if self.bound_by is None:
            return None
        cells = np.arange(self.potential.size).reshape(self.level.shape)
        return np.where(self.rho[-1] >= self.gibbs, self.bound_by, cells)

    def spread(self, along: np.ndarray) -> np.ndarray:
        """A direction on all cells from its values on the free ones."""
        return along if self.owner is None else along.ravel()[self.owner]

    def collect(self, values: np.ndarray) -> np.ndarray:
        """The transpose of `spread`."""
        if self.owner is None:
            return values
        sums = np.bincount(self.owner.ravel(), values.ravel(), values.size)
        return sums.reshape(values.shape)

    @cached_property
    def gradient(self) -> np.ndarray:
        """Of the dual value over the free cells: what arrives less what is asked for."""
        return self.collect(self.rho[-1] - self.gibbs)

    @cached_property
    def pushed(self) -> np.ndarray:
        """What the forward sweep delivers, after the move that the cap asks for."""
        if self.owner is None:
            return self.rho[-1]
        free = self.owner == np.arange(self.owner.size).reshape(self.owner.shape)
        return np.where(free, np.maximum(self.gibbs + self.gradient, 0.0), self.gibbs)

    @cached_property
    def kinetic(self) -> float:
        """∫∫ rho |v|^p of the discrete pair, and the price of the move onto supp Q.

        The sweeps are adjoint: what the potential of the mass loses on its way is what it paid.
        """
        level = self.level
        return level.integral(level.P * self.U[0]) - level.integral(self.pushed * self.potential)

    @cached_property
    def information(self) -> float:
        """D_f(R_pushed‖Q)."""
        level = self.level
        return level.problem.divergence.between(self.pushed, level.log_Q, level.volume)

    @cached_property
    def primal(self) -> float:
        """Of the pushed pair. Where f(0) = ∞ and the scheme leaves cells without mass, that is ∞:
        then of the best mixture of it with the pair at rest, which has P everywhere."""
        level, epsilon = self.level, self.level.problem.epsilon
        value = self.kinetic + epsilon * self.information
        if self.endless:
            f = level.problem.divergence
            for share in AT_REST:
                mixed = (1.0 - share) * self.pushed + share * level.P
                price = epsilon * f.between(mixed, level.log_Q, level.volume)
                value = min(value, (1.0 - share) * self.kinetic + price)
        return value

    @property
    def endless(self) -> bool:
        """Whether f(0) = ∞."""
        return not np.isfinite(self.level.problem.divergence.f(np.zeros(1))).all()

    @property
    def gap(self) -> float:
        """The primal less the dual value of this response."""
        return self.primal - self.dual

    @property
    def residual(self) -> float:
        """∫ |R_pushed - R_Gibbs|."""
        return self.level.integral(np.abs(self.pushed - self.gibbs))

    def curvature(self, along: np.ndarray) -> np.ndarray:
        """-∂R_pushed/∂U_1 · along, (nz, ny, nx): symmetric and positive semi-definite."""
        level = self.level
        out = np.empty(level.shape)
        sensitivity.second_derivative(
            self.U, self.mobility, self.rho, along, self._tangent, out, level.inverse,
            level.problem.p, level.speed, level.frozen_below, level.blur,
        )  # fmt: skip
        return -out

    @cached_property
    def _tangent(self) -> np.ndarray:
        return np.empty_like(self.U)
