"""The path where the map is smooth: rho_t by formula, of the order of the splines of its data."""

from __future__ import annotations

import numpy as np

from mfgprox.dynamic.hopf_lax import TerminalPotential
from mfgprox.kernels.displacement import displaced
from mfgprox.kernels.spline_fit import spline_coefficients
from mfgprox.kernels.threads import over
from mfgprox.problem import Problem

INVENTED = 1e-4
"""Mass that the formula may invent or lose: where a map tears it makes far more of it."""

ARRIVED = 1e-3
"""Mass that the formula may put elsewhere than R does; more is not hidden in the last step."""


class NotSmooth(Exception):
    """The formula does not hold: the map is torn, the data are rough, or p is not 2."""


class SmoothPath:
    """Masses and velocities at the cell centres, as they pass.

    R (…, z, y, x) is where the path ends. Raises NotSmooth, here or from `level` and `last`.
    """

    def __init__(self, problem: Problem, potential: TerminalPotential, R: np.ndarray) -> None:
        if not (problem.smooth and potential.quadratic) or potential.torn:
            raise NotSmooth
        self.grid, self.potential = problem.grid, potential
        self.log_P = spline_coefficients(problem.log_P.reshape(self.grid.kernel_shape))
        self.P, self.R = (a.ravel() / a.sum() for a in (problem.P, R))

    def last(self) -> tuple[np.ndarray, np.ndarray]:
        """Masses (cells,) and velocities (3, cells) at t = 1: R, if that is where the map leads."""
        masses, velocity = self.end()
        return (self.R if np.abs(masses - self.R).sum() <= ARRIVED else masses), velocity

    def end(self) -> tuple[np.ndarray, np.ndarray]:
        """Masses (cells,) and velocities (3, cells) at t = 1, where the map leads."""
        z, y, x = np.indices(self.grid.kernel_shape, float).reshape(3, -1)
        return self._formula(1.0, np.stack([x, y, z], axis=1))

    def level(self, t: float, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Masses (cells,) and velocities (3, cells) at t < 1; places: of `TerminalPotential`."""
        masses, velocity = self._formula(t, places)
        return (self.P if t == 0.0 else masses), velocity

    def _formula(self, t: float, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        cells = len(places)
        rho, velocity = np.empty(cells), np.empty((3, cells))
        over(
            displaced, cells, 20 * cells, places, 1.0 - t, self.potential.coefficients, self.log_P,
            np.array(self.grid.kernel_spacing[::-1]), np.array(self.grid.kernel_shape[::-1]), rho,
            velocity,
        )  # fmt: skip
        total = float(rho.sum())
        if not abs(total * self.grid.cell_volume - 1.0) <= INVENTED:
            raise NotSmooth
        return rho / total, velocity
