"""Means of a function over boxes that its edges cut.

Along one axis after the other: an interval is divided where an edge crosses it, on the corners of
what is left of the box, and each part gets Gauss nodes. On the last axis the edges are crossed
themselves; that is the one which they cross most often, so that the lengths of what lies within
change smoothly from line to line.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mfgprox.density.crossings import crossings
from mfgprox.grid import Grid

Points = list[np.ndarray]
"""Coordinates of points, (m,) for each axis, x first."""

SCAN = {1: 8, 2: 8, 3: 4}
"""Parts of an interval at whose ends the signs are compared, by dimension."""
SLIVER = 1e-11
"""Share of an interval that is left out."""
BUDGET = 2**22
"""Numbers that are held at a time."""
ROUGH = 4
"""Points an axis of a box whose edges are too many to be found."""
POINTS = {1: 16, 2: 64, 3: 256}
"""In a box that is cut, by dimension."""
LOOK = {1: 4096, 2: 512, 3: 64}
"""Points an axis, by dimension, at whose cells the signs are compared; all edges of cells at least.
"""


@dataclass(frozen=True, eq=False)
class Jumps:
    """A function that jumps where one of its margins changes its sign.

    margins: (edges, m) at m points, never 0; log: the logarithm of the function there; work: how
    many numbers that takes at each point.
    """

    margins: Callable[[Points], np.ndarray]
    log: Callable[[Points], np.ndarray]
    work: int


def means(jumps: Jumps, low: Points, high: Points, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of m boxes an edge cuts, and the logarithms of the means over those, (m,) each.

    low, high: (m,) for each axis; nodes: of Gauss on each interval between edges.
    """
    cut, log_mean = np.zeros(low[0].size, bool), np.full(low[0].size, -np.inf)
    step = max(1, BUDGET // (POINTS[len(low)] * jumps.work))
    for start in range(0, cut.size, step):
        part = slice(start, start + step)
        ends = [x[part] for x in low], [x[part] for x in high]
        _fill(jumps, *ends, nodes, cut[part], log_mean[part])
    return cut, log_mean


def means_of_points(jumps: Jumps, low: Points, high: Points) -> np.ndarray:
    """The logarithms of rough means over m boxes, by a few points of each: for edges everywhere."""
    total = np.full(low[0].size, -np.inf)
    for places in itertools.product((np.arange(ROUGH) + 0.5) / ROUGH, repeat=len(low)):
        at = [a + (b - a) * t for a, b, t in zip(low, high, places, strict=True)]
        total = np.logaddexp(total, jumps.log(at))
    return total - len(low) * math.log(ROUGH)


def crossed(jumps: Jumps, grid: Grid) -> Points:
    """Indices of the cells whose corners, and points between these, lie on two sides of an edge.

    (m,) for each axis, x first.
    """
    parts = [max(1, -(-LOOK[grid.dimension] // n)) for n in grid.cells]
    lines = [_nodes(grid.edges(i), k) for i, k in enumerate(parts)]
    found = []
    for block in _blocks(grid.cells, parts, BUDGET // jumps.work):
        some = [
            x[s.start * k : s.stop * k + 1] for x, s, k in zip(lines, block, parts, strict=True)
        ]
        holds = (
            jumps.margins(list(np.meshgrid(*some[::-1], indexing="ij", sparse=True))[::-1]) > 0.0
        )
        every = any_of_them = holds
        for axis, k in enumerate(parts[::-1]):
            every = _over_cells(np.logical_and, every, axis + 1, k)
            any_of_them = _over_cells(np.logical_or, any_of_them, axis + 1, k)
        index = np.nonzero((any_of_them & ~every).any(axis=0))[::-1]
        found.append([k + s.start for k, s in zip(index, block, strict=True)])
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def _blocks(cells: tuple[int, ...], parts: list[int], most: int) -> Iterator[tuple[slice, ...]]:
    """Blocks of cells with no more points than that, or single cells."""
    size = list(cells)
    while max(size) > 1 and math.prod(n * k + 1 for n, k in zip(size, parts, strict=True)) > most:
        longest = size.index(max(size))
        size[longest] = (size[longest] + 1) // 2
    starts = (range(0, n, k) for n, k in zip(cells, size, strict=True))
    for corner in itertools.product(*starts):
        yield tuple(slice(a, min(a + k, n)) for a, k, n in zip(corner, size, cells, strict=True))


def _nodes(edges: np.ndarray, parts: int) -> np.ndarray:
    between = edges[:-1, None] + np.diff(edges)[:, None] * (np.arange(parts) / parts)
    return np.append(between.ravel(), edges[-1])


def _over_cells(operation: np.ufunc, values: np.ndarray, axis: int, parts: int) -> np.ndarray:
    """Over the points of each cell along an axis, both ends included."""
    cells = (values.shape[axis] - 1) // parts
    out = values.take(range(0, cells * parts, parts), axis)
    for k in range(1, parts + 1):
        out = operation(out, values.take(range(k, cells * parts + k, parts), axis))
    return out


def mixed(jumps: Jumps, low: Points, high: Points) -> np.ndarray:
    """How often edges are crossed along each axis, (axes, m), between corners and middles."""
    d, m = len(low), low[0].size
    places = [np.stack([a, 0.5 * (a + b), b], axis=1) for a, b in zip(low, high, strict=True)]
    points = []
    for axis, place in enumerate(places):
        shape = [m, *(3 if i == axis else 1 for i in range(d))]
        points.append(np.broadcast_to(place.reshape(shape), (m, *(3,) * d)).ravel())
    holds = jumps.margins(points).reshape(-1, m, *(3,) * d) > 0.0
    others = [tuple(k for k in range(d + 2) if k != 1)] * d
    return np.stack([np.diff(holds, axis=2 + i).sum(axis=o) for i, o in enumerate(others)])


def _fill(
    jumps: Jumps, low: Points, high: Points, nodes: int, cut: np.ndarray, log_mean: np.ndarray
) -> None:
    """As `means`, written into the last two."""
    order = np.argsort(mixed(jumps, low, high), axis=0, kind="stable")
    for axes in itertools.permutations(range(len(low))):
        group = np.flatnonzero((order == np.array(axes)[:, None]).all(axis=0))
        if group.size:
            ends = [x[group] for x in low], [x[group] for x in high]
            cut[group], log_mean[group] = _integrated(jumps, *ends, axes, nodes)


def _integrated(
    jumps: Jumps, low: Points, high: Points, axes: tuple[int, ...], nodes: int
) -> tuple[np.ndarray, np.ndarray]:
    m = low[0].size
    owner, weight = np.arange(m), np.ones(m)
    at: dict[int, np.ndarray] = {}
    for level, axis in enumerate(axes):
        rest = axes[level + 1 :]
        line, place, share = _divided(jumps, low, high, owner, at, axis, rest, nodes)
        owner, weight = owner[line], weight[line] * share
        at = {i: x[line] for i, x in at.items()} | {axis: place}
    points = [at[i] for i in range(len(low))]
    holds = jumps.margins(points) > 0.0
    count = np.bincount(owner, minlength=m)
    held = np.stack([np.bincount(owner, weights=h, minlength=m) for h in holds])
    cut: np.ndarray = np.any((held > 0) & (held < count), axis=0)
    log = np.full(owner.size, -np.inf)
    needed = cut[owner]
    log[needed] = jumps.log([x[needed] for x in points])
    top = np.full(m, -np.inf)
    np.maximum.at(top, owner, log)
    base = np.where(np.isfinite(top), top, 0.0)
    total = np.bincount(owner, weights=weight * np.exp(log - base[owner]), minlength=m)
    with np.errstate(divide="ignore"):
        return cut, base + np.log(total)


def _divided(
    jumps: Jumps,
    low: Points,
    high: Points,
    owner: np.ndarray,
    at: dict[int, np.ndarray],
    axis: int,
    rest: tuple[int, ...],
    nodes: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gauss nodes on the intervals between edges along an axis, of lines through the boxes `owner`.

    at: where the lines lie on the axes before; rest: the axes still to come. The line of each node,
    its place, and its share of the interval of its box.
    """
    a, b = low[axis][owner], high[axis][owner]
    lines, breaks = [], []
    for corner in itertools.product((low, high), repeat=len(rest)):
        where = at | {i: ends[i][owner] for i, ends in zip(rest, corner, strict=True)}
        line, turn = _crossed(jumps, a, b, where, axis)
        lines.append(line)
        breaks.append(turn)
    every = np.arange(a.size)
    line = np.concatenate([every, *lines, every])
    t = np.concatenate([np.zeros(a.size), *breaks, np.ones(a.size)])
    order = np.lexsort((t, line))
    line, t = line[order], t[order]
    inner = (line[1:] == line[:-1]) & (np.diff(t) > SLIVER)
    line, start, length = line[1:][inner], t[:-1][inner], np.diff(t)[inner]
    x, w = np.polynomial.legendre.leggauss(nodes)
    t = start[:, None] + length[:, None] * (0.5 + 0.5 * x)
    share = 0.5 * w * length[:, None]
    line = np.repeat(line, nodes)
    return line, a[line] + (b - a)[line] * t.ravel(), share.ravel()


def _crossed(
    jumps: Jumps, a: np.ndarray, b: np.ndarray, where: dict[int, np.ndarray], axis: int
) -> tuple[np.ndarray, np.ndarray]:
    """Which lines from a to b along an axis cross edges, and at which share of their length."""
    n, d = a.size, len(where) + 1

    def margins(t: np.ndarray, line: np.ndarray) -> np.ndarray:
        on_axis = a[line] + (b - a)[line] * t
        return jumps.margins([on_axis if i == axis else where[i][line] for i in range(d)])

    ends = np.linspace(0.0, 1.0, SCAN[d] + 1)
    scanned = margins(np.tile(ends, n), np.repeat(np.arange(n), ends.size))
    edge, line, part = np.nonzero(np.diff(scanned.reshape(-1, n, ends.size) > 0.0, axis=2))

    def own(t: np.ndarray, index: np.ndarray) -> np.ndarray:
        return margins(t, line[index])[edge[index], np.arange(index.size)]

    return line, crossings(own, ends[part], ends[part + 1])
