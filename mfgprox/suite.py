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
    """One case with overrides and the limits of each solver that is held to it.

    static: the optimum is compared, not the path to it, by solvers that find the one without the
    other.
    """

    case: str
    overrides: tuple[str, ...]
    limits: dict[str, Limits]
    label: str = ""
    static: bool = False

    def promised(self, solver: str) -> Limits | None:
        """What a solver is held to; `auto` to the promise of the best that it may choose."""
        if solver == "auto":
            return next((self.limits[name] for name in AUTO if name in self.limits), None)
        return self.limits.get(solver)


@dataclass(frozen=True)
class OrderStudy:
    """One case on a family of grids, and the least observed orders (of value, of R) by solver.

    cap: largest accepted relative error of the value on the finest grid.
    """

    case: str
    cells: tuple[int, ...]
    orders: dict[str, tuple[float, float]]
    cap: float
    overrides: tuple[str, ...] = ()
    axes: int = 1
    raw_orders: dict[str, float] = field(default_factory=dict)


PD, FP, NEWTON = "primal-dual", "fictitious-play", "newton"
SD, BF = "semi-discrete", "back-and-forth"
AUTO = (NEWTON, SD, BF, PD)
"""In the order in which `auto` tries them."""
ON_A_SMALL_BOX = Limits(1e-6, 1e-6, 1e-3, 1e-5)
"""Newton on Gaussians whose box cuts off 1e-6: sums over cells see its edge, in second order."""
EXACT = Limits(1e-10, 1e-9, gap=1e-9)
"""Newton on Gaussians whose box is large: its potential is a quadratic from the first step on."""
SMOOTH_2D = {64: (1e-6, 1e-4), 128: (1e-8, 1e-5), 256: (1e-9, 1e-6), 512: (1e-10, 1e-6)}
"""Value and R of newton by cells an axis, for epsilon >= 0.5; ten times as much below."""


def checks(quick: bool) -> list[Check]:
    """The checks of the suite, cheap ones first."""
    return (
        _one_dimensional(quick)
        + _powers(quick)
        + _smooth(quick)
        + _two_dimensional(quick)
        + _rough(quick)
        + ([] if quick else _three_dimensional())
    )


def order_studies(quick: bool) -> list[OrderStudy]:
    """The order studies of the suite."""
    second = {PD: (1.8, 1.8), FP: (1.8, 1.8)}
    cells = (64, 128) if quick else (64, 128, 256)
    fourth = OrderStudy("product_2d", cells, {NEWTON: (4.0, 3.5)}, 1e-8, axes=2)
    if quick:
        return [OrderStudy("gaussian_1d", (32, 64, 128, 256), second, 2e-4), fourth]
    # Errors of first and second order have opposite signs: the first is seen on fine grids only.
    fine = OrderStudy("gaussian_1d", (128, 256, 512, 1024), second, 2e-4, raw_orders={FP: 0.9})
    return [fine, fourth]


def _smooth(quick: bool) -> list[Check]:
    """What newton promises where P and Q are smooth and positive; the optimum without its path."""
    found = [
        _static(f"mixtures_1d, eps {eps:g}, {n}", "mixtures_1d", Limits(value), eps, (n,))
        for n, value in ((1024, 1e-7), (4096, 1e-9))
        for eps in (0.5, 2.0)
    ]
    for n, (value, R) in SMOOTH_2D.items():
        for eps in (0.05, 0.5, 2.0, 10.0) if n <= (128 if quick else 256) else ():
            decade = 10.0 if eps < 0.5 else 1.0
            limits = Limits(value * decade, R * decade)
            found.append(
                _static(f"product_2d, eps {eps:g}, {n}²", "product_2d", limits, eps, (n, n))
            )
    turned = Limits(1e-5, 1e-4, gap=1e-3)
    for eps in (0.5,) if quick else (0.05, 0.5, 2.0, 10.0):
        label = f"rotated_product_2d, eps {eps:g}, 128²"
        found.append(_static(label, "rotated_product_2d", turned, eps, (128, 128)))
    large = ("grid.lower=[-6,-6]", "grid.upper=[6,6]")
    for case in ("gaussian_2d", "gaussian_rotated_2d"):
        label = f"{case}, eps 2, large box, 128²"
        found.append(_static(label, case, EXACT, 2.0, (128, 128), large))
    if quick:
        return found
    found.append(
        _static("product_2d, eps 2, 512²", "product_2d", Limits(*SMOOTH_2D[512]), 2.0, (512, 512))
    )
    for eps in (1e-3, 1e-2, 1e2, 1e4):
        label = f"product_2d, eps {eps:g}, 128²"
        found.append(_static(label, "product_2d", Limits(1e-6), eps, (128, 128)))
    found.append(_static("product_3d, eps 0.5, 64³", "product_3d", Limits(1e-5), 0.5, (64,) * 3))
    return found


def _static(
    label: str,
    case: str,
    limits: Limits,
    epsilon: float,
    cells: tuple[int, ...],
    more: tuple[str, ...] = (),
) -> Check:
    overrides = (f"epsilon={epsilon}", f"grid.cells={list(cells)}", *more)
    return Check(case, overrides, {NEWTON: limits}, label, static=True)


def _one_dimensional(quick: bool) -> list[Check]:
    cells, scale = (128, 4.0) if quick else (256, 1.0)
    limits = Limits(2e-4 * scale, 1e-3 * scale, 1e-2 * scale, 1e-4)
    return [
        Check(
            "gaussian_1d",
            (f"epsilon={eps}", f"grid.cells=[{cells}]", "grid.time_steps=32"),
            {PD: limits, FP: limits, SD: limits, BF: limits, NEWTON: ON_A_SMALL_BOX},
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
                {PD: limits, FP: limits, BF: Limits(5e-4 * scale)},
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
                    {PD: accurate, FP: monotone, NEWTON: ON_A_SMALL_BOX},
                    f"{case}, eps {eps:g}, {cells}²",
                )
            )
    return found


def _rough(quick: bool) -> list[Check]:
    cells, scale = (64, 4.0) if quick else (128, 1.0)
    eulerian = Limits(1e-2 * scale, converged=False)
    torn = {SD: Limits(1e-4 * scale, gap=1e-5), BF: Limits(2.5e-4 * scale)}
    return [
        Check(
            case,
            (f"grid.cells=[{cells},{cells}]",),
            {PD: eulerian, FP: eulerian, **torn},
            f"{case}, {cells}²",
        )
        for case in ("four_bumps_2d", "ring_2d")
    ]


def _three_dimensional() -> list[Check]:
    limits = Limits(1e-2)
    promised = {PD: limits, FP: limits, NEWTON: ON_A_SMALL_BOX}
    return [Check("gaussian_3d", (), promised, "3-D Gaussians, 48³")]
