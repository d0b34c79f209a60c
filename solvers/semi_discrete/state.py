"""What changes during a semi-discrete solve."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from mfgprox.solvers.iterate import TRANSIENT
from mfgprox.solvers.semi_discrete.dual import Point, point
from mfgprox.solvers.semi_discrete.grids import WIDEST
from mfgprox.solvers.semi_discrete.level import Level


@dataclass
class SemiDiscreteState:
    """psi on the current grid, and the values of the coarser ones."""

    level: int
    psi: np.ndarray
    """At the sites of the current grid, as the last diagram was made from it."""
    left_out: np.ndarray | None = None
    """The sites that were left out of that diagram."""
    steps: int = 0
    """On this grid."""
    slow: int = 0
    """Steps on this grid, the last ones in a row, that brought next to nothing."""
    visited: list[int] = field(default_factory=list)
    """The grids that are done."""
    values: list[float] = field(default_factory=list)
    """Of these grids."""
    gaps: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    """Steps on these grids."""
    guide: np.ndarray | None = None
    """The potential of a start, at the centres of its grid; nan where it says nothing."""
    done: bool = False
    """Nothing is left to gain on the problem's own grid."""
    work: Level | None = field(default=None, metadata=TRANSIENT)
    at: Point | None = field(default=None, metadata=TRANSIENT)

    @property
    def point(self) -> Point:
        """Where the state stands, made again from psi after a checkpoint. Needs `work`."""
        if self.at is None:
            assert self.work is not None
            self.at = point(self.work.lattice, self.psi, self.left_out)
        return self.at

    def take(self, at: Point) -> None:
        self.at, self.psi, self.left_out = at, at.given, at.left_out

    def enter(self, level: int, work: Level, at: Point) -> None:
        """Begin on another grid."""
        self.level, self.work = level, work
        self.steps = self.slow = 0
        self.take(at)


@dataclass(frozen=True)
class Extrapolated:
    """A value in the limit of vanishing cells, and its estimated error."""

    value: float
    error: float


ORDERS = (2.0, 2.5, 3.0)
"""Of what edges of Q leave: the map is steep as one over the root of the distance there, and how
edges cut cells scatters by the third order."""
ENOUGH = 6
"""Grids to which all of these orders are fitted; to fewer, all but the last."""


def extrapolated(
    values: list[float], gaps: list[float], ratios: list[float], edges: bool = False
) -> Extrapolated:
    """The limit of the values of finer and finer grids, whose error is of second order.

    values, gaps: in the order of the grids; ratios: by which the cells of each but the last are
    wider than those of the next. Richardson's value of the last two grids; the error is what those
    of the last two pairs suggest, inf for a single grid. edges: whether edges of Q cut cells; see
    `_fitted`.
    """
    if not ratios:
        return Extrapolated(values[-1], math.inf)
    limits = _limits(values, ratios)
    left = 2.0 * sum(gaps[-2:])
    if len(limits) == 1:
        return Extrapolated(limits[-1], abs(limits[-1] - values[-1]) + left)
    if edges:
        found = _fitted(values, ratios)
        return Extrapolated(found.value, found.error + left)
    last = abs(limits[-1] - limits[-2])
    before = abs(limits[-2] - limits[-3]) if len(limits) > 2 else 2.0 * last
    # Where the law is clean, the next difference is a sixteenth of the last one.
    fall = min(max(before / last, 2.0), 8.0) if last > 0.0 else 8.0
    return Extrapolated(limits[-1], last / (fall - 1.0) + left)


def _limits(values: list[float], ratios: list[float]) -> list[float]:
    """Of each two neighbours, what an error of second order leaves."""
    return [
        fine + (fine - coarse) / (r * r - 1.0) if r > 1.0 else fine
        for coarse, fine, r in zip(values, values[1:], ratios, strict=False)
    ]


def _fitted(values: list[float], ratios: list[float]) -> Extrapolated:
    """The limit from a fit of errors of ORDERS, weighted by the third power of the cells an axis.
    The error: what the last of the orders brings."""
    width = np.cumprod([1.0, *ratios[::-1]])[::-1]
    width = width / width.min()
    taken = width <= WIDEST[True]
    width, value = width[taken], np.array(values)[taken]

    def limit(orders: tuple[float, ...]) -> float:
        columns = np.stack([width ** (q - 3.0) for q in (0.0, *orders)], axis=1)
        return float(np.linalg.lstsq(columns, value / width**3, rcond=None)[0][0])

    used = ORDERS if width.size >= ENOUGH else ORDERS[:-1]
    found = limit(used)
    return Extrapolated(found, abs(found - limit(used[:-1])))
