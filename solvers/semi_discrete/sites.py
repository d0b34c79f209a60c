"""The two measures of a semi-discrete problem: P constant on the cells of a grid, Q as atoms."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

FINENESS = 1 << 10
"""Steps of the integer coordinates in a cell of a lattice."""
CLOUD_FINENESS = 1 << 26
"""Steps of the integer coordinates across the box of a cloud."""


@dataclass(frozen=True, eq=False)
class Source:
    """P on a box in the plane, constant in each of its cells.

    lower, spacing: (x, y); P (ny, nx) per unit area, mass one. flat: a problem on the line, drawn
    as a strip whose extent along y costs nothing.
    """

    lower: tuple[float, float]
    spacing: tuple[float, float]
    P: np.ndarray
    flat: bool = False

    @property
    def upper(self) -> tuple[float, float]:
        ny, nx = self.P.shape
        return self.lower[0] + nx * self.spacing[0], self.lower[1] + ny * self.spacing[1]

    @cached_property
    def filled(self) -> Source:
        """With the mean density of the cells that have mass added everywhere."""
        return replace(self, P=self.P + self.P[self.P > 0.0].mean())

    @cached_property
    def left(self) -> np.ndarray:
        """∫P along x up to every face, (ny, nx + 1)."""
        out = np.zeros((self.P.shape[0], self.P.shape[1] + 1))
        np.cumsum(self.P * self.spacing[0], axis=1, out=out[:, 1:])
        return out

    @cached_property
    def left_x(self) -> np.ndarray:
        """∫xP along x up to every face, (ny, nx + 1)."""
        x = self.lower[0] + self.spacing[0] * (np.arange(self.P.shape[1]) + 0.5)
        out = np.zeros((self.P.shape[0], self.P.shape[1] + 1))
        np.cumsum(self.P * (self.spacing[0] * x), axis=1, out=out[:, 1:])
        return out

    @cached_property
    def support(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Flat indices of the cells with mass, and their centres x and y."""
        held = np.flatnonzero(self.P.ravel() > 0.0)
        i, j = np.unravel_index(held, self.P.shape)
        x = self.lower[0] + self.spacing[0] * (j + 0.5)
        return held, x, self.lower[1] + self.spacing[1] * (i + 0.5)

    def density(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """P at points; 0 outside of the box."""
        ny, nx = self.P.shape
        u, v = (x - self.lower[0]) / self.spacing[0], (y - self.lower[1]) / self.spacing[1]
        inside = (u >= 0.0) & (u < nx) & (v >= 0.0) & (v < ny)
        j, i = (np.where(inside, c, 0.0).astype(np.int64) for c in (u, v))
        return np.where(inside, self.P[i, j], 0.0)

    @cached_property
    def second_moment(self) -> float:
        """E_P |x|²."""
        total = 0.0
        for axis, (a, h) in enumerate(zip(self.lower, self.spacing, strict=True)):
            if axis == 1 and self.flat:
                break
            marginal = self.P.sum(axis=axis) * (self.spacing[0] * self.spacing[1])
            x = a + h * (np.arange(marginal.size) + 0.5)
            total += float((marginal * (x * x + h * h / 12.0)).sum())
        return total


@dataclass(frozen=True, eq=False)
class Sites:
    """Atoms in the plane and four outer sites far around them.

    X, Y (n + 4,): integer coordinates; x, y (n + 4,): the same places in units of length; log_b
    (n,): logarithms of the masses of the atoms, which add up to one; order: in which they are put
    into a triangulation; walk: an order in which neighbours follow each other.
    """

    X: np.ndarray
    Y: np.ndarray
    x: np.ndarray
    y: np.ndarray
    log_b: np.ndarray
    order: np.ndarray
    walk: np.ndarray

    @property
    def count(self) -> int:
        return self.log_b.size

    @cached_property
    def squares(self) -> np.ndarray:
        """|y_j|², (n,)."""
        return np.square(self.x[: self.count]) + np.square(self.y[: self.count])

    @cached_property
    def b(self) -> np.ndarray:
        return np.exp(self.log_b)

    @cached_property
    def reach(self) -> float:
        """No difference of heights above this lets an outer cell touch a box as wide as the sites'
        outer rectangle is far."""
        return float(np.hypot(np.ptp(self.x), np.ptp(self.y)))


def lattice_sites(
    lower: tuple[float, float],
    spacing: tuple[float, float],
    log_mass: np.ndarray,
    offset: tuple[np.ndarray, np.ndarray] | None = None,
) -> Sites:
    """Atoms where log_mass (ny, nx) is finite, in the order of their flat indices.

    offset: of each atom from the centre of its cell, in cells along x and y.
    """
    chosen = np.flatnonzero(np.isfinite(log_mass))
    i, j = np.unravel_index(chosen, log_mass.shape)
    shifts = [np.zeros(chosen.size)] * 2 if offset is None else [o.ravel()[chosen] for o in offset]
    X, Y = (
        np.rint((k + 0.5 + s) * FINENESS).astype(np.int64)
        for k, s in zip((j, i), shifts, strict=True)
    )
    step = (spacing[0] / FINENESS, spacing[1] / FINENESS)
    size = max(log_mass.shape) * FINENESS
    log_b = log_mass.ravel()[chosen]
    return _sites(X, Y, lower, step, size, log_b, _coarse_to_fine(i, j), _serpentine(i, j))


def cloud_sites(source: Source, points: np.ndarray, log_b: np.ndarray) -> Sites:
    """Atoms anywhere, (n, 2) with x first: rounded to 2⁻²⁶ of the box that holds P and them all."""
    low = np.minimum(points.min(axis=0), source.lower)
    high = np.maximum(points.max(axis=0), source.upper)
    step = float((high - low).max()) / CLOUD_FINENESS
    X, Y = (np.rint((points[:, a] - low[a]) / step).astype(np.int64) for a in (0, 1))
    shift = max(0, 26 - max(1, math.ceil(math.log2(math.sqrt(len(points)) + 1.0))))
    i, j = Y >> shift, X >> shift
    walk = _serpentine(i, j)
    order = _mixed(walk)
    return _sites(X, Y, (low[0], low[1]), (step, step), CLOUD_FINENESS, log_b, order, walk)


def _sites(
    X: np.ndarray,
    Y: np.ndarray,
    lower: tuple[float, float],
    step: tuple[float, float],
    size: int,
    log_b: np.ndarray,
    order: np.ndarray,
    walk: np.ndarray,
) -> Sites:
    far, end = -8 * size, 9 * size
    X = np.concatenate([X, [far, end, end, far]])
    Y = np.concatenate([Y, [far, far, end, end]])
    x, y = lower[0] + step[0] * X, lower[1] + step[1] * Y
    log_b = log_b - (log_b.max() + math.log(np.exp(log_b - log_b.max()).sum()))
    return Sites(X, Y, x, y, log_b, order, walk)


def _coarse_to_fine(i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Sites of coarser sublattices first, to and fro within each: walks stay short."""
    level = np.minimum(_twos(i), _twos(j))
    row = i >> level
    return np.lexsort((np.where(row % 2 == 0, j, -j), row, -level)).astype(np.int64)


def _twos(k: np.ndarray) -> np.ndarray:
    """How often 2 divides k; 40 for 0."""
    return np.where(k == 0, 40, np.log2(np.maximum(k & -k, 1)).astype(np.int64))


def _serpentine(i: np.ndarray, j: np.ndarray) -> np.ndarray:
    return np.lexsort((np.where(i % 2 == 0, j, -j), i)).astype(np.int64)


def _mixed(walk: np.ndarray) -> np.ndarray:
    """Every 4^k-th site of the walk first, then every 4^(k-1)-th, …"""
    place = np.arange(walk.size)
    level = np.minimum(_twos(place) // 2, 20)
    return walk[np.lexsort((place, -level))].astype(np.int64)
