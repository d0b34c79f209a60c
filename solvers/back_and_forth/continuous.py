"""What a potential of the lattice problem is worth between the cell centres.

J of the spline through psi, its infimum over all y instead of centres, and the sum over Q over the
parts of the cells that an edge of Q cuts. The error is of the second order in that of psi, and its
law from grid to grid cleaner than that of the lattice values, which atoms and edges disturb.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfgprox.density.base import logarithm
from mfgprox.solvers.back_and_forth.lattice import Lattice
from mfgprox.solvers.back_and_forth.plan import Plan
from mfgprox.solvers.cut_cells import PARTS, in_parts
from mfgprox.splines import SplinePotential


@dataclass(frozen=True, eq=False)
class Continuous:
    """psi (cells of the grid, flat) and psi^c at the centres, of the grid's shape, with the
    constant that makes E_P[psi^c] the value on the lattice; value: J between the centres."""

    psi: np.ndarray
    conjugate: np.ndarray
    value: float


def continuous(lattice: Lattice, plan: Plan) -> Continuous:
    """psi where Q has mass, and the envelope of psi elsewhere."""
    problem, grid = lattice.problem, lattice.problem.grid
    _, gibbs = lattice.marginal(plan.psi)
    psi = (
        plan.psi if lattice.shared else np.where(lattice.held, plan.psi, lattice.envelope(plan.phi))
    )
    psi = psi + gibbs
    spline = SplinePotential(psi.reshape(lattice.shape), problem.cost, grid.kernel_spacing)
    conjugate = spline.c_transform()[0].reshape(grid.shape)
    value = grid.integrate(problem.P * conjugate)
    return Continuous(psi, conjugate, value - _normaliser(lattice, spline))


def _normaliser(lattice: Lattice, spline: SplinePotential) -> float:
    """eps inf_nu { nu + E_Q[f*(-psi/eps - nu)] }, which is 0 on the lattice, within cut cells."""
    problem, grid = lattice.problem, lattice.problem.grid
    # In space the parts would be too many; where mass stays off Q all its cells share one value.
    parts = None if lattice.shared or grid.dimension > 2 else in_parts(problem)
    if parts is None:
        return 0.0
    U = -spline.refined(PARTS).reshape(parts.shape)
    volume = grid.cell_volume / PARTS**grid.dimension
    return lattice.f.gibbs(U, logarithm(parts), problem.epsilon, volume)[1]
