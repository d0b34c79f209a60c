"""The path where the map is torn, or the data are rough: particles on straight lines.

Parts of cells that spread with the map where the data are smooth and p = 2; elsewhere, where such
end far from R (their smear crosses edges), pairs of cells.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mfgprox.divergence import Lipschitz
from mfgprox.dynamic.cloud import NOTHING, Cloud, moves, particles
from mfgprox.dynamic.coupling import coupling
from mfgprox.dynamic.hopf_lax import TerminalPotential
from mfgprox.kernels.deposition import deposit
from mfgprox.kernels.threads import over
from mfgprox.problem import Problem


def move(
    problem: Problem, potential: TerminalPotential, R: np.ndarray
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """rho and momentum of the particles that P is divided into, shapes as in `DynamicPair`.

    R: the minimiser, grid.shape, where they should end.
    """
    return _deposited(problem, _cloud(problem, potential, R))


def moved_by(
    problem: Problem, potential: TerminalPotential, R: np.ndarray, share: float
) -> np.ndarray:
    """Densities of the same particles at the time `share` of the path alone, grid.shape."""
    whole = _cloud(problem, potential, R)
    widths = whole.widths.copy()
    widths[:, 3:] = (1.0 - share) * widths[:, :3] + share * widths[:, 3:]
    target = (1.0 - share) * whole.source + share * whole.target
    return _deposited(problem, replace(whole, target=target, widths=widths), steps=1)[0][1]


def _cloud(problem: Problem, potential: TerminalPotential, R: np.ndarray) -> Cloud:
    if problem.smooth and potential.quadratic and not isinstance(problem.divergence, Lipschitz):
        return particles(problem, potential.transform)
    return coupling(problem, potential, R)


def _deposited(
    problem: Problem, cloud: Cloud, steps: int | None = None
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    grid, steps = problem.grid, steps or problem.grid.time_steps
    density = np.zeros((steps + 1, *grid.shape))
    density[0] = problem.P * grid.cell_volume
    flux = []
    for axis in range(3):
        shape = list(grid.shape)
        if axis < grid.dimension:
            shape[grid.dimension - 1 - axis] += 1
        flux.append(np.zeros((steps, *shape) if axis < grid.dimension else (steps, 1)))
    over(
        deposit, steps, 50 * cloud.mass.size * steps, cloud.mass, cloud.source, cloud.target,
        cloud.widths, np.array(grid.kernel_shape[::-1]), float(cloud.widths.max(initial=0.0)),
        *(a.reshape(len(a), -1) for a in (density[1:], *flux)),
    )  # fmt: skip
    density[1:] += np.where(moves(problem.P), 0.0, density[0])
    for through in flux:
        through[np.abs(through) < NOTHING * density[0].max()] = 0.0
    momentum = tuple(
        flux[axis] * (grid.spacing[axis] * steps / grid.cell_volume)
        for axis in range(grid.dimension)
    )
    return density / grid.cell_volume, momentum
