"""Solvers by name."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mfgprox.solvers.iterate import Solver

# Name → module and class; a solver's kernels are loaded when it is chosen.
SOLVERS = {
    "auto": ("auto", "Auto"),
    "newton": ("newton", "Newton"),
    "primal-dual": ("primal_dual", "PrimalDual"),
    "fictitious-play": ("fictitious_play", "FictitiousPlay"),
    "back-and-forth": ("back_and_forth", "BackAndForth"),
    "semi-discrete": ("semi_discrete", "SemiDiscrete"),
}
DEFAULT_SOLVER = "auto"


def make_solver(name: str, **options: Any) -> Solver:
    """The solver of that name with its settings. Raises ValueError listing what is accepted."""
    if name not in SOLVERS:
        raise ValueError(f"solver must be one of {', '.join(SOLVERS)}; got {name!r}")
    module, cls = SOLVERS[name]
    solver: Solver = getattr(import_module(f"mfgprox.solvers.{module}"), cls)(**options)
    return solver
