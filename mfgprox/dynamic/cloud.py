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
SPLITS = ((1.0, 3), (3.0, 7))
"""Along an axis along which its neighbours end farther from it than so many cells, a particle is
divided into so many; odd numbers, so that its middle is one of theirs."""
WIDEST = 3.0
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

    def some(self, which: np.ndarray) -> Cloud:
        """Those particles that the mask (m,) names."""
        return Cloud(*(a[which] for a in (self.mass, self.source, self.target, self.widths)))

    @classmethod
    def joined(cls, clouds: list[Cloud]) -> Cloud:
        names = ("mass", "source", "target", "widths")
        return cls(*(np.concatenate([getattr(c, name) for c in clouds]) for name in names))


def particles(problem: Problem, transform: Transform) -> Cloud:
    """Boxes that fill the cells, and points for what these leave over."""
    grid = problem.grid
    P = problem.P.reshape(grid.kernel_shape) * grid.cell_volume
    P = np.where(moves(P), P, 0.0)
    parts = PARTICLES[grid.dimension - 1]
    fine, points = _divided(P, parts)
    return Cloud.joined(
        [_sampled(transform, P.shape, fine, parts), _sampled(transform, P.shape, points, 1)]
    )


def moves(P: np.ndarray) -> np.ndarray:
    """Where P has mass enough to count."""
    return NOTHING * P.max() < P


def _sampled(transform: Transform, cells: tuple[int, ...], mass: np.ndarray, parts: int) -> Cloud:
    """Particles of the given masses in the middle of cells divided into `parts`; points if 1."""
    nodes = np.flatnonzero(mass)
    index = np.stack(np.unravel_index(nodes, mass.shape)[::-1], axis=1)
    own = np.array([parts if n > 1 else 1 for n in cells[::-1]])
    target = transform(1.0, parts, nodes)[1]
    widths = np.zeros((nodes.size, 6))
    pieces = np.ones((nodes.size, 3), int)
    for a, n in enumerate(cells[::-1]):
        if parts > 1 and n > 1:
            place = np.full(mass.shape, np.nan)
            place.ravel()[nodes] = target[:, a]
            gaps, largest = (g.ravel()[nodes] for g in _gaps(place, 2 - a))
            widths[:, a] = 1.0 / parts
            widths[:, 3 + a] = np.minimum(np.where(np.isfinite(gaps), gaps, 1.0 / parts), WIDEST)
            for stretch, number in SPLITS:
                pieces[largest > stretch, a] = number
    whole = Cloud(mass.ravel()[nodes], (index + 0.5) / own - 0.5, target, widths)
    divided = np.any(pieces > 1, axis=1)
    clouds = [whole.some(~divided)]
    for number in np.unique(pieces[divided], axis=0):
        chosen = np.all(pieces == number, axis=1)
        clouds.append(_split(transform, cells, whole.some(chosen), index[chosen], own, number))
    return Cloud.joined(clouds)


def _split(
    transform: Transform,
    cells: tuple[int, ...],
    cloud: Cloud,
    index: np.ndarray,
    parts: np.ndarray,
    pieces: np.ndarray,
) -> Cloud:
    """Every particle as pieces (3,) of them per axis: where the map is torn or spreads.

    index (m, 3): particles in the lattice of cells divided into `parts`, order x, y, z.
    """
    finest = int(np.lcm.reduce(pieces))
    lattice = np.where(parts > 1, finest, 1)
    steps = lattice // pieces
    offsets = [np.arange(k) * step + step // 2 for k, step in zip(pieces, steps, strict=True)]
    z, y, x = np.meshgrid(*offsets[::-1], indexing="ij")
    inner = np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)
    fine = (index[:, None] * lattice + inner).reshape(-1, 3)
    nodes = np.ravel_multi_index(
        tuple(fine.T[::-1]),
        [n * int(k) for n, k in zip(cells, (parts * lattice)[::-1], strict=True)],
    )
    target = transform(1.0, int((parts * lattice).max()), nodes)[1]
    widths = np.repeat(cloud.widths, len(inner), axis=0)
    widths[:, :3] /= pieces
    for a in (a for a in range(3) if pieces[a] > 1):
        place = target[:, a].reshape(-1, *pieces[::-1])
        widths[:, 3 + a] = np.minimum(_gaps(place, 3 - a)[0].ravel(), WIDEST)
    mass = np.repeat(cloud.mass / len(inner), len(inner))
    return Cloud(mass, (fine + 0.5) / (parts * lattice) - 0.5, target, widths)


def _gaps(place: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean distance to both neighbours along an axis, or at a tear that on its own side.

    place: nan where there is nothing; inf where there is no neighbour. Second: the larger distance,
    0 without neighbours.
    """
    apart = np.abs(np.diff(place, axis=axis))
    apart[np.isnan(apart)] = np.inf
    edge = np.full_like(place.take([0], axis), np.inf)
    before, after = np.concatenate([edge, apart], axis), np.concatenate([apart, edge], axis)
    gap = np.minimum(before, after)
    gap = np.where(np.maximum(before, after) < 2.0 * gap, 0.5 * (before + after), gap)
    largest = np.maximum(*(np.where(np.isfinite(d), d, 0.0) for d in (before, after)))
    return gap, largest


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
    row, column = entries.row, entries.col
    np.add.at(band, (REACH + row - column, column), entries.data)
    return band
