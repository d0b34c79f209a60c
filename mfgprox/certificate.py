"""Bounds of the continuous problem from a terminal potential: whoever found it, however good it is.

Every psi gives a lower bound, E_P[psi^c] - eps inf_nu {nu + E_Q[f*(-psi/eps - nu)]} <= D, every R
that P is explicitly transported to an upper one; both close with the error of the discretisation.
They hold up to the error of their sums over cells, which is estimated and given away.
Source: Baptista et al., Proximal optimal transport divergences, (2.4), (2.10) and Theorem 3.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.competitor import Path
from mfgprox.enclosure import Enclosure
from mfgprox.problem import Problem
from mfgprox.quadrature import by_formula
from mfgprox.rough_bounds import rough_bounds
from mfgprox.smooth_bounds import smooth_bounds

CLOSE = 1e-5
"""Relative distance of the bounds at which sums over more nodes are not worth their time."""
ROUGH = 1e-3
"""Relative distance of the bounds above which other potentials and competitors are tried."""
MOST_DIVIDED = 1 << 22
"""Nodes of divided cells at most."""


@dataclass(frozen=True)
class Bounds:
    """lower <= D <= upper for the continuous problem on the box, nan for a bound that is missing.

    dual_value: the sums behind lower before anything was given away, an estimate of D whose error
    is quadratic in that of the potential. quadrature: estimated error of the sums, relative to D,
    already subtracted from lower and added to upper. truncation: what the mass outside the box may
    be worth in D, in units of the cost, not given away. statement: of which problem, up to what.
    """

    lower: float
    upper: float
    dual_value: float
    quadrature: float
    truncation: float
    statement: str


def continuous_bounds(
    problem: Problem, U_1: np.ndarray, *, upper: bool = True, path: Path | None = None
) -> Bounds:
    """Bounds of D that a terminal potential proves.

    U_1: shaped grid.shape, in units of the cost, up to a constant; it may be anything where Q = 0
    and need not be finite. upper: whether to look for an upper bound too (nan if not). path: rho
    and momentum as in `Solution`, which may prove a better upper bound.
    """
    found = _smooth(problem, np.asarray(U_1, float).reshape(problem.grid.shape))
    if found is None or not found.closed(ROUGH):
        found = rough_bounds(problem, U_1, upper=upper, path=path).better(found)
    # psi = 0 proves D >= 0 without any sum.
    lower, above = max(found.least, 0.0), found.most if upper else math.nan
    errors = (found.lower_error, found.upper_error if upper else 0.0)
    scale = max(lower, above if math.isfinite(above) else 0.0, *errors)
    quadrature = float(max(errors) / scale) if scale > 0.0 else 0.0
    statement = _statement(problem, quadrature, found.truncation)
    return Bounds(
        float(lower), float(above), float(found.lower), quadrature, found.truncation, statement
    )


def _smooth(problem: Problem, U_1: np.ndarray) -> Enclosure | None:
    """By the fast way: over the cells, and over parts of cells where that does not tell enough."""
    first = smooth_bounds(problem, U_1)
    if first is None or first.enclosure().closed(CLOSE):
        return None if first is None else first.enclosure()
    torn = math.isinf(first.values[0])
    parts = 4 if torn else 2
    if problem.P.size * parts**problem.grid.dimension > MOST_DIVIDED:
        return first.enclosure()
    finer = smooth_bounds(problem, U_1, parts)
    return None if finer is None else finer.enclosure(None if torn else first)


def _statement(problem: Problem, quadrature: float, truncation: float) -> str:
    averaged = [n for n, d in zip("PQ", problem.densities, strict=True) if not by_formula(d)]
    which = f", {' and '.join(averaged)} constant within each cell" if averaged else ""
    text = (
        f"Bounds of the continuous problem on the box{which}, "
        f"up to an estimated relative quadrature error of {quadrature:.1e}, "
        "which has been subtracted from the lower and added to the upper one"
    )
    if truncation > 0.0:
        text += f"; the mass that the box cuts off may be worth {truncation:.1e} more or less"
    return f"{text}."
