"""What the bounds of rough data, and the path of a torn map, hold in memory: known from a case.

A plan has pairs with cells for every part of a cell that carries mass of P (`mfgprox.plan`), and
particles go from cell to cell by such a plan (`mfgprox.dynamic.coupling`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mfgprox.case.schema import CaseSettings

if TYPE_CHECKING:
    import numpy as np

PAIRS = {1: 12, 2: 25, 3: 65}
"""Cells that a part is paired with, by the dimension: measured where the map is torn."""
NUMBERS = 3.5
"""Of eight bytes for each: target, slack and weight, while the plans of two are compared."""
MOST_PARTS, PARTS_IN_ALL = 4, {1: 60_000, 2: 60_000, 3: 10_000}
BESIDE = 85
"""Arrays of the cells beside the plan."""
COUPLING = 930
"""Arrays of the cells that carry mass: entries of a plan in the plane, while they are sorted."""
NEGLIGIBLE = 1e-9


def plan(settings: CaseSettings, share: float) -> float:
    """Numbers that the plans hold in all, and what is there beside them; share: see `carried`."""
    cells, dimension = math.prod(settings.grid.cells), len(settings.grid.cells)
    carrying = max(1.0, share * cells)
    parts = int((PARTS_IN_ALL[dimension] / carrying) ** (1.0 / dimension))
    parts = max(1, min(parts, MOST_PARTS))
    return NUMBERS * carrying * parts**dimension * PAIRS[dimension] + BESIDE * cells


def coupling(settings: CaseSettings, share: float) -> float:
    """Numbers held while particles are made from a plan: in the plane, where most are."""
    if len(settings.grid.cells) != 2:
        return 0.0
    return COUPLING * share * math.prod(settings.grid.cells)


def carried(settings: CaseSettings) -> float:
    """The share of the cells that carries mass of P worth counting; all, where a file tells."""
    return _share(settings.P, settings)


def share(P: np.ndarray) -> float:
    """The same of the density itself."""
    return float((NEGLIGIBLE * P.mean() < P).mean())


def _share(density: Any, settings: CaseSettings) -> float:
    grid = settings.grid
    edges = [b - a for a, b in zip(grid.lower, grid.upper, strict=True)]
    match density.kind:
        case "mixture":
            return min(1.0, sum(_share(part, settings) for part in density.components))
        case "uniform":
            box = (
                min(b, high) - max(a, low)
                for a, b, low, high in zip(
                    density.lower, density.upper, grid.lower, grid.upper, strict=True
                )
            )
            return math.prod(max(side, 0.0) / e for side, e in zip(box, edges, strict=True))
        case "ring":
            return min(1.0, _ball(len(edges)) * math.prod(2.0 * density.outer / e for e in edges))
        case "gaussian":
            std = density.std or [math.sqrt(row[i]) for i, row in enumerate(density.cov)]
            return _of_gaussian(density.mean, std, settings)
    return 1.0


def _of_gaussian(mean: Any, std: Any, settings: CaseSettings) -> float:
    """The ellipsoid where a cell has more than NEGLIGIBLE of an equal share of the mass."""
    grid = settings.grid
    volume = math.prod(b - a for a, b in zip(grid.lower, grid.upper, strict=True))
    peak = volume / math.prod(math.sqrt(2.0 * math.pi) * s for s in std)
    radius = math.sqrt(2.0 * max(math.log(peak / NEGLIGIBLE), 0.0))
    share, whole = 1.0, True
    for m, s, a, b in zip(mean, std, grid.lower, grid.upper, strict=True):
        side = min(b, m + radius * s) - max(a, m - radius * s)
        whole = whole and side < b - a
        share *= max(side, 0.0) / (b - a)
    return share * (_ball(len(std)) if whole else 1.0)


def _ball(dimension: int) -> float:
    """The share of a cube that the ball within it has."""
    return {1: 1.0, 2: math.pi / 4.0, 3: math.pi / 6.0}[dimension]
