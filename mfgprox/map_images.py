"""Images of the cell centres under the optimal map of a potential, p = 2, and its density there.

T(x) = argmin_y |x - y|² - psi(y) with a quintic spline psi. S(y) = y - ½∇psi(y) undoes T: wherever
S(T(x)) = x, T is one to one, and R = T_#P = P(S) det DS.
Source: Baptista et al., Proximal optimal transport divergences, (2.23), Theorem 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfgprox.kernels.conjugate import conjugate
from mfgprox.kernels.image import log_densities
from mfgprox.kernels.threads import over
from mfgprox.problem import Problem

SETTLED = 1e-3
"""Cells between x and S(T(x)) from which T(x) was not found."""
APART = 3
"""Cells between the lattice images of neighbours from which both are starts for either."""
CHUNK = 1 << 20
"""Nodes whose places are held at once."""


@dataclass(frozen=True, eq=False)
class Images:
    """At the cells `nodes` (flat indices), (nodes,): psi^c, |x - T(x)|², the logarithms of det DS
    (-inf at walls, where S is not monotone or T(x) was not found) and of Q at T(x), and the trace
    of DT, by how much T stretches."""

    nodes: np.ndarray
    transform: np.ndarray
    moved: np.ndarray
    log_det: np.ndarray
    log_Q: np.ndarray
    stretch: np.ndarray

    @property
    def stays(self) -> np.ndarray:
        """Where the map has no density."""
        return np.isneginf(self.log_det)


def images(
    problem: Problem, psi: np.ndarray, log_Q: np.ndarray, start: np.ndarray, nodes: np.ndarray,
    parts: int,
) -> Images:  # fmt: skip
    """Images of the centres `nodes` of cells divided into `parts` per axis.

    psi, log_Q: coefficients of quintic splines, log_Q on the divided cells; start (nz, ny, nx):
    flat index of the centre where the minimum over centres is attained, for each cell.
    """
    grid = problem.grid
    cells = np.array(grid.kernel_shape[::-1])
    sub = np.where(cells > 1, parts, 1)
    h = np.array(grid.kernel_spacing[::-1])
    found = np.empty((5, nodes.size))
    for first in range(0, nodes.size, CHUNK):
        part = nodes[first : first + CHUNK]
        transform, moved, log_det, log_Q_there, stretch = found[:, first : first + CHUNK]
        index = np.array(np.unravel_index(part, (cells * sub)[::-1])[::-1]).T
        places = _minimisers(psi, start, part, index // sub, sub, h, transform)
        source = np.empty_like(places)
        over(
            log_densities, part.size, 20 * part.size, places, psi, log_Q, sub, h, cells, source,
            log_det, log_Q_there, stretch,
        )  # fmt: skip
        x = (index + 0.5) / sub - 0.5
        moved[:] = ((h * (places - x)) ** 2).sum(axis=1)
        log_det[(np.abs(source - x) > SETTLED).any(axis=1)] = -np.inf
    return Images(nodes, *found)


def _minimisers(
    psi: np.ndarray, start: np.ndarray, nodes: np.ndarray, cell: np.ndarray, sub: np.ndarray,
    h: np.ndarray, values: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Places (m, 3) of the minima, values (m,) written. Where the map is torn, the lowest of those
    that begin at the images of the node's own cell and of its neighbours."""
    places = np.empty((nodes.size, 3))
    _descend(psi, start, nodes, sub, h, values, places)
    n = np.array(start.shape[::-1])
    image = np.stack(np.unravel_index(start, start.shape)[::-1])
    for axis in range(3):
        for step in (-1, 1) if n[axis] > 1 else ():
            other = np.roll(start, -step, 2 - axis)
            # A cell at a wall is its own neighbour there.
            edge = tuple(slice(-1, None) if step > 0 else slice(0, 1)
                         if a == 2 - axis else slice(None) for a in range(3))  # fmt: skip
            other[edge] = start[edge]
            there = np.stack(np.unravel_index(other, start.shape)[::-1])
            apart = (np.abs(there - image) > APART).any(axis=0)
            picked = np.flatnonzero(apart[cell[:, 2], cell[:, 1], cell[:, 0]])
            if picked.size:
                value, place = np.empty(picked.size), np.empty((picked.size, 3))
                _descend(psi, other, nodes[picked], sub, h, value, place)
                lower = value < values[picked]
                values[picked[lower]], places[picked[lower]] = value[lower], place[lower]
    return places


def _descend(
    psi: np.ndarray, start: np.ndarray, nodes: np.ndarray, sub: np.ndarray, h: np.ndarray,
    values: np.ndarray, places: np.ndarray,
) -> None:  # fmt: skip
    box = np.array([np.ones(3), h, np.ones(3)])
    over(
        conjugate, nodes.size, 20 * nodes.size, nodes, sub, start, psi, box, np.zeros((3, 3)),
        np.zeros(3), 0.0, 1.0, values, places,
    )  # fmt: skip
