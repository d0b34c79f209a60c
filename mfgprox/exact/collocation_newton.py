"""Newton's method for the equations of `collocation`.

The nodes of a panel are condensed to its two ends, the ends of all panels form a banded system.
Masses change by a factor, so that tails converge as fast as the bulk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.linalg import solve_banded

from mfgprox.exact.collocation import (
    LEAST_WEIGHT,
    SMALLEST_MASS,
    Collocation,
    Fields,
    Panels,
    System,
)
from mfgprox.exact.convex_1d import CUMULATIVE
from mfgprox.exact.distribution import NODES, WEIGHTS

NEWTON_STEPS = 40
SETTLED, NEAR = 1e-13, 1e-9
"""Mass that the last Newton step still moves; what is accepted when round-off forbids less."""
HALVINGS = 10
LARGEST_GROWTH = 3.0
"""Exponent of the largest factor by which one step changes R or its mass on one side."""


def solve(system: System, panels: Panels, fields: Fields) -> Collocation | None:
    """Newton's method from these fields; None where it does not settle."""
    found = Collocation(system, panels, fields)
    try:
        residual = _Linear(found)
    except FloatingPointError:
        return None
    for _ in range(NEWTON_STEPS):
        try:
            step = residual.step()
        except (np.linalg.LinAlgError, ValueError, FloatingPointError):
            return None
        size = residual.moved(step)
        if not np.isfinite(size):
            return None
        new = _searched(residual, step, size)
        if new is None:
            return None
        found, residual = new.at, new
        if size <= SETTLED:
            return found
    return found if size <= NEAR else None


def _searched(residual: _Linear, step: Fields, size: float) -> _Linear | None:
    """The longest of the steps 1, ½, ¼, … with less residual, or the shortest; None where even
    that passes eps f'(∞), beyond which there is no R."""
    found, new, length = residual.at, None, 1.0
    for _ in range(HALVINGS):
        fields = _moved(found.fields, step, length, LARGEST_GROWTH * found.system.epsilon)
        try:
            new = _Linear(replace(found, fields=fields))
        except FloatingPointError:
            length *= 0.5
            continue
        if size < 1e-6 or new.size() <= (1.0 - 0.1 * length) * residual.size():
            break
        length *= 0.5
    return new


def _moved(fields: Fields, step: Fields, length: float, most: float) -> Fields:
    """Masses change by a factor, as tails want it; the potential by `most` at once."""
    U = np.clip(length * step.U, -most, most), np.clip(length * step.ends_U, -most, most)
    return Fields(
        fields.U + U[0],
        _grown(fields.M, length * step.M),
        fields.ends_U + U[1],
        _grown(fields.ends_M, length * step.ends_M),
    )


def _grown(M: np.ndarray, change: np.ndarray) -> np.ndarray:
    growth = np.divide(change, M, out=np.zeros_like(M), where=np.abs(M) > SMALLEST_MASS)
    return M * np.exp(np.clip(growth, -LARGEST_GROWTH, LARGEST_GROWTH))


class _Linear:
    """The equations and their linearisation at one set of fields. FloatingPointError where U is
    not below eps f'(∞)."""

    def __init__(self, at: Collocation) -> None:
        system, panels, fields = at.system, at.panels, at.fields
        self.at = at
        shift = panels.shift[:, None]
        y, half = panels.nodes, panels.half[:, None]
        S = at.origin(fields.M, shift)
        self.g, self.R = system.slope(S - y), at.density(fields.U, y)
        if not np.isfinite(self.R).all():
            raise FloatingPointError("R is not finite")
        density = system.P.highest_density(S)
        self.g_M = system.bend(S - y) / density
        self.R_U = self.R * system.log_ratio_slope(fields.U)
        self.residual_U = fields.ends_U[0][:, None] + half * (self.g @ CUMULATIVE.T) - fields.U
        self.residual_M = fields.ends_M[0][:, None] + half * (self.R @ CUMULATIVE.T) - fields.M
        self.end_U = fields.ends_U[0] + panels.half * (self.g @ WEIGHTS) - fields.ends_U[1]
        self.end_M = fields.ends_M[0] + panels.half * (self.R @ WEIGHTS) - fields.ends_M[1]
        self.minority = np.clip(np.abs(fields.M), LEAST_WEIGHT, 1.0)
        """The smaller of the masses on both sides, by which an error of U there counts."""

    def size(self) -> float:
        """What the residuals are worth, in masses."""
        weight = self.minority / self.at.system.epsilon
        inside = (weight * np.abs(self.residual_U) + np.abs(self.residual_M)).max(axis=1)
        ends = weight.max(axis=1) * np.abs(self.end_U) + np.abs(self.end_M)
        return float(inside.sum() + ends.sum())

    def moved(self, step: Fields) -> float:
        """The largest relative change of R that a step makes, by the mass that it concerns."""
        return float((self.minority * np.abs(step.U)).max()) / self.at.system.epsilon

    def step(self) -> Fields:
        panels = self.at.panels
        half, k = panels.half[:, None], panels.left.size
        # dU = rU + dU_l + half A g_M dM; put into dM = rM + dM_l + half A R_U dU.
        into_U = half[:, :, None] * CUMULATIVE * self.g_M[:, None, :]
        into_M = half[:, :, None] * CUMULATIVE * self.R_U[:, None, :]
        ones = np.ones_like(self.residual_U)
        from_U = np.stack([self.residual_U, ones, np.zeros_like(ones)], axis=2)
        right = into_M @ from_U
        right[:, :, 0] += self.residual_M
        right[:, :, 2] += 1.0
        dM = np.linalg.solve(np.eye(NODES.size) - into_M @ into_U, right)
        dU = from_U + into_U @ dM
        out_U = half * np.einsum("m,km,kmc->kc", WEIGHTS, self.g_M, dM)
        out_M = half * np.einsum("m,km,kmc->kc", WEIGHTS, self.R_U, dU)
        out_U[:, 0] += self.end_U
        out_M[:, 0] += self.end_M
        out_U[:, 1] += 1.0
        out_M[:, 2] += 1.0
        ends = self._ends(out_U, out_M)
        left = np.stack([np.ones(k), ends[0], ends[1]], axis=1)
        return Fields(
            np.einsum("kmc,kc->km", dU, left),
            np.einsum("kmc,kc->km", dM, left),
            ends[[0, 2]],
            ends[[1, 3]],
        )

    def _ends(self, out_U: np.ndarray, out_M: np.ndarray) -> np.ndarray:
        """Changes of U and M at the left ends, then at the right ones, (4, k): a banded system."""
        panels, fields = self.at.panels, self.at.fields
        k = panels.left.size
        mass = np.maximum(np.abs(fields.ends_M), panels.half * self.R.max(axis=1))
        scale = np.maximum(mass, SMALLEST_MASS)
        banded, right = np.zeros((7, 4 * k)), np.zeros(4 * k)

        def put(row: np.ndarray, column: np.ndarray, value: np.ndarray) -> None:
            # Columns of M are in units of `scale`.
            which = column % 4
            unit = np.where(which % 2 == 1, scale[which // 2, column // 4], 1.0)
            banded[3 + row - column, column] = value * unit

        # Rows: 0 first end, 1 + 4j and 2 + 4j panel j, 3 + 4j and 4 + 4j its link, the last end.
        j = np.arange(k)
        u_l, m_l, u_r, m_r = 4 * j, 4 * j + 1, 4 * j + 2, 4 * j + 3
        one = np.ones(k)
        put(np.array([0]), m_l[:1], 1.0 / scale[0, :1])
        right[0] = (panels.first - fields.ends_M[0, 0]) / scale[0, 0]
        for row, out, target, weight in (
            (1 + 4 * j, out_U, u_r, one),
            (2 + 4 * j, out_M, m_r, 1.0 / scale[1]),
        ):
            put(row, u_l, -out[:, 1] * weight)
            put(row, m_l, -out[:, 2] * weight)
            put(row, target, weight)
            right[row] = out[:, 0] * weight
        self._links(put, right, scale)
        put(np.array([4 * k - 1]), m_r[-1:], 1.0 / scale[1, -1:])
        right[-1] = (-panels.last - fields.ends_M[1, -1]) / scale[1, -1]
        found = solve_banded((3, 3), banded, right).reshape(k, 4).T.copy()
        found[[1, 3]] *= scale
        return found

    def _links(self, put: Callable, right: np.ndarray, scale: np.ndarray) -> None:
        panels, fields, system = self.at.panels, self.at.fields, self.at.system
        j = np.arange(panels.left.size - 1)
        a, b = panels.right[:-1], panels.left[1:]
        step = np.diff(panels.shift)
        M_r, M_l = fields.ends_M[1, :-1], fields.ends_M[0, 1:]
        S = self.at.origin(M_r, panels.shift[:-1])
        jump = np.where(b > a, np.abs(S - a) ** system.p - np.abs(S - b) ** system.p, 0.0)
        bend = np.where(b > a, system.slope(S - a) - system.slope(S - b), 0.0)
        bend = bend / system.P.highest_density(S)
        free = np.isnan(panels.fixed)
        weight = 1.0 / np.maximum(scale[1, :-1], scale[0, 1:])
        row = 3 + 4 * j
        # Free: U(b) - U(a) = jump(S(M)) and M goes on; fixed: M is known on both sides.
        put(row[free], (4 * j + 4)[free], np.ones(free.sum()))
        put(row[free], (4 * j + 2)[free], -np.ones(free.sum()))
        put(row[free], (4 * j + 3)[free], -bend[free])
        change = jump - (fields.ends_U[0, 1:] - fields.ends_U[1, :-1])
        level = np.where(free, 0.0, panels.fixed) - panels.shift[:-1]
        put(row[~free], (4 * j + 3)[~free], weight[~free])
        right[row] = np.where(free, change, (level - M_r) * weight)
        row = row + 1
        put(row, 4 * j + 5, weight)
        put(row[free], (4 * j + 3)[free], -weight[free])
        level = np.where(free, M_r + panels.shift[:-1], panels.fixed) - panels.shift[1:]
        right[row] = np.where(free, M_r - step, level) * weight - M_l * weight
