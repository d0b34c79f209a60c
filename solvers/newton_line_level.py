"""The static problem on the line for one grid: its residual, Newton's step and its values.

The unknown is u = log R/Q in the cells, U_1 = epsilon f'(e^u). The monotone map from R to P,
S = F_P⁻¹∘F_R on the faces, gives U_1 its slope, so that at the optimum of (2.4), for every cost
|x - y|^p,
    U_1' = p |S(y) - y|^(p-1) sign(S(y) - y).
This is the gradient of a convex function of F_R: S is never differentiated, a torn map is a jump of
F_P⁻¹, and where nothing moves the transport has no curvature. Where P > 0 R is nowhere zero,
whatever f is: across a gap of R U_1 would be concave, and above its ends.
Source: Baptista et al., Proximal optimal transport divergences, (2.4), (2.23)-(2.25), Theorem 3.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_banded

from mfgprox.divergence.base import KL, POWER
from mfgprox.problem import Problem
from mfgprox.solvers.newton_line_quantiles import LogQuantiles, log_cumulated
from mfgprox.splines import SplinePotential

LARGEST = 600.0
"""Of the logarithm of a ratio of masses that the linear system is told."""
TRUSTED, SMALL = 0.01, 1e-5
"""Share of the mass that a step moves below which it is taken if no part of it lowers the primal
value, and below which it is taken anyway."""
SHORTEST = ARMIJO = 1e-4
TAIL = math.log(1e-12)
"""Logarithm of a cell's mass up to which a step may multiply it by anything."""
SMALLEST_MASS = 1e-300
RESTING = 0.3
"""Displacement, in cells, below which the curvature of a cost with p < 2 is taken from there."""
GROWTH, FALL = 3.0, 3.0
"""Logarithm of what a step may divide a mass by where f'(0) is finite and does not hold it."""


@dataclass(frozen=True, eq=False)
class Point:
    """R on the cells, (n,), and what follows at the n - 1 inner faces."""

    u: np.ndarray
    U: np.ndarray
    """epsilon f'(R/Q)."""
    log_R: np.ndarray
    """Logarithm of the masses."""
    log_side: np.ndarray
    """Logarithm of the mass on the lighter side of each face."""
    left: np.ndarray
    """Whether that is the left one."""
    displacement: np.ndarray
    """S(y) - y."""
    log_P: np.ndarray
    """Logarithm of P at S(y)."""
    residual: np.ndarray


@dataclass(frozen=True, eq=False)
class Direction:
    """Newton's step in u, the slope of the primal value along it, and the mass that it moves."""

    step: np.ndarray
    slope: float
    moved: float


class LineLevel:
    """A problem with smooth positive P and Q on its one-dimensional grid."""

    def __init__(self, problem: Problem) -> None:
        grid = problem.grid
        self.problem, self.p, self.epsilon = problem, problem.p, problem.epsilon
        self.x, self.h = grid.centers(0), grid.spacing[0]
        self.inner = self.x[:-1] + 0.5 * self.h
        self.log_Q = np.asarray(problem.log_Q, float)
        self.log_P = np.asarray(problem.log_P, float)
        law = problem.divergence.law
        self.power = 1.0 - law.alpha if law.kind == POWER else 0.0
        """With which f'(t) falls to -∞ as t does to zero; 0 for a logarithm, < 0 where f'(0) is
        finite."""
        self.most = math.inf if law.kind == KL else GROWTH
        self.quantiles = LogQuantiles(self.log_P, self.x, self.h)

    def at(self, u: np.ndarray) -> Point:
        """The point with R = Q e^u, brought to mass one. FloatingPointError if not finite."""
        log_R = u + self.log_Q
        log_R = log_R - _log_sum(log_R)
        below, above = log_cumulated(log_R)
        S, log_P = self.quantiles(below[:-1], above[1:])
        away = S - self.inner
        slope = self.p * np.sign(away) * np.abs(away) ** (self.p - 1.0)
        u = log_R - self.log_Q - math.log(self.h)
        U, left = self.potential(u), below[:-1] < above[1:]
        if not (np.isfinite(U).all() and np.isfinite(slope).all()):
            raise FloatingPointError("the potential is not finite")
        residual = np.diff(U) - self.h * slope
        return Point(u, U, log_R, np.minimum(below[:-1], above[1:]), left, away, log_P, residual)

    def potential(self, u: np.ndarray) -> np.ndarray:
        """epsilon f'(e^u)."""
        f = self.problem.divergence
        with np.errstate(over="ignore"):
            return f.potential(np.exp(np.minimum(u, LARGEST)), np.zeros(u.shape), self.epsilon)

    def direction(self, at: Point) -> Direction:
        """Newton's direction.

        Unknown, from left to right: the change of u in a cell, the relative change of F_R at its
        right face. No digits are lost where R has a valley or a tail.
        """
        n, light = at.u.size, np.concatenate([[-np.inf], at.log_side, [-np.inf]])
        most = np.maximum(np.maximum(light[:-1], light[1:]), at.log_R)
        # For p < 2 the cost curves without bound where nothing moves; over a cell it does not.
        away = np.maximum(np.abs(at.displacement), RESTING * self.h if self.p < 2.0 else 0.0)
        curvature = self.p * (self.p - 1.0) * away ** (self.p - 2.0)
        pull = self.h * curvature * np.exp(np.minimum(at.log_side - at.log_P, LARGEST))
        # dU_1/du = epsilon t f''(t).
        bend = self.problem.divergence.log_curvature(at.u) + at.u
        rise = self.epsilon * np.exp(np.clip(bend, -LARGEST, LARGEST))
        scale = np.maximum(pull, np.maximum(rise[1:], rise[:-1]))
        band, right = np.zeros((3, 2 * n - 1)), np.zeros(2 * n - 1)
        # F_R grows by R across a cell; epsilon u' is what the displacement asks for.
        band[1, ::2] = -np.exp(at.log_R - most)
        band[0, 1::2] = np.exp(at.log_side - most[:-1])
        band[2, 1::2] = -np.exp(at.log_side - most[1:])
        band[0, 2::2], band[1, 1::2] = rise[1:] / scale, -pull / scale
        band[2, :-1:2] = -rise[:-1] / scale
        right[1::2] = -at.residual / scale
        solved = solve_banded((1, 1), band, right)
        step, change = solved[::2], solved[1::2]
        slope = -float((at.residual * change * np.exp(at.log_side)).sum())
        moved = float((np.exp(at.log_R) * np.abs(step)).sum())
        if not math.isfinite(moved):
            raise FloatingPointError("Newton's step is not finite")
        return Direction(step, slope, moved)

    def search(self, at: Point, way: Direction) -> Point | None:
        """The longest of the steps 1, ½, ¼, … that lowers the primal value, or after which it still
        falls or rises no more than half as fast as it fell; None if there is none."""
        value, length = self.primal(at), 1.0
        while length > SHORTEST and way.moved > SMALL:
            try:
                new = self._after(at, length * way.step)
            except FloatingPointError:
                length *= 0.5
                continue
            if self.primal(new) <= value + ARMIJO * length * way.slope or _falls(at, new):
                return new
            length *= 0.5
        # Near the root the residual and the primal value differ by the discretisation error.
        return self._after(at, way.step) if way.moved < TRUSTED else None

    def _after(self, at: Point, step: np.ndarray) -> Point:
        """R grows in proportion to the step, by more only where it stays negligible; it falls as
        f' does, which for alpha < 1 is steeper the less of it there is."""
        free = np.minimum(np.minimum(step, TAIL - at.log_R), self.most)
        growth = np.maximum(np.log1p(np.maximum(step, 0.0)), free)
        fall = np.minimum(step, 0.0)
        if self.power > 0.0:
            fall = -np.log1p(-self.power * fall) / self.power
        elif self.power < 0.0:
            fall = np.maximum(fall, -FALL)
        return self.at(at.u + np.where(step > 0.0, growth, fall))

    def with_tails(self, at: Point) -> Point:
        """The point with U_1 continued by its equation over the tails of R, which hold next to no
        mass and may be far from settled where f'(0) = -∞: Newton's steps grow by factors there."""
        if math.isinf(self.most) or self.power < 0.0:
            return at
        held = np.flatnonzero(at.log_side > TAIL)
        first, last = held[0], held[-1] + 1
        rise = np.diff(at.U) - at.residual
        U = at.U.copy()
        U[:first] = U[first] - np.cumsum(rise[:first][::-1])[::-1]
        U[last + 1 :] = U[last] + np.cumsum(rise[last:])
        outside = np.ones(U.size, bool)
        outside[first : last + 1] = False
        ratio = self.problem.divergence.conjugate_derivative(U / self.epsilon)
        told = outside & np.isfinite(ratio) & (ratio > 0.0)
        return self.at(np.where(told, np.log(np.where(told, ratio, 1.0)), at.u))

    def start(self, u: np.ndarray | None) -> Point:
        """R = Q, R = P, the mean of both or R = Q e^u, whichever has the lowest primal value;
        (2.10)."""
        apart = self.log_P - self.log_Q
        starts = [np.zeros_like(self.log_Q), apart, np.logaddexp(apart, 0.0)]
        if u is not None:
            starts.append(u)
        found = []
        for start in starts:
            try:
                found.append(self.at(start))
            except FloatingPointError:
                continue
        return min(found, key=self.primal)

    def dual(self, at: Point) -> tuple[float, np.ndarray, np.ndarray]:
        """Theorem 3.1 for psi = -U_1, and psi^c and U_1, (n,), in the gauge E_P[psi^c] = dual.

        psi is the spline through the values, and the minimum is taken over the whole box.
        """
        grid, f = self.problem.grid, self.problem.divergence
        psi = SplinePotential((-at.U).reshape(1, 1, -1), self.problem.cost, (1.0, 1.0, self.h))
        _, star = f.gibbs(at.U, self.log_Q, self.epsilon, grid.cell_volume)
        values = psi.c_transform()[0] - star
        value = grid.integrate(self.problem.P * values)
        if not math.isfinite(value):
            raise FloatingPointError("the dual value is not finite")
        return value, values, at.U - star

    def primal(self, at: Point) -> float:
        """W_p^p(P, R) + epsilon D_f(R‖Q), to fourth order: e^u Q taken as R at the centres."""
        R = np.exp(at.log_R) / self.h
        padded = np.pad(R, 1, mode="edge")
        bend = (padded[2:] - 2.0 * R + padded[:-2]) * (self.h / 24.0)
        mass = np.log(np.maximum(self.h * R + bend, SMALLEST_MASS))
        mass -= _log_sum(mass)
        lean = (padded[2:] - padded[:-2]) * (self.h / 16.0)
        below, above = log_cumulated(mass)
        half = 0.5 * np.exp(mass)
        left, right = (np.log(np.maximum(half + s * lean, SMALLEST_MASS)) for s in (-1.0, 1.0))
        S, _ = self.quantiles(
            np.logaddexp(np.append(-np.inf, below[:-1]), left),
            np.logaddexp(np.append(above[1:], -np.inf), right),
        )
        transport = self.problem.grid.integrate(R * np.abs(S - self.x) ** self.p)
        return transport + self.epsilon * self.information(at)

    def information(self, at: Point) -> float:
        """D_f(R‖Q)."""
        return self.problem.divergence.between(np.exp(at.log_R) / self.h, self.log_Q, self.h)


def _falls(at: Point, new: Point) -> bool:
    """Whether the value, convex in F_R, still falls beyond `new`, or rises half as fast at most."""
    mass = np.exp(new.log_side) - np.exp(at.log_side)
    across = 1.0 - np.exp(new.log_side) - np.exp(at.log_side)
    change = np.where(new.left == at.left, mass, across) * np.where(new.left, 1.0, -1.0)
    change = np.where(new.left == at.left, change, np.where(new.left, -across, across))
    first, last = -float((at.residual * change).sum()), -float((new.residual * change).sum())
    return first < 0.0 and last <= -0.5 * first


def _log_sum(values: np.ndarray) -> float:
    """Logarithm of the sum of exponentials; scipy's takes longer than all else on a short line."""
    top = float(values.max())
    return top + float(np.log(np.exp(values - top).sum())) if math.isfinite(top) else top
