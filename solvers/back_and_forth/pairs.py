"""The pairs of cells that carry the plan of a potential."""

from __future__ import annotations

import math

import numpy as np

from mfgprox.kernels.active_pairs import active_pairs
from mfgprox.kernels.block_pairs import block_pairs
from mfgprox.kernels.threads import over
from mfgprox.solvers.back_and_forth.lattice import Lattice

LIMITS = np.array([9.0, 40.0, 4.0])
"""Slack in units of the blur up to which any pair counts, and up to which those count that matter
to their target; the logarithm of how much they matter."""
MARGIN, MOST_MARGIN = {1: 4, 2: 3, 3: 2}, 12
"""Cells around a minimiser, for a blur of one cell; and where cells are uneven."""
BLOCK = {1: 32, 2: 8, 3: 4}
"""Cells of a block along each axis, by the dimension."""

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]


def pairs(
    lattice: Lattice,
    psi: np.ndarray,
    phi: np.ndarray,
    argmin: np.ndarray,
    R: np.ndarray,
    blur: np.ndarray,
) -> Pairs:
    """Starts, targets and slacks of the pairs that carry mass; see the kernels.

    Around the minimisers; with a cost that is linear beyond a distance wherever they are.
    """
    nodes, shape = lattice.sources, lattice.shape
    log_R = np.log(np.maximum(R, 1e-300)).reshape(shape)
    if lattice.shared:
        log_R = np.where(lattice.held.reshape(shape), log_R, np.inf)
    unit = (blur, lattice.log_mass, log_R, LIMITS)
    psi = psi.reshape(shape)
    starts = np.zeros(nodes.size + 1, np.int64)
    targets, slack = np.empty(0, np.int64), np.empty(0)
    for fill in (False, True):
        if fill:
            np.cumsum(starts, out=starts)
            targets, slack = np.empty(starts[-1], np.int64), np.empty(starts[-1])
        if lattice.capped is None:
            margin = _margin(lattice)
            work = nodes.size * int(np.prod(2 * margin + 1))
            over(
                active_pairs, nodes.size, work, nodes, argmin, psi, phi, lattice.cost, margin,
                *unit, fill, starts, targets, slack,
            )  # fmt: skip
        else:
            blocks = _blocks(psi, BLOCK[lattice.problem.grid.dimension])
            over(
                block_pairs, nodes.size, nodes.size * (blocks[2].size + 100), nodes, *blocks, psi,
                phi, lattice.cost, *unit, fill, starts, targets, slack,
            )  # fmt: skip
    return starts, targets, slack


def _margin(lattice: Lattice) -> np.ndarray:
    margin = np.zeros(3, np.int64)
    for axis, n in enumerate(lattice.shape):
        if n > 1:
            dimension = lattice.problem.grid.dimension
            wide = math.ceil(MARGIN[dimension] * lattice.h_max / lattice.h[axis])
            margin[axis] = min(wide, MOST_MARGIN)
    return margin


def _blocks(psi: np.ndarray, size: int) -> Pairs:
    """First and last cell of the blocks with targets, (blocks, 3), and their largest psi."""
    starts = [np.arange(0, n, size) for n in psi.shape]
    top = psi
    for axis, at in enumerate(starts):
        top = np.maximum.reduceat(top, at, axis=axis)
    held = np.isfinite(top)
    low = np.stack(np.nonzero(held), axis=1) * size
    high = np.minimum(low + size, psi.shape) - 1
    return np.ascontiguousarray(low), np.ascontiguousarray(high), top[held]
