"""Particles whose clouds add up to a density exactly, and where a map takes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.linalg import solve_banded
from scipy.ndimage import minimum_filter
from scipy.sparse import csr_array

from mfgprox.problem import Problem

Transform = Callable[[float, int, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""scale, parts, nodes -> values and places (many, 3), in cells, order x, y, z."""
PARTICLES = (32, 2, 2)
"""Particles per cell along each axis in one, two and three dimensions, where the mass is."""
WIDEST = 64.0
"""Largest width of a particle at t = 1, in cells."""
REACH = 2
"""Cells to which the smeared particles of one cell reach, interpolation included."""
NOTHING = 1e-16
"""Masses, of cells or through faces, below this share of the largest cell's are rounding: they do
not move. At the front of the mass they would pass cells that no particle rests in."""


@dataclass(frozen=True, eq=False)
class Cloud:
    """mass (m,); source, target (m, 3): places at t = 0 and 1; widths (m, 6) then and then.

    In cells, order x, y, z. At t = 0 they add up to P exactly.
    """

    mass: np.ndarray
    source: np.ndarray
    target: np.ndarray
    widths: np.ndarray


def particles(problem: Problem, transform: Transform) -> Cloud:
    """Boxes that fill the cells, and points for what these leave over."""
    grid = problem.grid
    P = problem.P.reshape(grid.kernel_shape) * grid.cell_volume
    P = np.where(moves(P), P, 0.0)
    parts = PARTICLES[grid.dimension - 1]
    fine, points = _divided(P, parts)
    clouds = [_sampled(transform, P.shape, fine, parts), _sampled(transform, P.shape, points, 1)]
    return Cloud(
        *(
            np.concatenate([getattr(c, name) for c in clouds])
            for name in ("mass", "source", "target", "widths")
        )
    )


def moves(P: np.ndarray) -> np.ndarray:
    return NOTHING * P.max() < P


def _sampled(transform: Transform, cells: tuple[int, ...], mass: np.ndarray, parts: int) -> Cloud:
    """Particles of the given masses in the middle of cells divided into `parts`; points if 1."""
    sub = np.array([parts if n > 1 else 1 for n in cells])
    nodes = np.flatnonzero(mass)
    target = transform(1.0, parts, nodes)[1]
    index = np.unravel_index(nodes, mass.shape)
    source = np.stack(
        [(i + 0.5) / k - 0.5 for i, k in zip(index[::-1], sub[::-1], strict=True)], axis=1
    )
    widths = np.zeros((nodes.size, 6))
    for a, n in enumerate(cells[::-1]):
        if parts > 1 and n > 1:
            gaps = _gaps(target[:, a], nodes, mass.shape, 2 - a)
            widths[:, a] = 1.0 / parts
            widths[:, 3 + a] = np.minimum(np.where(np.isfinite(gaps), gaps, 1.0 / parts), WIDEST)
    return Cloud(mass.ravel()[nodes], source, target, widths)


def _gaps(target: np.ndarray, nodes: np.ndarray, shape: tuple[int, ...], axis: int) -> np.ndarray:
    """Half the distance between both neighbours along an axis; at a tear the gap on its own side.

    inf where there is no neighbour.
    """
    place = np.full(shape, np.nan)
    place.ravel()[nodes] = target
    apart = np.abs(np.diff(place, axis=axis))
    apart[np.isnan(apart)] = np.inf
    edge = np.full_like(place.take([0], axis), np.inf)
    before, after = np.concatenate([edge, apart], axis), np.concatenate([apart, edge], axis)
    gap = np.minimum(before, after)
    gap = np.where(np.maximum(before, after) < 2.0 * gap, 0.5 * (before + after), gap)
    return gap.ravel()[nodes]


def _divided(P: np.ndarray, parts: int) -> tuple[np.ndarray, np.ndarray]:
    """Masses of the particles in cells divided into `parts`, and what they leave over, per cell.

    The masses are interpolated linearly between cell values that make the smeared boxes add up to
    P at the centres; the values are cut where that would leave [0, P].
    """
    values = P
    for axis, n in enumerate(P.shape):
        if n > 1:
            cover = _operators(n, parts)[1]
            values = _along(axis, partial(solve_banded, (REACH, REACH), _banded(cover)), values)
    values = np.maximum(values, 0.0)
    cover = _covered(values, parts)
    ratio = np.divide(P, cover, out=np.ones_like(P), where=cover > P)
    values = values * minimum_filter(ratio, 2 * REACH + 1, mode="nearest")
    rest = P - _covered(values, parts)
    for axis, n in enumerate(P.shape):
        if n > 1:
            values = _along(axis, _operators(n, parts)[0].dot, values)
    return values, np.where(rest > 4e-16 * P, rest, 0.0)


def _covered(values: np.ndarray, parts: int) -> np.ndarray:
    for axis, n in enumerate(values.shape):
        if n > 1:
            values = _along(axis, _operators(n, parts)[1].dot, values)
    return values


def _along(axis: int, operator: Callable[[np.ndarray], np.ndarray], a: np.ndarray) -> np.ndarray:
    lines = np.moveaxis(a, axis, 0)
    out = operator(lines.reshape(len(lines), -1))
    return np.moveaxis(out.reshape(len(out), *lines.shape[1:]), 0, axis)


def _operators(n: int, parts: int) -> tuple[csr_array, csr_array]:
    """Of one axis: cell values to particle masses (n parts, n), and to masses on cells (n, n)."""
    place = (np.arange(n * parts) + 0.5) / parts - 0.5
    left = np.clip(np.floor(place).astype(int), 0, n - 2)
    share = np.clip(place - left, 0.0, 1.0)
    rows = np.arange(n * parts)
    shape = (n * parts, n)
    between = csr_array((1.0 - share, (rows, left)), shape)
    between = (between + csr_array((share, (rows, left + 1)), shape)) / parts
    home = np.arange(n * parts) // parts
    offset = place - home
    # A box of width 1/parts around `offset`, smeared by the hat: exact integrals of |offset|.
    half = 0.5 / parts
    away = np.where(np.abs(offset) >= half, np.abs(offset), (offset**2 + half**2) / (2.0 * half))
    right = np.clip(0.5 * (away + offset), 0.0, 1.0)
    other = np.clip(0.5 * (away - offset), 0.0, 1.0)
    spread = csr_array((1.0 - right - other, (home, rows)), (n, n * parts))
    spread = spread + csr_array((right, (np.minimum(home + 1, n - 1), rows)), (n, n * parts))
    spread = spread + csr_array((other, (np.maximum(home - 1, 0), rows)), (n, n * parts))
    return between, csr_array(spread @ between)


def _banded(matrix: csr_array) -> np.ndarray:
    band = np.zeros((2 * REACH + 1, matrix.shape[0]))
    entries = matrix.tocoo()
    row, column = entries.coords
    np.add.at(band, (REACH + row - column, column), entries.data)
    return band
