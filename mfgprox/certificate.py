"""Bounds of the continuous problem from a terminal potential: whoever found it, however good it is.

Every psi gives a lower bound, E_P[psi^c] - eps inf_nu {nu + E_Q[f*(-psi/eps - nu)]} <= D, every R
that P is explicitly transported to an upper one; both close with the error of the discretisation.
They hold up to the errors of their sums over cells, which are estimated and given away.
Source: Baptista et al., Proximal optimal transport divergences, (2.4), (2.10) and Theorem 3.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from mfgprox.competitor import Path
from mfgprox.enclosure import Enclosure
from mfgprox.problem import Problem
from mfgprox.quadrature import constant_within, forget_parts
from mfgprox.rough_bounds import rough_bounds
from mfgprox.smooth_bounds import smooth_bounds

CLOSE = {1: 1e-5, 2: 1e-5, 3: 1e-4}
"""Relative distance of the bounds, by dimension, at which sums over more nodes are not worth their
time: twice as many per axis are eight times as many in space, of 216 coefficients each."""
ROUGH = 1e-3
"""Relative distance of the bounds above which other potentials and competitors are tried."""
MOST_NODES = {1: math.inf, 2: 1 << 22, 4: 1 << 20}
"""Nodes at most, for cells that are divided so many times per axis."""
APART = 0.02
"""Relative distance of the values themselves from which the map is torn: sums over more nodes bring
no map of what has none."""
EMPTY, FULL = 1e-12, 1e-4
"""Share of P in the cells at the walls below which the walls do not matter, and from which they
are what matters."""


@dataclass(frozen=True)
class Bounds:
    """lower <= D <= upper for the continuous problem on the box, nan for a bound that is missing.

    dual_value: the sums behind lower before anything was given away, an estimate of D whose error
    is quadratic in that of the potential. quadrature: the larger of the estimated errors of the
    sums, relative to D, which are already subtracted from lower and added to upper. truncation:
    what the mass outside the box may be worth in D, in units of the cost, not given away.
    statement: of which problem, up to what.
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
    forget_parts(problem)
    if not upper:
        found = replace(found, upper=math.nan, upper_error=0.0)
    crossed = found.least > found.most
    found = found.consistent()
    # psi = 0 proves D >= 0 without any sum.
    if found.most < 0.0:
        found = replace(found, upper_error=-found.upper)
    lower = max(found.least, 0.0)
    scale = max(lower, found.lower_error, *([found.most, found.upper_error] if upper else []))
    errors = [e / scale if scale > 0.0 else 0.0 for e in (found.lower_error, found.upper_error)]
    text = _statement(problem, errors, found.truncation, upper, crossed)
    return Bounds(
        float(lower), float(found.most), float(found.lower), max(errors), found.truncation, text
    )


def _smooth(problem: Problem, U_1: np.ndarray) -> Enclosure | None:
    """By the fast way, with a spline that reflects at the walls where the other one does not do."""
    wall = np.ones(problem.grid.shape, bool)
    wall[tuple(slice(1, -1) if n > 2 else slice(None) for n in wall.shape)] = False
    mass = float(problem.P[wall].sum()) * problem.grid.cell_volume
    found: Enclosure | None = None
    for reflecting in (mass > FULL, mass <= FULL) if mass > EMPTY else (False,):
        other = _refined(problem, U_1, reflecting)
        found = other if found is None else found if other is None else other.better(found)
        if found is not None and found.closed(CLOSE[problem.grid.dimension]):
            break
    return found


def _refined(problem: Problem, U_1: np.ndarray, reflecting: bool) -> Enclosure | None:
    """Over the cells, and over halves and quarters of cells as long as that helps."""
    coarser, found = None, None
    for parts, most in MOST_NODES.items():
        if problem.P.size * parts**problem.grid.dimension > most:
            break
        sums = smooth_bounds(problem, U_1, parts, reflecting=reflecting)
        if sums is None:
            break
        found, coarser = sums.enclosure(coarser), sums
        apart = abs(found.upper - found.lower) > APART * abs(found.lower)
        if apart or found.closed(CLOSE[problem.grid.dimension]):
            break
    return found


def _statement(
    problem: Problem, errors: list[float], truncation: float, upper: bool, crossed: bool
) -> str:
    sides = [f"{errors[0]:.1e}, which has been subtracted from the lower one"]
    if upper:
        sides.append(f"{errors[1]:.1e}, which has been added to the upper one")
    text = (
        f"Bounds of the continuous problem on the box{constant_within(problem)}, "
        f"up to an estimated relative quadrature error of {', and of '.join(sides)}"
    )
    if crossed:
        text += "; the sums contradicted each other by as much, so that neither was believed"
    if truncation > 0.0:
        text += f"; the mass that the box cuts off may be worth {truncation:.1e} more or less"
    return f"{text}."
