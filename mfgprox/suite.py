"""The validation suite: which cases, which limits, for which solvers.

A limit says what a solver promises on a smooth case of that size; `quick` runs the same promises on
coarser grids, where the errors of second order are four times larger per halving.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    """Largest accepted errors, see `validation.Comparison`; inf where nothing is promised.

    converged: whether the solver must meet its tolerance, or may also say that it did not, as is
    accepted where the map is torn.
    """

    value: float
    minimiser: float = math.inf
    gradient: float = math.inf
    gap: float = math.inf
    converged: bool = True


@dataclass(frozen=True)
class Check:
    """One case with overrides and the limits of each solver that is held to it."""

    case: str
    overrides: tuple[str, ...]
    limits: dict[str, Limits]
    label: str = ""


@dataclass(frozen=True)
class OrderStudy:
    """One case on a family of grids, and the least observed orders of value and R.

    cap: largest accepted relative error of the value on the finest grid.
    """

    case: str
    cells: tuple[int, ...]
    orders: dict[str, float]
    cap: float
    overrides: tuple[str, ...] = ()
    axes: int = 1
    raw_orders: dict[str, float] = field(default_factory=dict)


PD, FP, NEWTON = "primal-dual", "fictitious-play", "newton"
SMOOTH = Limits(1e-5, 1e-5, 1e-3, 1e-5)
"""Newton on Gaussians, on every grid: nothing shows but what the box cuts off, about 1e-6."""


def checks(quick: bool) -> list[Check]:
    """The checks of the suite, cheap ones first."""
    return (
        _one_dimensional(quick)
        + _powers(quick)
        + _two_dimensional(quick)
        + _rough(quick)
        + ([] if quick else _three_dimensional())
    )


def order_studies(quick: bool) -> list[OrderStudy]:
    """The order studies of the suite."""
    orders = {PD: 1.8, FP: 1.8}
    if quick:
        return [OrderStudy("gaussian_1d", (32, 64, 128, 256), orders, 2e-4)]
    # Errors of first and second order have opposite signs: the first is seen on fine grids only.
    return [OrderStudy("gaussian_1d", (128, 256, 512, 1024), orders, 2e-4, raw_orders={FP: 0.9})]


def _one_dimensional(quick: bool) -> list[Check]:
    cells, scale = (128, 4.0) if quick else (256, 1.0)
    limits = Limits(2e-4 * scale, 1e-3 * scale, 1e-2 * scale, 1e-4)
    return [
        Check(
            "gaussian_1d",
            (f"epsilon={eps}", f"grid.cells=[{cells}]", "grid.time_steps=32"),
            {PD: limits, FP: limits, NEWTON: SMOOTH},
            f"1-D Gaussians, eps {eps:g}, {cells}",
        )
        for eps in (0.4, 2.0, 10.0)
    ]


def _powers(quick: bool) -> list[Check]:
    cells, scale = (256, 4.0) if quick else (512, 1.0)
    found = []
    for p in (1.5, 2.0, 3.0) if quick else (1.5, 1.7, 2.0, 2.5, 3.0, 4.0):
        limits = Limits((5e-3 if p < 1.6 else 2e-3) * scale, converged=False)
        found.append(
            Check(
                "mixture_1d",
                (f"p={p}", f"grid.cells=[{cells}]"),
                {PD: limits, FP: limits},
                f"1-D mixture, p {p:g}, {cells}",
            )
        )
    return found


def _two_dimensional(quick: bool) -> list[Check]:
    cells, steps, scale = (64, 16, 4.0) if quick else (128, 32, 1.0)
    found = []
    for case in ("gaussian_2d", "gaussian_rotated_2d"):
        for eps in (2.0,) if quick else (0.5, 2.0, 10.0):
            accurate = Limits(1e-4 * scale, (2e-3 if eps < 1.0 else 1e-3) * scale, gap=1e-4)
            monotone = Limits(5e-4 * scale, 4e-3 * scale, gap=1e-6)
            found.append(
                Check(
                    case,
                    (
                        f"epsilon={eps}",
                        f"grid.cells=[{cells},{cells}]",
                        f"grid.time_steps={steps}",
                    ),
                    {PD: accurate, FP: monotone, NEWTON: SMOOTH},
                    f"{case}, eps {eps:g}, {cells}²",
                )
            )
    return found


def _rough(quick: bool) -> list[Check]:
    cells, scale = (64, 4.0) if quick else (128, 1.0)
    limits = Limits(1e-2 * scale, converged=False)
    return [
        Check(
            case,
            (f"grid.cells=[{cells},{cells}]",),
            {PD: limits, FP: limits},
            f"{case}, {cells}²",
        )
        for case in ("four_bumps_2d", "ring_2d")
    ]


def _three_dimensional() -> list[Check]:
    limits = Limits(1e-2)
    promised = {PD: limits, FP: limits, NEWTON: SMOOTH}
    return [Check("gaussian_3d", (), promised, "3-D Gaussians, 48³")]
