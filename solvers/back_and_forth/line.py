"""The static problem on one grid of the line, by the masses of R in the order of the line.

P is constant in its cells, R sits on sites, the centres of the cells: P moves to R in order,
whatever p is. With F_j the mass of R up to site j, S = F_P⁻¹ and U = epsilon f'(R/Q), the value is
convex in F and stationary where, at every face between two sites,
    U_{j+1} - U_j = |S(F_j) - y_j|^p - |S(F_j) - y_{j+1}|^p.
The unknown is log R/Q, the systems tridiagonal. A gap of P is a jump of S, and a cell without Q one
where f' is constant: both are filled a little, and the filling taken down in stages.
Source: Baptista et al., Proximal optimal transport divergences, (2.4) in one dimension.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_banded

from mfgprox.divergence import KullbackLeibler
from mfgprox.divergence.base import POWER
from mfgprox.solvers.back_and_forth.lattice import Lattice
from mfgprox.solvers.newton_line_quantiles import log_cumulated

RETAINED = 1e-5
"""Share of Kullback–Leibler's f that is added where f'(0) is finite: R stays positive."""
LARGEST = 600.0
"""Of the logarithm of a ratio that the linear system is told."""
TAIL = math.log(1e-12)
"""Logarithm of a mass up to which a step may multiply it by more than it says."""
CHANGE = 8.0
"""Logarithm of what such a step may multiply it by."""
SHORTEST = 1e-4
SETTLED = 1e-10
"""Share of the mass that the last step moved."""
TRACE = 1e-12
"""Mass of a cell from which on it follows the filling."""


@dataclass(frozen=True, eq=False)
class Point:
    """log R/Q and U on the sites, and what follows at the faces between them."""

    u: np.ndarray
    U: np.ndarray
    log_R: np.ndarray
    """Logarithms of the masses."""
    log_side: np.ndarray
    """Logarithm of the mass on the lighter side of each face."""
    left: np.ndarray
    """Whether that is the left one."""
    S: np.ndarray
    log_P: np.ndarray
    """Logarithm of P at S."""
    curvature: np.ndarray
    """Derivative in S of the right-hand side of the equation above."""
    residual: np.ndarray


class Line:
    """The problem of a lattice; filled, filled_Q: share of the mass of P spread over its gaps, and
    mass spread over the cells without Q where R may have mass there."""

    def __init__(self, lattice: Lattice, filled: float, filled_Q: float) -> None:
        problem, grid = lattice.problem, lattice.problem.grid
        self.p, self.epsilon, self.f = problem.p, problem.epsilon, lattice.f
        self.h = grid.spacing[0]
        first, end = int(lattice.sources[0]), int(lattice.sources[-1]) + 1
        mass = np.zeros(end - first)
        mass[lattice.sources - first] = lattice.mass
        mass = (1.0 - filled) * mass + filled / mass.size
        self.edges = grid.lower[0] + self.h * np.arange(first, end + 1)
        with np.errstate(divide="ignore"):
            self.log_density = np.log(mass / self.h)
        self.below = np.append(0.0, np.cumsum(mass))
        self.above = np.append(0.0, np.cumsum(mass[::-1]))
        sites = np.arange(lattice.held.size) if lattice.shared else lattice.cells
        log_Q = lattice.log_Q + math.log(self.h)
        if lattice.shared:
            log_Q = np.maximum(log_Q, math.log(filled_Q / log_Q.size))
        self.log_Q, self.y = log_Q[sites], grid.centers(0)[sites]
        self.half, self.middle = 0.5 * np.diff(self.y), 0.5 * (self.y[1:] + self.y[:-1])
        self.plain = isinstance(self.f, KullbackLeibler)
        self.retained = RETAINED if math.isinf(self.f.recession) and not self.plain else 0.0

    def at(self, u: np.ndarray) -> Point:
        """The point with R = Q e^u, brought to mass one. FloatingPointError if not finite."""
        log_R = u + self.log_Q
        top = float(log_R.max())
        log_R = log_R - (top + math.log(float(np.exp(log_R - top).sum())))
        u = log_R - self.log_Q
        below, above = log_cumulated(log_R)
        below, above = below[:-1], above[1:]
        left = below < above
        S = np.where(
            left,
            np.interp(np.exp(below), self.below, self.edges),
            np.interp(np.exp(above), self.above, self.edges[::-1]),
        )
        cell = ((S - self.edges[0]) / self.h).astype(int).clip(0, self.log_density.size - 1)
        ahead, behind, p = S - self.middle + self.half, S - self.middle - self.half, self.p
        cost = np.abs(ahead) ** p - np.abs(behind) ** p
        bend = _slope(ahead, p) - _slope(behind, p)
        U = self.potential(u)
        residual = np.diff(U) - cost
        if not np.isfinite(residual).all():
            raise FloatingPointError("the potential is not finite")
        light = np.minimum(below, above)
        return Point(u, U, log_R, light, left, S, self.log_density[cell], bend, residual)

    def potential(self, u: np.ndarray) -> np.ndarray:
        """epsilon f'(e^u)."""
        if self.plain:
            return self.epsilon * u
        f = self.f
        with np.errstate(over="ignore"):
            slope = f.end - f.side * f.distance(u)  # type: ignore[attr-defined]
        return np.asarray(self.epsilon * (slope + self.retained * u))

    def direction(self, at: Point) -> tuple[np.ndarray, np.ndarray]:
        """Newton's step in u, and that of F at the faces.

        Unknown, from left to right: the change of u on a site, the relative change of F.
        """
        n, light = at.u.size, np.concatenate([[-np.inf], at.log_side, [-np.inf]])
        most = np.maximum(np.maximum(light[:-1], light[1:]), at.log_R)
        pull = at.curvature * np.exp(np.minimum(at.log_side - at.log_P, LARGEST))
        bend = self.f.log_curvature(at.u) + at.u
        rise = self.epsilon * (np.exp(np.clip(bend, -LARGEST, LARGEST)) + self.retained)
        scale = np.maximum(pull, np.maximum(rise[1:], rise[:-1]))
        band, right = np.zeros((3, 2 * n - 1)), np.zeros(2 * n - 1)
        band[1, ::2] = -np.exp(at.log_R - most)
        band[0, 1::2] = np.exp(at.log_side - most[:-1])
        band[2, 1::2] = -np.exp(at.log_side - most[1:])
        band[0, 2::2], band[1, 1::2] = rise[1:] / scale, -pull / scale
        band[2, :-1:2] = -rise[:-1] / scale
        right[1::2] = -at.residual / scale
        found = solve_banded((1, 1), band, right, check_finite=False)
        if not np.isfinite(found).all():
            raise FloatingPointError("Newton's step is not finite")
        return found[::2], found[1::2] * np.exp(at.log_side)

    def _after(self, at: Point, step: np.ndarray) -> Point:
        """R grows in proportion to the step, by more only where it stays negligible; it falls as
        f' does. A small step is taken as it is."""
        if self.plain:
            return self.at(at.u + step)
        law = self.f.law
        free = np.minimum(np.minimum(step, TAIL - at.log_R), CHANGE)
        growth = np.maximum(np.log1p(np.maximum(step, 0.0)), free)
        fall = np.minimum(step, 0.0)
        if law.kind == POWER:
            power = 1.0 - law.alpha if law.alpha < 1.0 else 1.0
            fall = -np.log1p(-power * fall) / power
        else:
            # Jensen and Shannon's: a logarithm below Q, and an end above it.
            fall = np.where(at.u > 0.0, -np.log1p(-fall), fall)
        return self.at(at.u + np.where(step > 0.0, growth, fall))

    def solved(self, at: Point, most: int) -> tuple[Point, int]:
        """Newton's method: where it ends, and the points that it tried on the way. A step is so
        long that the value at its end falls, or rises half as fast as it fell at the beginning."""
        count = 0
        for _ in range(most):
            step, change = self.direction(at)
            if float((np.exp(at.log_R) * np.abs(step)).sum()) < SETTLED:
                return at, count
            slope, length = float((at.residual * change).sum()), 1.0
            while True:
                count += 1
                new = self._after(at, length * step)
                end = float((new.residual * change).sum())
                if end >= -0.5 * slope or length < SHORTEST:
                    break
                length *= 0.5
            at = new
        return at, count

    def taken_over(self, other: Line, at: Point) -> Point:
        """The point of the same problem with another filling whose map goes to the same places."""
        shares = []
        for line in (other, self):
            below = np.interp(at.S, line.edges, line.below)
            above = np.interp(at.S, line.edges, line.above[::-1])
            below, above = (
                np.concatenate([[0.0], below, [1.0]]),
                np.concatenate([[1.0], above, [0.0]]),
            )
            shares.append(np.where(below[1:] < 0.5, np.diff(below), -np.diff(above)))
        told = (shares[0] > TRACE) & (shares[1] > TRACE)
        ratio = np.where(told, shares[1], 1.0) / np.where(told, shares[0], 1.0)
        return self.at(at.u + np.log(ratio) + other.log_Q - self.log_Q)


def _slope(x: np.ndarray, p: float) -> np.ndarray:
    return np.asarray(p * np.sign(x) * np.abs(x) ** (p - 1.0))
