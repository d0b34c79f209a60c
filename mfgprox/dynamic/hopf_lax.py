"""U_t from U_1 by Hopf–Lax, and the places at which particles end.

    U_t(z) = min_y |z - y|^p / (1-t)^(p-1) + U_1(y).
Source: Baptista et al., Proximal optimal transport divergences, (2.23)-(2.25).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.ndimage import distance_transform_edt

from mfgprox.divergence import Lipschitz
from mfgprox.kernels.conjugate import conjugate
from mfgprox.kernels.spline_fit import spline_coefficients
from mfgprox.kernels.threads import over
from mfgprox.problem import Problem
from mfgprox.splines import SplinePotential
from mfgprox.transform import c_transform

TORN = 1e-8
"""Share of the mass in such cells from which it does not matter."""
STEEP = 4.0
"""Times the squared distance to where U_1 is known, psi falls below its largest continuation."""
TEAR = 8
"""Cells between the images of neighbouring cells from which a map counts as torn."""


class TerminalPotential:
    """psi = -U_1 (nz, ny, nx), continued where U_1 says nothing, and its transforms.

    U_1 (…, z, y, x) counts only where R can have mass (Q > 0, or a Lipschitz-regularised
    divergence). Raises ValueError where it is finite
    nowhere.
    """

    def __init__(self, problem: Problem, U_1: np.ndarray) -> None:
        self.problem, self.cost, self.grid = problem, problem.cost, problem.grid
        shape, self.spacing = self.grid.kernel_shape, self.grid.kernel_spacing
        psi = -np.asarray(U_1, float).reshape(shape)
        allowed = np.isfinite(psi)
        if not isinstance(problem.divergence, Lipschitz):
            allowed &= np.isfinite(np.reshape(problem.log_Q, shape))
        if not allowed.any():
            raise ValueError("U_1 must be finite somewhere in the support of Q")
        self.psi, self.envelope = self._continued(np.where(allowed, psi, -np.inf), allowed)
        _, self.lattice = c_transform(self.psi, self.cost, self.spacing)
        self.quadratic = self.cost.p == 2.0
        self.torn = self._torn()

    def _continued(self, psi: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """psi made finite: such that nothing ends where it was not, and the largest such one."""
        if known.all():
            return psi, psi
        forward, _ = c_transform(psi, self.cost, self.spacing)
        envelope = np.where(known, psi, c_transform(forward, self.cost, self.spacing)[0])
        away = distance_transform_edt(~known, sampling=self.spacing)
        return envelope - STEEP * away ** max(self.cost.p, 2.0), envelope

    @cached_property
    def coefficients(self) -> np.ndarray:
        """Of the quintic spline through psi."""
        return spline_coefficients(self.psi)

    def _torn(self) -> bool:
        """Whether there is mass between cells whose lattice images are far apart."""
        P = self.problem.P.reshape(self.psi.shape)
        apart = np.zeros(P.shape, bool)
        for image in np.unravel_index(self.lattice, P.shape):
            for axis in range(3):
                jump = np.abs(np.diff(image, axis=axis)) > TEAR
                edge = [(0, 0)] * 3
                edge[axis] = (1, 0)
                apart |= np.pad(jump, edge)
        return bool(P[apart].sum() > TORN * P.sum())

    def scale(self, t: float) -> float:
        """(1-t)^(p-1): times it, U_t is the transform of psi with the same factor."""
        return (1.0 - t) ** (self.cost.p - 1.0)

    def level(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        """U_t for t < 1, grid.shape, and the y at which its minimum is attained, (cells, 3)."""
        values, places = self.transform(self.scale(t))
        return (values / self.scale(t)).reshape(self.grid.shape), places

    def levels(self) -> np.ndarray:
        """U at all time levels, (time_steps + 1, …, z, y, x)."""
        return np.stack([*(self.level(t)[0] for t in self.grid.times[:-1]), self.terminal()])

    def terminal(self) -> np.ndarray:
        """U_1, with the largest continuation that the optimum allows where it says nothing."""
        return -self.envelope.reshape(self.grid.shape)

    def transform(
        self, scale: float, parts: int = 1, nodes: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """min_y |x - y|^p - scale psi(y) and its y, (many, 3) in cells, order x, y, z.

        x: centres of cells in `parts` per axis, those with the flat indices `nodes` or all.
        """
        sub = np.array([parts if n > 1 else 1 for n in self.psi.shape])
        if nodes is None:
            nodes = np.arange(self.psi.size * int(sub.prod()))
        if not self.quadratic or (self.torn and parts > 1):
            # Between centres the lattice may begin on the wrong side of a tear.
            values, places = SplinePotential(scale * self.psi, self.cost, self.spacing).c_transform(
                parts, nodes
            )
            return values, places[:, ::-1]
        lattice = self.lattice
        if scale != 1.0:
            _, lattice = c_transform(scale * self.psi, self.cost, self.spacing)
        values, places = np.empty(nodes.size), np.empty((nodes.size, 3))
        box = np.ones((3, 3))
        box[1] = self.spacing[::-1]
        over(
            conjugate, nodes.size, 20 * nodes.size, nodes, sub[::-1].copy(), lattice,
            self.coefficients, box, np.zeros((3, 3)), np.zeros(3), 0.0, scale, values, places,
        )  # fmt: skip
        return values, places
