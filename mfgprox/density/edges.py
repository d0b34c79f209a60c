"""Densities with hard edges: exact averages over the cells, exact zeros outside."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mfgprox.density.base import DensityError, logarithm, require_dimension
from mfgprox.grid import Grid

SNAP = 1e-12
WHOLE = 1.0 - 1e-12
"""Share of a cell above which no edge cuts it."""
Z_NODES = 24


class Uniform:
    """Constant on the box lower < x < upper, zero elsewhere; one number per axis, x first.

    Raises DensityError for a box without volume.
    """

    smooth = False

    def __init__(self, lower: Sequence[float], upper: Sequence[float]) -> None:
        self.lower, self.upper = np.asarray(lower, float), np.asarray(upper, float)
        if self.lower.shape != self.upper.shape or not np.all(self.lower < self.upper):
            raise DensityError("a uniform density needs lower < upper on every axis")

    def log_density(self, grid: Grid) -> np.ndarray:
        require_dimension(self.lower.size, grid)
        d = grid.dimension
        total = np.full(grid.shape, -float(np.log(self.upper - self.lower).sum()))
        for i in range(d):
            share = covered(grid.edges(i), float(self.lower[i]), float(self.upper[i]))
            total += logarithm(share).reshape([-1 if a == d - 1 - i else 1 for a in range(d)])
        return total

    @property
    def volume(self) -> float:
        """Length, area or volume, by the number of axes."""
        return float(np.prod(self.upper - self.lower))

    def has_edges(self, grid: Grid) -> bool:
        return True

    def cut(self, grid: Grid) -> np.ndarray:
        """The cells that edges cut, grid.shape, bool."""
        return _in_part(self.log_density(grid), self.volume)

    def log_means(self, grid: Grid, low: list[np.ndarray], high: list[np.ndarray]) -> np.ndarray:
        """Logarithms of the means over m boxes; low, high: (m,) for each axis, x first."""
        return logarithm(self.share(low, high)) - math.log(self.volume)

    def share(self, low: list[np.ndarray], high: list[np.ndarray]) -> np.ndarray:
        """Of each of m boxes, what lies in this one; low, high: (m,) for each axis, x first."""
        part = np.ones(low[0].shape)
        for a, b, lower, upper in zip(low, high, self.lower, self.upper, strict=True):
            part = part * np.maximum(np.minimum(b, upper) - np.maximum(a, lower), 0.0) / (b - a)
        return _snapped(part)

    def cut_off(self, grid: Grid) -> float:
        require_dimension(self.lower.size, grid)
        inside = np.minimum(self.upper, grid.upper) - np.maximum(self.lower, grid.lower)
        return float(1.0 - np.prod(np.maximum(inside, 0.0) / (self.upper - self.lower)))


def covered(edges: np.ndarray, lower: float, upper: float) -> np.ndarray:
    """Share of each cell that the interval covers; slivers of rounding count as none or all."""
    overlap = np.minimum(edges[1:], upper) - np.maximum(edges[:-1], lower)
    return _snapped(overlap / np.diff(edges))


def _snapped(share: np.ndarray) -> np.ndarray:
    share = np.clip(share, 0.0, 1.0)
    share[share < SNAP] = 0.0
    share[share > 1.0 - SNAP] = 1.0
    return share


def _in_part(log_density: np.ndarray, volume: float) -> np.ndarray:
    """Cells that a constant density on a set of that volume covers in part."""
    share = np.exp(log_density) * volume
    return np.asarray((share > 0.0) & (share < WHOLE))


class Ring:
    """Uniform on inner < |x - center| < outer: two intervals, an annulus or a shell.

    Cell averages are exact in 1-D and 2-D, and by Gauss quadrature in z in 3-D. inner may be 0.
    Raises DensityError unless 0 <= inner < outer.
    """

    smooth = False

    def __init__(self, center: Sequence[float], inner: float, outer: float) -> None:
        self.center = np.asarray(center, float)
        self.inner, self.outer = float(inner), float(outer)
        if not (0.0 <= self.inner < self.outer and math.isfinite(self.outer)):
            raise DensityError("a ring needs 0 <= inner < outer")

    @property
    def volume(self) -> float:
        """Length, area or volume, by the number of axes."""
        d = self.center.size
        unit = (2.0, math.pi, 4.0 / 3.0 * math.pi)[d - 1]
        return unit * (self.outer**d - self.inner**d)

    def log_density(self, grid: Grid) -> np.ndarray:
        return logarithm(self._covered(grid)) - math.log(self.volume)

    def cut_off(self, grid: Grid) -> float:
        require_dimension(self.center.size, grid)
        lower, upper = np.array(grid.lower), np.array(grid.upper)
        if np.all(lower <= self.center - self.outer) and np.all(upper >= self.center + self.outer):
            return 0.0
        inside = float(self._covered(grid).sum()) * grid.cell_volume
        return min(max(1.0 - inside / self.volume, 0.0), 1.0)

    def _covered(self, grid: Grid) -> np.ndarray:
        """Share of each cell that lies in the ring, grid.shape."""
        require_dimension(self.center.size, grid)
        d = grid.dimension
        edges = [grid.edges(i) for i in range(d)]
        near, far = _distances([e - c for e, c in zip(edges, self.center, strict=True)])
        share = np.where((near >= self.inner) & (far <= self.outer), 1.0, 0.0)
        cut = (far > self.inner) & (near < self.outer) & (share == 0.0)
        index = np.nonzero(cut)
        low = [edges[i][index[d - 1 - i]] for i in range(d)]
        high = [edges[i][index[d - 1 - i] + 1] for i in range(d)]
        share[index] = self.share(low, high)
        return share

    def has_edges(self, grid: Grid) -> bool:
        return True

    def cut(self, grid: Grid) -> np.ndarray:
        """The cells that edges cut, grid.shape, bool."""
        return _in_part(self.log_density(grid), self.volume)

    def log_means(self, grid: Grid, low: list[np.ndarray], high: list[np.ndarray]) -> np.ndarray:
        """Logarithms of the means over m boxes; low, high: (m,) for each axis, x first."""
        return logarithm(self.share(low, high)) - math.log(self.volume)

    def share(self, low: list[np.ndarray], high: list[np.ndarray]) -> np.ndarray:
        """Of each of m boxes, what lies in the ring; low, high: (m,) for each axis, x first."""
        a = [x - c for x, c in zip(low, self.center, strict=True)]
        b = [x - c for x, c in zip(high, self.center, strict=True)]
        part = _ball_in_box(self.outer, a, b) - _ball_in_box(self.inner, a, b)
        size = np.prod([v - u for u, v in zip(a, b, strict=True)], axis=0)
        part = np.clip(part / size, 0.0, 1.0)
        return np.where(part < SNAP, 0.0, part)


def _distances(edges: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest distance of each cell from the origin, (…, z, y, x)."""
    near: np.ndarray | float = 0.0
    far: np.ndarray | float = 0.0
    d = len(edges)
    for i, e in enumerate(edges):
        shape = [-1 if a == d - 1 - i else 1 for a in range(d)]
        closest = np.maximum(np.maximum(e[:-1], -e[1:]), 0.0)
        farthest = np.maximum(np.abs(e[:-1]), np.abs(e[1:]))
        near = near + np.square(closest).reshape(shape)
        far = far + np.square(farthest).reshape(shape)
    return np.sqrt(near), np.sqrt(far)


def _ball_in_box(r: float, low: list[np.ndarray], high: list[np.ndarray]) -> np.ndarray:
    """Volume of the part of the ball of radius r about 0 that lies in each box."""
    if len(low) == 1:
        return np.maximum(np.minimum(high[0], r) - np.maximum(low[0], -r), 0.0)
    if len(low) == 2:
        radius = np.full(low[0].shape, r)
        return _disc_in_rectangle(radius, low[0], high[0], low[1], high[1])
    nodes, weights = np.polynomial.legendre.leggauss(Z_NODES)
    a, b = np.clip(low[2], -r, r), np.clip(high[2], -r, r)
    total = np.zeros(low[0].shape)
    for node, weight in zip(nodes, weights, strict=True):
        z = 0.5 * (a + b) + 0.5 * (b - a) * node
        radius = np.sqrt(np.maximum(r * r - z * z, 0.0))
        area = _disc_in_rectangle(radius, low[0], high[0], low[1], high[1])
        total += 0.5 * (b - a) * weight * area
    return total


def _disc_in_rectangle(
    r: np.ndarray, x0: np.ndarray, x1: np.ndarray, y0: np.ndarray, y1: np.ndarray
) -> np.ndarray:
    area = _disc_below(r, x1, y1) - _disc_below(r, x0, y1) - _disc_below(r, x1, y0)
    return np.maximum(area + _disc_below(r, x0, y0), 0.0)


def _disc_below(r: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Area of the points (u, v) of the disc of radius r with u < x and v < y.

    With s(u) = sqrt(r² - u²): the integral over u < x of the length clip(y, -s, s) + s.
    """
    x, y = np.clip(x, -r, r), np.clip(y, -r, r)
    bend = np.sqrt(np.maximum(r * r - y * y, 0.0))  # |u| where s(u) = |y|
    b = np.clip(x, -bend, bend)
    flat = _half_disc(r, b) - _half_disc(r, -bend)
    straight = y * (b + bend)
    above = 2.0 * (_half_disc(r, x) - _half_disc(r, -r)) + straight - flat
    return np.where(y >= 0.0, above, straight + flat)


def _half_disc(r: np.ndarray, u: np.ndarray) -> np.ndarray:
    """∫_0^u sqrt(r² - t²) dt."""
    ratio = np.divide(u, r, out=np.zeros_like(u), where=r > 0.0)
    return 0.5 * (
        u * np.sqrt(np.maximum(r * r - u * u, 0.0)) + r * r * np.arcsin(np.clip(ratio, -1.0, 1.0))
    )
