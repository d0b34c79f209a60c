"""All numbers of a recomputed certificate, each with what it proves and for which problem.

Source: Baptista et al., Proximal optimal transport divergences, (2.4), (2.23) and Theorem 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from mfgprox.audit import conditional, path, static
from mfgprox.audit.lattice import Box, Lattice

NAN = math.nan
ROUNDING = 1e-9
"""Relative accuracy to which two numbers that should not cross are compared."""
SMALLEST = 1e-12
"""Absolute accuracy of the same, for D near 0."""


@dataclass(frozen=True)
class Recomputed:
    """Every field is explained, with the problem that it belongs to, in `MEANING`; nan where the
    data for it were not given."""

    mass_P: float
    mass_Q: float
    lattice_dual: float
    lower_bound: float
    proven_minimum: float
    sums: float
    within_cells: float
    mass_rho: float = NAN
    least_rho: float = NAN
    continuity: float = NAN
    start: float = NAN
    lattice_action: float = NAN
    lattice_information: float = NAN
    lattice_primal: float = NAN
    upper_bound: float = NAN

    def rows(self) -> list[tuple[str, float, str]]:
        """Name, value and meaning of every number, in reading order."""
        return [(f.name, getattr(self, f.name), MEANING[f.name]) for f in fields(self)]

    def contradictions(self, lower: float, upper: float, smooth: bool = False) -> list[str]:
        """What speaks against reported bounds of the continuous D: nothing, or sentences.

        lower, upper: nan where none was reported. smooth: whether P and Q are known to be smooth
        between the centres; a problem with other data may differ by `within_cells`.
        """
        sums = self.sums + ROUNDING * abs(self.lower_bound) + SMALLEST
        slack = sums if smooth else sums + self.within_cells
        found = []
        if lower > upper + ROUNDING * abs(upper) + SMALLEST:
            found.append(f"the lower bound {lower:.10g} lies above the upper bound {upper:.10g}")
        if upper < self.lower_bound - slack:
            found.append(
                f"the upper bound {upper:.10g} lies below the recomputed lower bound "
                f"{self.lower_bound:.10g}, by more than {slack:.1e}"
            )
        if lower > self.upper_bound + sums + self.within_cells:
            found.append(
                f"the lower bound {lower:.10g} lies above the recomputed upper bound "
                f"{self.upper_bound:.10g}, by more than {sums + self.within_cells:.1e}"
            )
        return found


MEANING = {
    "mass_P": "mass of P in the box, a sum over cells; should be 1",
    "mass_Q": "mass of Q in the box, a sum over cells; should be 1",
    "lattice_dual": (
        "E_P[psi^c] - eps inf_nu {nu + E_Q[f*(-psi/eps - nu)]} with psi^c over the centres only: "
        "proven lower bound of the static problem between atoms at the cell centres"
    ),
    "lower_bound": (
        "the same with psi^c over the whole box, psi the quintic spline through the centres: lower "
        "bound of the continuous problem on the box, P and Q smooth between the centres; the "
        "minimum is taken to second order, the sums are as accurate as `sums` says"
    ),
    "proven_minimum": (
        "that bound with a minimum that is proven not to lie lower, by what the curvatures of the "
        "cost and of the spline allow between the nodes of a finer lattice"
    ),
    "sums": "estimated error of the sums in lower_bound: how those over thirds of the cells differ",
    "within_cells": (
        "to first order, what lower_bound gains or loses if P is constant within each cell instead"
    ),
    "mass_rho": "largest deviation of the mass of rho from 1 over the time levels",
    "least_rho": "smallest value of rho; negative densities prove nothing",
    "continuity": "largest |rho_1 - rho_0 + dt div m| over a time step, per largest rho",
    "start": "∫|rho_0 - P|",
    "lattice_action": (
        "action of (rho, m) with arithmetic means on faces; infinite where m leaves empty cells"
    ),
    "lattice_information": "D_f(rho_1‖Q), a sum over cells",
    "lattice_primal": (
        "lattice_action + eps lattice_information: an upper bound of the space–time lattice "
        "problem (2.23) where continuity and start vanish; no bound of the continuous one"
    ),
    "upper_bound": (
        "cost of rho constant in each cell and of m linear between faces, plus eps D_f(rho_1‖Q): "
        "upper bound of the continuous problem on the box with P constant within each cell, where "
        "continuity and start vanish"
    ),
}


def recompute_certificate(
    grid: Box,
    P: np.ndarray,
    Q: np.ndarray,
    psi: np.ndarray,
    rho: np.ndarray | None = None,
    momentum: Sequence[np.ndarray] | None = None,
    *,
    epsilon: float,
    p: float = 2.0,
    cost: str = "euclidean",
    f_divergence: str = "kl",
    moving: Sequence[int] | None = None,
    everywhere: bool = False,
) -> Recomputed:
    """Recompute everything that a potential and a path prove.

    grid: lower, upper, cells in the order x, y, z. P, Q, psi (…, z, y, x): densities per unit
    volume and the potential psi = -U_1, anything where Q = 0. rho (steps + 1, …, z, y, x) and
    momentum, per axis in the order x, y, z on faces: (steps, …) with one more entry along its own
    axis, walls included. f_divergence: a name, such as kl or alpha(0.5).
    moving: the axes along which mass may move, 0 for x; all by default. Numbers of the continuous
    problem are then those of the problem whose other axes take the values at the centres of their
    cells. everywhere: whether R may have mass where Q = 0, as for a Lipschitz-regularised
    divergence, whose dual value is that of f_divergence for a psi that is nowhere too steep.
    Raises ValueError for shapes that do not fit and for what is not known here.
    """
    lattice = Lattice.of(grid, P, Q, epsilon, p, cost, f_divergence)
    potential = np.asarray(psi, float)
    if potential.shape != lattice.P.shape:
        raise ValueError(f"psi has shape {potential.shape}, the grid {lattice.P.shape}")
    found = (
        static.evaluate(lattice, potential, everywhere)
        if moving is None
        else conditional.evaluate(lattice, potential, moving)
    )
    numbers = {
        "mass_P": float(lattice.P.sum()) * lattice.volume,
        "mass_Q": float(lattice.Q.sum()) * lattice.volume,
        "lattice_dual": found.lattice_dual,
        "lower_bound": found.lower,
        "proven_minimum": found.proven_minimum,
        "sums": found.sums,
        "within_cells": found.within_cells,
    }
    if rho is not None and momentum is not None and len(momentum) > 0:
        way = path.evaluate(lattice, rho, momentum)
        numbers |= {
            "mass_rho": way.mass_error,
            "least_rho": way.least,
            "continuity": way.continuity,
            "start": way.start,
            "lattice_action": way.action,
            "lattice_information": way.information,
            "lattice_primal": way.action + epsilon * way.information,
            "upper_bound": way.transport + epsilon * way.end,
        }
        across = () if moving is None else set(range(len(momentum))) - set(moving)
        if any(np.any(momentum[axis]) for axis in across):
            # A flux along an axis that nothing moves along costs more than any number.
            numbers |= dict.fromkeys(("lattice_action", "lattice_primal", "upper_bound"), math.inf)
    return Recomputed(**numbers)
