"""Problems with numbers at the edge, and what an answer to them must be like."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mfgprox.density import DensityError, Gaussian, Mixture, Uniform
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.solvers import solve
from mfgprox.solvers.iterate import Unsuitable
from mfgprox.tolerance import Tolerance

SOLVERS = (
    "auto", "newton", "semi-discrete", "back-and-forth", "primal-dual", "fictitious-play"
)  # fmt: skip
LINE = Grid((-4.0,), (4.0,), (48,), 4)
PLANE = Grid((-3.0, -3.0), (3.0, 3.0), (12, 12), 4)
SPACE = Grid((-3.0,) * 3, (3.0,) * 3, (6, 6, 6), 2)
TOLERANCE = Tolerance(rtol=1e-3, max_iterations=400)
ROUND_OFF = 1e-13
"""Of masses, relative: what reliability of the mass promises."""


def problem(P=None, Q=None, grid=LINE, epsilon=1.0, **rest) -> Problem:
    """Two Gaussians where nothing else is asked for."""
    d = grid.dimension
    P = Gaussian([-0.5] * d, std=[0.5] * d) if P is None else P
    Q = Gaussian([0.5] * d, std=[0.6] * d) if Q is None else Q
    return Problem(P, Q, epsilon=epsilon, grid=grid, **rest)


def _cells(grid: Grid, *masses: tuple[int, float]) -> np.ndarray:
    """Densities that are 0 but in some cells, counted from the first."""
    values = np.zeros(grid.shape)
    for place, mass in masses:
        values.flat[place] = mass
    return values


def _range(grid: Grid, low: float, high: float) -> np.ndarray:
    """Densities from 10^low to 10^high, rising along x."""
    return np.broadcast_to(10.0 ** np.linspace(low, high, grid.shape[-1]), grid.shape).copy()


Make = Callable[[], Problem]
GAUSS, WIDE = Gaussian([0.0], std=[0.5]), Gaussian([0.0, 0.0], std=[0.5, 0.6])
BOX = Uniform([-3.0], [-1.0])
OTHER_BOX = Uniform([1.0], [3.0])
ONE_STEP = Grid((-4.0,), (4.0,), (48,), 1)
NARROW = Grid((0.0,), (1.0,), (2,), 1)
TINY_PLANE = Grid((0.0, 0.0), (1.0, 1.0), (2, 2), 1)
TINY_SPACE = Grid((0.0,) * 3, (1.0,) * 3, (2, 2, 2), 1)
STRIP = Grid((0.0, 0.0), (1.0, 1.0), (2, 24), 2)
FLAT = Uniform([-4.0], [4.0])
MICRO = Grid((-4e-9,), (4e-9,), (48,), 2)
HUGE = Grid((-4e9,), (4e9,), (48,), 2)
AFAR = Grid((1e8 - 4.0,), (1e8 + 4.0,), (48,), 2)

EDGES: dict[str, Make] = {
    **{f"epsilon {e:g}": (lambda e=e: problem(epsilon=e)) for e in (1e-6, 1e-3, 1e3, 1e6)},
    **{f"epsilon {e:g}, 2-D": (lambda e=e: problem(grid=PLANE, epsilon=e)) for e in (1e-6, 1e6)},
    "epsilon 1e-6, 3-D": lambda: problem(grid=SPACE, epsilon=1e-6),
    "epsilon 1e6, 3-D": lambda: problem(grid=SPACE, epsilon=1e6),
    "epsilon 1e-9": lambda: problem(epsilon=1e-9),
    "epsilon 1e9": lambda: problem(epsilon=1e9),
    **{f"p {p:g}": (lambda p=p: problem(p=p)) for p in (1.05, 1.2, 3.0, 8.0, 20.0)},
    **{f"p {p:g}, 2-D": (lambda p=p: problem(grid=PLANE, p=p)) for p in (1.05, 20.0)},
    "p 1.05, epsilon 1e-6": lambda: problem(p=1.05, epsilon=1e-6),
    "p 20, epsilon 1e6": lambda: problem(p=20.0, epsilon=1e6),
    "p 1.01": lambda: problem(p=1.01),
    "p 64": lambda: problem(p=64.0),
    "p 20 by axes, 2-D": lambda: problem(grid=PLANE, p=20.0, cost="separable"),
    "2 cells": lambda: problem(np.array([3.0, 1.0]), np.array([1.0, 2.0]), NARROW),
    "2 cells, one empty in Q": lambda: problem(np.array([3.0, 1]), np.array([0.0, 2]), NARROW),
    "2 × 2 cells": lambda: problem(np.array([[3.0, 1], [1, 1]]), np.ones((2, 2)), TINY_PLANE),
    "2 × 2 × 2 cells": lambda: problem(_range(TINY_SPACE, 0, 1), np.ones((2, 2, 2)), TINY_SPACE),
    "2 × 24 cells": lambda: problem(_range(STRIP, 0, 1), _range(STRIP, 1, 0), STRIP),
    "1 time step": lambda: problem(grid=ONE_STEP),
    "P = Q": lambda: problem(GAUSS, GAUSS),
    "P = Q, 2-D": lambda: problem(WIDE, WIDE, PLANE),
    "P = Q, uniform": lambda: problem(FLAT, FLAT),
    "P = Q, boxes": lambda: problem(BOX, BOX),
    "P far from Q": lambda: problem(
        Gaussian([-3.0], std=[0.1]), Gaussian([3.0], std=[0.1]), Grid((-4.0,), (4.0,), (96,), 4)
    ),
    "boxes apart": lambda: problem(BOX, OTHER_BOX),
    "boxes apart, epsilon 1e6": lambda: problem(BOX, OTHER_BOX, epsilon=1e6),
    "boxes apart, epsilon 1e-6": lambda: problem(BOX, OTHER_BOX, epsilon=1e-6),
    "boxes apart, p 1.05": lambda: problem(BOX, OTHER_BOX, p=1.05),
    "single cells": lambda: problem(_cells(LINE, (3, 1)), _cells(LINE, (40, 1))),
    "single cell, P = Q": lambda: problem(_cells(LINE, (3, 1)), _cells(LINE, (3, 1))),
    "single cells, 2-D": lambda: problem(_cells(PLANE, (0, 1)), _cells(PLANE, (143, 1)), PLANE),
    "single cell to Gaussian": lambda: problem(_cells(LINE, (3, 1))),
    "Gaussian to single cell": lambda: problem(None, _cells(LINE, (40, 1))),
    "Gaussian to two cells": lambda: problem(None, _cells(LINE, (0, 1), (47, 1))),
    "300 orders of magnitude": lambda: problem(_range(LINE, -300, 0), _range(LINE, 0, -300)),
    "300 orders, 2-D": lambda: problem(_range(PLANE, -300, 0), _range(PLANE, 0, -300), PLANE),
    "600 orders of magnitude": lambda: problem(_range(LINE, -300, 300), _range(LINE, 300, -300)),
    "denormal cells": lambda: problem(
        _cells(LINE, (3, 1), (20, 5e-324)), _cells(LINE, (40, 1), (20, 5e-324))
    ),
    "all denormal": lambda: problem(np.full(48, 5e-324), np.full(48, 5e-324)),
    "heavy tails of 1e-300": lambda: problem(
        Mixture([1.0, 1e-300], [Gaussian([-2.0], std=[0.4]), Gaussian([2.0], std=[0.4])])
    ),
    "tails below 1e-308": lambda: problem(GAUSS, Gaussian([0.0], std=[0.2])),
    "a box of 8e-9": lambda: problem(
        Gaussian([-5e-10], std=[5e-10]), Gaussian([5e-10], std=[5e-10]), MICRO
    ),
    "a box of 8e9": lambda: problem(Gaussian([-5e8], std=[5e8]), Gaussian([5e8], std=[5e8]), HUGE),
    "a box at 1e8": lambda: problem(
        Gaussian([1e8], std=[0.5]), Gaussian([1e8 + 1], std=[0.5]), AFAR
    ),
    **{
        f"{f}, boxes apart": (lambda f=f: problem(BOX, OTHER_BOX, f_divergence=f))
        for f in ("reverse-kl", "pearson", "neyman", "hellinger", "jensen-shannon")
    },
    **{
        f"{f}, 300 orders": (
            lambda f=f: problem(_range(LINE, -300, 0), _range(LINE, 0, -300), f_divergence=f)
        )
        for f in ("reverse-kl", "pearson", "neyman", "hellinger", "jensen-shannon")
    },
}


def outcome(make: Make, solver: str, tolerance: Tolerance = TOLERANCE) -> str:
    """`converged`, `stopped …`, or `refused`, of an answer that is sound; raises AssertionError
    for one that is not, and whatever else the solver lets escape."""
    try:
        found = solve(make(), solver, tolerance=tolerance)
    except (Unsuitable, DensityError, ValueError) as error:
        message = str(error)
        assert message and "\n" not in message and "nan" not in message.split(), message
        return "refused"
    for complaint in complaints(found, tolerance):
        raise AssertionError(complaint)
    return found.status.name.lower().replace("_", " ")


def complaints(found: Solution, tolerance: Tolerance) -> list[str]:
    """What is wrong with an answer: empty where it is one with a certificate, or a clear status."""
    wrong = [
        f"{name} has values that are not finite"
        for name in ("rho", "U", "R", "first_variation")
        if not np.isfinite(getattr(found, name)).all()
    ]
    wrong += [f"{name} is negative" for name in ("rho", "R") if (getattr(found, name) < 0.0).any()]
    for name in ("divergence", "divergence_error", "transport_cost", "information_divergence"):
        if math.isnan(getattr(found, name)):
            wrong.append(f"{name} is not a number")
    for name in ("primal_value", "dual_value"):
        if math.isnan(getattr(found, name)):
            wrong.append(f"{name} is not a number")
    if not found.mass_error <= ROUND_OFF:
        wrong.append(f"mass is wrong by {found.mass_error:.1e}")
    if abs(found.problem.grid.integrate(found.R) - 1.0) > 1e-9:
        wrong.append(f"R has mass {found.problem.grid.integrate(found.R)!r}")
    if found.lower_bound > found.upper_bound:
        wrong.append(f"bounds cross: {found.lower_bound!r} > {found.upper_bound!r}")
    if found.converged and not tolerance.met(found.gap, found.dual_value):
        wrong.append(f"converged with a gap of {found.gap:.1e} of {found.dual_value:.1e}")
    if not found.certificate.statement:
        wrong.append("no certificate")
    return wrong
