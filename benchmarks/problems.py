"""The problems that everybody gets, on any grid, and what their answers are judged against."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from mfgprox.case.shipped import find
from mfgprox.density import ArrayDensity, Gaussian, Image, Mixture, Ring, sample
from mfgprox.exact import ExactAnswer, exact_answer, product
from mfgprox.grid import Grid
from mfgprox.problem import Problem

PICTURE = 64
"""Cells an axis on which the pictures are constant: finer grids see the same densities."""


@dataclass(frozen=True)
class Reference:
    """What errors are measured against.

    value: D; error: how well it is known, absolute; R: the minimiser on the cells; source: from
    where.
    """

    value: float
    error: float
    R: np.ndarray
    transport_cost: float
    source: str


@dataclass(frozen=True)
class Contest:
    """One problem. build: cells an axis → Problem; smooth: positive, with a continuous map."""

    name: str
    title: str
    build: Callable[[int], Problem]
    smooth: bool = True


def gaussians(epsilon: float, n: int) -> Problem:
    P = Gaussian([-0.8, -0.4], std=[0.35, 0.45])
    Q = Gaussian([0.7, 0.5], std=[0.5, 0.3])
    return Problem(P, Q, epsilon=epsilon, grid=_square(3.0, n))


def mixtures(epsilon: float, n: int) -> Problem:
    """Products of one mixture an axis: neither Gaussian nor log-concave, with a continuous map."""
    P = _bumps([(0.6, -0.9, 0.40), (0.4, 0.0, 0.45)], [(0.5, -0.7, 0.40), (0.5, 0.3, 0.45)])
    Q = _bumps([(0.4, -0.2, 0.40), (0.6, 0.7, 0.45)], [(0.5, -0.4, 0.45), (0.5, 0.6, 0.40)])
    return Problem(P, Q, epsilon=epsilon, grid=_square(3.0, n))


def four_bumps(epsilon: float, n: int) -> Problem:
    centers = [[x, y] for y in (-1.2, 1.2) for x in (-1.2, 1.2)]
    Q = Mixture([0.25] * 4, [Gaussian(c, std=[0.25, 0.25]) for c in centers])
    return Problem(Gaussian([0, 0], std=[0.4, 0.4]), Q, epsilon=epsilon, grid=_square(3.0, n))


def ring(epsilon: float, n: int) -> Problem:
    P, Q = Gaussian([0, 0], std=[0.3, 0.3]), Ring([0.0, 0.0], 1.2, 2.0)
    return Problem(P, Q, epsilon=epsilon, grid=_square(3.0, n))


def pictures(epsilon: float, n: int) -> Problem:
    coarse = Grid((0.0, 0.0), (1.0, 1.0), (PICTURE, PICTURE))
    P, Q = (ArrayDensity(_picture(name, coarse), coarse) for name in ("hopper", "star"))
    return Problem(P, Q, epsilon=epsilon, grid=coarse.with_cells((n, n)))


EPSILONS = (0.05, 0.5, 2.0, 10.0)
CONTESTS = {
    contest.name: contest
    for contest in (
        *(
            Contest(f"mixtures-{e:g}", f"mixtures, ε = {e:g}", partial(mixtures, e))
            for e in EPSILONS
        ),
        *(
            Contest(f"gaussians-{e:g}", f"Gaussians, ε = {e:g}", partial(gaussians, e))
            for e in EPSILONS
        ),
        Contest("bumps-2", "four bumps, ε = 2", partial(four_bumps, 2.0), smooth=False),
        Contest("ring-0.5", "ring, ε = 0.5", partial(ring, 0.5), smooth=False),
        Contest("pictures-0.1", "pictures, ε = 0.1", partial(pictures, 0.1), smooth=False),
    )
}


def reference(name: str, grid: Grid, stored: Path | None = None) -> Reference:
    """The exact answer on the cells; for pictures the stored one (see `certified_reference`)."""
    if stored is not None:
        with np.load(stored) as found:
            fine = ArrayDensity(found["R"], grid.with_cells(found["R"].shape[::-1]))
            return Reference(
                float(found["value"]),
                float(found["error"]),
                sample(fine, grid).values,
                float(found["transport_cost"]),
                str(found["source"]),
            )
    values, minimiser = _exact(name)
    R = minimiser.R(grid)
    if R is None:
        raise ValueError(f"the minimiser of {name} is not known exactly")
    return Reference(values.divergence, values.error, R, values.transport_cost, values.name)


@lru_cache(maxsize=1)
def _exact(name: str) -> tuple[ExactAnswer, ExactAnswer]:
    """The answers that give the values and the minimiser; neither depends on the cells.

    The box cuts the Gaussians: the values are the product of 1-D answers, which are those of the
    box. The closed form has R to the last digit, wrong by no more than what the box cuts off.
    """
    problem = CONTESTS[name].build(PICTURE)
    best = exact_answer(problem)
    if best is None:
        raise ValueError(f"no exact answer to {name} is known")
    on_box = product.answer(problem)
    return (best if on_box is None else on_box), best


def certified_reference(problem: Problem, path: Path) -> None:
    """Where no exact answer is known: the middle between the bounds of a fine solve, and its R."""
    import mfgprox

    tolerance = mfgprox.Tolerance(rtol=1e-4, max_iterations=3000)
    solution = mfgprox.solve(problem, "primal-dual", tolerance=tolerance)
    lower, upper = solution.lower_bound, solution.upper_bound
    np.savez(
        path,
        R=solution.R,
        value=0.5 * (lower + upper),
        error=0.5 * (upper - lower),
        transport_cost=solution.transport_cost,
        source=f"middle of the bounds {lower:.6g} … {upper:.6g}, {problem.grid.cells[0]}²",
    )


def _bumps(*axes: list[tuple[float, float, float]]) -> Mixture:
    """The product over the axes of mixtures given by (weight, mean, standard deviation)."""
    parts = list(itertools.product(*axes))
    return Mixture(
        [math.prod(weight for weight, _, _ in part) for part in parts],
        [Gaussian([m for _, m, _ in part], std=[s for _, _, s in part]) for part in parts],
    )


def _square(half: float, n: int) -> Grid:
    return Grid((-half, -half), (half, half), (n, n))


def _picture(name: str, grid: Grid) -> np.ndarray:
    case = find("image_2d")
    if case is None:
        raise FileNotFoundError("the shipped cases with their pictures are missing")
    return sample(Image.read(case.parent / "data" / f"{name}.png"), grid).values
