"""How long a solve may take, from the number of its cells: an order of magnitude, not a promise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mfgprox.case import Case

# Seconds for one space-time cell and one for the start, warm, on one core of a 2.5 GHz server;
# measured on the shipped cases in 1 to 3 dimensions. A cost exponent other than 2 needs a root find
# in every cell.
SECONDS = {
    "primal-dual": (2.5e-5, 1.0),
    "fictitious-play": (1.5e-5, 1.0),
    "newton": (3e-6, 0.5),
}
OTHER_EXPONENT = 3.0


def estimate_seconds(case: Case) -> float:
    """Seconds that the case's solver will need, within a factor of about three."""
    grid = case.grid()
    each, start = SECONDS.get(case.solver.method, (1.5e-5, 1.0))
    factor = 1.0 if case.settings.p == 2.0 else OTHER_EXPONENT
    return start + each * factor * math.prod(grid.cells) * grid.time_steps
