"""Proximal optimal transport divergences by solving their mean-field game on grids.

The names below are the public ones; each is loaded when it is first used, since NumPy is light and
Numba and Matplotlib are not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from mfgprox.audit import recompute_certificate as recompute_certificate
    from mfgprox.case import load_case as load_case
    from mfgprox.cost import Cost as Cost
    from mfgprox.exact import gaussian as gaussian
    from mfgprox.flows import Flow as Flow
    from mfgprox.flows import gradient_flow as gradient_flow
    from mfgprox.flows import jko as jko
    from mfgprox.flows import load_flow as load_flow
    from mfgprox.flows import particle_flow as particle_flow
    from mfgprox.grid import Grid as Grid
    from mfgprox.problem import Problem as Problem
    from mfgprox.solution import Solution as Solution
    from mfgprox.solvers import solve as solve
    from mfgprox.solvers import solve_family as solve_family
    from mfgprox.storage import load as load
    from mfgprox.sweeps import Sweep as Sweep
    from mfgprox.sweeps import sweep as sweep
    from mfgprox.tolerance import Tolerance as Tolerance

_HOME = {
    "Cost": "mfgprox.cost",
    "Flow": "mfgprox.flows",
    "Grid": "mfgprox.grid",
    "Problem": "mfgprox.problem",
    "Solution": "mfgprox.solution",
    "Sweep": "mfgprox.sweeps",
    "Tolerance": "mfgprox.tolerance",
    "gradient_flow": "mfgprox.flows",
    "jko": "mfgprox.flows",
    "load": "mfgprox.storage",
    "load_flow": "mfgprox.flows",
    "load_case": "mfgprox.case",
    "particle_flow": "mfgprox.flows",
    "recompute_certificate": "mfgprox.audit",
    "solve": "mfgprox.solvers",
    "solve_family": "mfgprox.solvers",
    "sweep": "mfgprox.sweeps",
}
_MODULES = {
    "density": "mfgprox.density",
    "gaussian": "mfgprox.exact.gaussian",
    "sensitivity": "mfgprox.sensitivity",
}
__all__ = ["__version__", *sorted([*_HOME, *_MODULES])]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'mfgprox' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
