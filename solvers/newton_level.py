"""The dual problem of one grid: the Monge–Ampère residual, the dual value and the primal value.

The unknown is chi = psi - quadratic; psi = -U_1. The dual value
    E_P[psi^c] - epsilon inf_nu { nu + E_Q[f*(-psi/epsilon - nu)] }
is that of the quintic spline through psi, with the minimum taken over the whole box: its error is
quadratic in the error of psi. The primal value belongs to R' = P(S) det DS, S = y - ½∇psi.
Source: Baptista et al., Proximal optimal transport divergences, Theorem 3.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.cost import Cost
from mfgprox.kernels import conjugate, monge_ampere, row_differences
from mfgprox.kernels.quintic import spline_lines
from mfgprox.kernels.spline_fit import fit_axis, spline_coefficients
from mfgprox.kernels.threads import over
from mfgprox.problem import Problem
from mfgprox.solvers.newton_gibbs import gibbs_of
from mfgprox.solvers.newton_linear import Answer, Multigrid
from mfgprox.solvers.newton_start import Quadratic
from mfgprox.transform import c_transform

BLEND = (math.log(1e-12), math.log(1e-9))
"""Below the first share of the largest density no equation is kept, above the second all of it."""
FAR = 0.03
"""Zeroth-order term of the continuation where there is no mass, per squared diameter of the box."""
SEEN = 1e-14
"""Cells with less than this share of the largest P do not count in the dual value."""


@dataclass(frozen=True)
class Potential:
    """chi (nz, ny, nx), the constant of psi (see `newton_gibbs`), the dual value or nan."""

    chi: np.ndarray
    constant: float
    dual: float


@dataclass(frozen=True)
class Direction:
    """A Newton direction, the rise of the dual value that it promises (twice), and its cost."""

    step: np.ndarray
    decrement: float
    clamped: float
    """Share of the mass where an eigenvalue of DS was below its floor."""
    residual: float
    primal: float
    cycles: int


class Level:
    """A problem on its grid, with the quadratic part of psi fixed."""

    def __init__(self, problem: Problem, start: Quadratic) -> None:
        self.problem, self.gibbs = problem, gibbs_of(problem)
        self.quadratic = quadratic = self.gibbs.base(start)
        grid = problem.grid
        self.grid, self.shape, self.volume = grid, grid.kernel_shape, grid.cell_volume
        d = grid.dimension
        self.P = np.ascontiguousarray(problem.P, float).reshape(self.shape)
        log_P = np.ascontiguousarray(problem.log_P, float).reshape(self.shape)
        self.log_Q = np.ascontiguousarray(problem.log_Q, float).reshape(self.shape)
        self.log_P = spline_coefficients(log_P)
        self.base = quadratic.on(grid)
        self.weight = np.maximum(
            np.maximum(log_P - log_P.max(), self.log_Q - self.log_Q.max()),
            quadratic.log_gaussian(grid),
        )
        self.law = np.array(problem.divergence.law, float)
        self.nodes = np.flatnonzero(SEEN * self.P.max() < self.P)
        self.log_top = max(float(log_P.max()), float(self.log_Q.max()))
        self.box = np.ones((3, 3))
        self.box[0, :] = -0.5
        self.box[0, :d], self.box[1, :d] = grid.lower, grid.spacing
        self.box[2] = quadratic.centre
        self.halo = np.array([row_differences.HALO if a < d else 0 for a in range(3)])
        self.multigrid = Multigrid(grid)
        self.rhs, self.log_R = np.empty(self.shape), np.empty(self.shape)
        self.parts = np.empty((self.shape[0] * self.shape[1], monge_ampere.PARTS))

    def psi(self, potential: Potential) -> np.ndarray:
        """(nz, ny, nx)."""
        return potential.chi + (self.base + potential.constant)

    def normalised(self, chi: np.ndarray, epsilon: float) -> Potential:
        """The potential with its constant, no dual value. FloatingPointError if not finite."""
        chi = self.gibbs.admissible(chi, epsilon)
        return Potential(chi, self.gibbs.constant(chi + self.base, epsilon), math.nan)

    def log_gibbs(self, at: Potential, epsilon: float) -> np.ndarray:
        """Logarithm of the Gibbs density, (nz, ny, nx)."""
        return self.gibbs.log_density(at.chi + self.base, at.constant, epsilon)

    def evaluated(self, at: Potential) -> Potential:
        """The potential with its dual value. FloatingPointError if that is not finite."""
        psi = self.psi(at)
        start = c_transform(psi, Cost(), self.grid.kernel_spacing)[1]
        values, _ = self.conjugate(at.chi, at.constant, self.nodes, start)
        weights = self.P.ravel()[self.nodes]
        dual = float((weights * values).sum()) / float(weights.sum())
        if not math.isfinite(dual):
            raise FloatingPointError("the dual value is not finite")
        return Potential(at.chi, at.constant, dual)

    def conjugate(
        self,
        chi: np.ndarray,
        constant: float,
        nodes: np.ndarray,
        start: np.ndarray,
        parts: tuple[int, int, int] = (1, 1, 1),
        scale: float = 1.0,
    ) -> tuple[np.ndarray, np.ndarray]:
        """min over the box of |x - y|² - scale psi(y) and its y; see `kernels.conjugate`."""
        values, places = np.empty(nodes.size), np.empty((nodes.size, 3))
        q = self.quadratic
        over(
            conjugate.conjugate, nodes.size, 20 * nodes.size, nodes, np.array(parts), start,
            spline_coefficients(chi), self.box, q.H, q.g, constant, scale, values, places,
        )  # fmt: skip
        return values, places

    def direction(self, at: Potential, epsilon: float, delta: float, effort: tuple) -> Direction:
        """The Newton direction; `effort` = tolerance, cycles, krylov of `Multigrid.solve`."""
        self.linearise(at, epsilon, delta)
        try:
            self.multigrid.set_up()
        except ZeroDivisionError as error:
            raise FloatingPointError("the linear system is singular") from error
        answer: Answer = self.multigrid.solve(self.rhs, *effort)
        log_gibbs = self.log_gibbs(at, epsilon)
        known = self.gibbs.known(at.chi + self.base, epsilon)
        if known is not None:
            log_gibbs = np.where(known, log_gibbs, np.minimum(log_gibbs, self.log_R))
        gibbs = np.exp(log_gibbs)
        # R' need not have mass one on the grid: a constant in the residual moves only the gauge.
        residual = gibbs * (self.rhs - float((gibbs * self.rhs).sum()) / float(gibbs.sum()))
        decrement = float((residual * answer.u).sum()) * self.volume
        misplaced = float(np.abs(residual).sum()) * self.volume
        if known is not None:
            # Mass that these weights do not see, by Pinsker's inequality.
            misplaced = max(misplaced, math.sqrt(abs(decrement) / epsilon))
        sums = self.parts.sum(axis=0)
        return Direction(
            answer.u,
            decrement,
            float(sums[monge_ampere.CLAMPED] / sums[monge_ampere.GIBBS]),
            misplaced,
            self.primal(epsilon),
            answer.cycles,
        )

    def linearise(self, at: Potential, epsilon: float, delta: float) -> None:
        """Residual, coefficients of the linearisation, log R' and the sums of the primal value."""
        widths = [(int(k), int(k)) for k in self.halo[::-1]]
        padded = np.pad(at.chi, widths, mode="symmetric")
        q = self.quadratic
        near = np.array([*BLEND, self.log_top, FAR / self.grid.diameter**2])
        rows = len(self.parts)
        over(
            monge_ampere.linearise, rows, 20 * self.rhs.size, padded, self.halo, self.log_P,
            self.log_Q, self.weight, self.box, q.H, q.g, at.constant if self.gibbs.free else 0.0,
            epsilon, self.law, delta, near,
            self.multigrid.finest, self.rhs, self.log_R, self.parts,
        )  # fmt: skip

    def primal(self, epsilon: float) -> float:
        """W_2² + epsilon KL(R'‖Q) of the last linearisation, R' brought to mass one."""
        sums = self.parts.sum(axis=0)
        mass = float(sums[monge_ampere.MASS])
        information = float(sums[monge_ampere.INFORMATION]) / mass - math.log(mass * self.volume)
        return float(sums[monge_ampere.COST]) / mass + epsilon * information


def resampled(values: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """The spline through cell values, at the centres of other equal cells of the same box."""
    for axis, n in enumerate(shape):
        m = values.shape[axis]
        if m == n:
            continue
        if m == 1:
            values = np.repeat(values, n, axis)
            continue
        lines = np.moveaxis(fit_axis(values, axis), axis, 0)
        out = np.empty((n, lines[0].size))
        spline_lines(np.ascontiguousarray(lines).reshape(len(lines), -1), m, out)
        values = np.moveaxis(out.reshape(n, *lines.shape[1:]), 0, axis)
    return np.ascontiguousarray(values)
