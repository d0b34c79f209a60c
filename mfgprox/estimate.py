"""How long a solve may take, from the number of its cells: an order of magnitude, not a promise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfgprox.case.memory import method_of, time_levels

if TYPE_CHECKING:
    from mfgprox.case import Case
    from mfgprox.case.schema import CaseSettings


@dataclass(frozen=True)
class Seconds:
    """Processor seconds of a cell and of a cell at one time level, each (1-D, 2-D, 3-D).

    One core of a 2.6 GHz server, kernels compiled, certificate and path included; fitted to whole
    runs (`python -m benchmarks runs`).
    """

    space: tuple[float, float, float]
    in_time: tuple[float, float, float]


SECONDS = {
    "newton": Seconds((1.5e-5, 4e-6, 1.8e-5), (6e-7, 1e-6, 2e-6)),
    "semi-discrete": Seconds((2e-5, 3e-5, 1e-4), (6e-7, 1e-6, 2e-6)),
    "back-and-forth": Seconds((4e-5, 7e-5, 4e-4), (6e-7, 1e-6, 2e-6)),
    "primal-dual": Seconds((1.5e-5, 1.5e-5, 1e-4), (4e-5, 1.2e-5, 5e-5)),
    "fictitious-play": Seconds((1.5e-5, 1.5e-5, 1e-4), (5e-7, 2e-7, 2e-6)),
}
START = 0.05
SLICE = 0.15
"""Of a problem with transport along one of its axes only, on a line of 100 to 200 cells."""
OTHER_EXPONENT = 3.0
"""A cost exponent other than 2 needs a root find in every cell."""


def estimate_seconds(case: Case) -> float:
    """Seconds that the case's solver will need, within a factor of about three."""
    settings = case.settings
    cells, dimension = math.prod(settings.grid.cells), len(settings.grid.cells)
    rate = SECONDS[method_of(settings)]
    each = rate.space[dimension - 1] + rate.in_time[dimension - 1] * time_levels(settings)
    if settings.transport is not None and len(settings.transport.axes) < dimension:
        return START + SLICE * _slices(settings)
    return START + (1.0 if settings.p == 2.0 else OTHER_EXPONENT) * each * cells


def _slices(settings: CaseSettings) -> float:
    """How many lines, counting a slice of more axes as those that it has, along its first one."""
    assert settings.transport is not None
    cells, axes = settings.grid.cells, settings.transport.axes
    return math.prod(cells) / cells["xyz".index(axes[0])]
