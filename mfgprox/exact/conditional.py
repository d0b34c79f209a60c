"""Transport along some axes only: exact answers of the slices, summed with the mass of P.

Source: `mfgprox.slices`. The other axes take the values at the centres of their cells.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from mfgprox.exact.answer import ExactAnswer
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.slices import Slices

NEGLIGIBLE = 1e-13
"""Mass of a slice up to which its cost, at most that of a way across the box, is an error."""


def answer(
    problem: Problem, of_slice: Callable[[Problem], ExactAnswer | None]
) -> ExactAnswer | None:
    """The sum of the answers of all slices that carry mass; None where one of them has none.

    Fields are known on grids with the same cells across the slices.
    """
    slices = Slices(problem)
    answers: dict[int, ExactAnswer] = {}
    transport = information = error = 0.0
    for number in np.flatnonzero(slices.solved):
        if slices.weight[number] <= NEGLIGIBLE:
            error += float(slices.weight[number]) * slices.split.slice_grid.diameter**problem.p
            continue
        within = slices.slice_problem(int(number))
        found = of_slice(within)
        if found is None:
            return None
        weight = float(slices.weight[number])
        answers[int(number)] = found
        transport += weight * found.transport_cost
        information += weight * within.epsilon * found.information_divergence
        error += weight * found.error
    information = information / problem.epsilon + slices.marginal_divergence

    def assembled(pick: Callable[[ExactAnswer, Grid], np.ndarray | None]) -> np.ndarray | None:
        split = slices.split
        fields = np.zeros((split.count, *split.slice_grid.shape))
        for number, one in answers.items():
            field = pick(one, split.slice_grid)
            if field is None:
                return None
            fields[number] = field
        return fields

    def density(t: float, grid: Grid) -> np.ndarray | None:
        fields = assembled(lambda one, line: one.rho(t, line) if t < 1.0 else one.R(line))
        if fields is None:
            return None
        scale = np.exp(slices.log_P).reshape(-1, *(1,) * (fields.ndim - 1))
        return slices.split.field(fields * scale)

    def slope(t: float, grid: Grid) -> list[np.ndarray] | None:
        found = [np.zeros(grid.shape) for _ in range(grid.dimension)]
        for place, axis in enumerate(slices.split.moving):
            fields = assembled(partial(_component, t, place))
            if fields is None:
                return None
            found[axis] = slices.split.field(fields)
        return found

    return ExactAnswer(
        name="slices, " + (next(iter(answers.values())).name if answers else "none with mass"),
        divergence=transport + problem.epsilon * information,
        transport_cost=transport,
        information_divergence=information,
        error=error,
        minimiser=lambda grid: density(1.0, grid),
        path=density,
        slope=slope,
    )


def _component(t: float, i: int, one: ExactAnswer, grid: Grid) -> np.ndarray | None:
    gradient = one.gradient(t, grid)
    return None if gradient is None else gradient[i]
