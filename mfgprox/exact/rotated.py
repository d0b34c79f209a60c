"""Products in a rotated frame: mixtures of Gaussians that are a product along other axes, p = 2.

The Euclidean cost at p = 2 is the same in every frame, and adds up over the axes of the one in
which P and Q are both products. On the axes of the grid such densities are not separable. The
answer is that of the whole space. Source: Baptista, Birmpa, Katsoulakis, Rey-Bellet, Zhang:
Proximal optimal transport divergences, Theorems 3.5 and 3.7.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from mfgprox.density import Density, Gaussian, Mixture
from mfgprox.exact.answer import ExactAnswer
from mfgprox.exact.line import distribution
from mfgprox.exact.one_dimensional import OneDimensionalSolution, solve
from mfgprox.exact.product import components, factors
from mfgprox.grid import Grid
from mfgprox.problem import Problem

SAME = 1e-12
"""Numbers and directions that differ by less, relative to their scale, are the same."""
FAR = 9.5
"""Standard deviations that an axis reaches beyond the last mean: 1e-21 of the mass is outside."""
MOST_COMPONENTS = 24
"""The search for a frame takes the square of this number of lines."""
AROUND = {2: 192, 3: 63}
"""Cells per axis on which the mass of R outside the box is measured."""


def answer(problem: Problem) -> ExactAnswer | None:
    """The sum of 1-D references along the axes of a common frame; None where there is none."""
    if problem.grid.dimension == 1 or problem.p != 2.0 or problem.divergence.name != "kl":
        return None
    found = frame(*problem.densities)
    if found is None:
        return None
    axes, P, Q = found
    parts = [_on_the_line(a, b, problem.epsilon) for a, b in zip(P, Q, strict=True)]
    if not all(part.trusted for part in parts):
        return None

    def along(grid: Grid) -> list[np.ndarray]:
        return [sum(e * x for e, x in zip(axis, grid.coordinates(), strict=True)) for axis in axes]

    def density(t: float, grid: Grid) -> np.ndarray:
        places = zip(parts, along(grid), strict=True)
        return np.prod([part.path.density(t, y) for part, y in places], axis=0)

    def slope(t: float, grid: Grid) -> list[np.ndarray]:
        slopes = [part.path.gradient(t, y) for part, y in zip(parts, along(grid), strict=True)]
        return [sum(e * s for e, s in zip(column, slopes, strict=True)) for column in axes.T]

    cut_P, cut_Q = problem.cut_off
    corners = along(_around(problem.grid, 0.5, 2))
    spread = np.ptp(sum(p.path.potential(0.0, y) for p, y in zip(parts, corners, strict=True)))
    cut_R = _outside(density(1.0, _around(problem.grid, 1.0, AROUND[problem.grid.dimension])))
    truncation = float(cut_P * spread) + problem.epsilon * (cut_Q + cut_R)
    return ExactAnswer(
        name="sum of 1-D references in a rotated frame",
        divergence=sum(part.divergence for part in parts),
        transport_cost=sum(part.transport_cost for part in parts),
        information_divergence=sum(part.information_divergence for part in parts),
        error=sum(part.error for part in parts) + truncation,
        minimiser=lambda grid: density(1.0, grid),
        path=density,
        slope=slope,
    )


def frame(P: Density, Q: Density) -> tuple[np.ndarray, list[Density], list[Density]] | None:
    """Axes (the rows) along which both densities are products, and their factors; None if none."""
    groups = [[c for c in components(d) if isinstance(c, Gaussian)] for d in (P, Q)]
    sizes = [len(components(d)) for d in (P, Q)]
    if [len(g) for g in groups] != sizes or max(sizes) > MOST_COMPONENTS:
        return None
    for axes in _candidates(groups):
        turned = [_turned(density, axes) for density in (P, Q)]
        found = [None if density is None else factors(density) for density in turned]
        if found[0] is not None and found[1] is not None:
            return axes, found[0], found[1]
    return None


def _candidates(gaussians: list[list[Gaussian]]) -> Iterator[np.ndarray]:
    """Frames in which all covariances are diagonal, if there are such.

    Where the covariances leave a choice, the lines through two means are tried as axes.
    """
    # Incommensurable weights: equal eigenvalues of the sum are equal in every covariance.
    total = sum(
        math.sqrt(k + 2.0) * c.cov / np.trace(c.cov)
        for k, c in enumerate(itertools.chain(*gaussians))
    )
    values, vectors = np.linalg.eigh(total)
    space = np.cumsum(np.append(0, np.diff(values) > 1e-9 * values[-1]))
    spaces = [vectors[:, space == k].T for k in range(int(space[-1]) + 1)]
    lines = [a - b for g in gaussians for a, b in itertools.combinations((c.mean for c in g), 2)]
    for chosen in itertools.product(*(list(_bases(space, lines)) for space in spaces)):
        yield np.concatenate(chosen)


def _bases(space: np.ndarray, lines: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Orthonormal bases (the rows) of a space given by one, with lines that lie in it as axes."""
    directions: list[np.ndarray] = []
    for line in lines:
        inside = space.T @ (space @ line)
        size = np.linalg.norm(inside)
        if len(space) == 1 or size <= SAME * (1.0 + np.linalg.norm(line)):
            continue
        unit = inside / size
        if all(abs(unit @ other) < 1.0 - SAME for other in directions):
            directions.append(unit)
    if not directions:
        yield space
    for unit in directions:
        rest = np.linalg.svd(space - np.outer(space @ unit, unit))[2][: len(space) - 1]
        for basis in _bases(rest, lines):
            yield np.concatenate([unit[None], basis])


def _turned(density: Density, axes: np.ndarray) -> Density | None:
    """The density in the coordinates of the axes; None where a covariance is not diagonal there."""
    parts = [c for c in components(density) if isinstance(c, Gaussian)]
    covariances = np.array([axes @ c.cov @ axes.T for c in parts])
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    off = np.abs(covariances - variances[:, :, None] * np.eye(len(axes)))
    if off.max() > SAME * variances.max():
        return None
    means, widths = _snapped(np.array([axes @ c.mean for c in parts])), _snapped(np.sqrt(variances))
    turned = [Gaussian(m.tolist(), std=s.tolist()) for m, s in zip(means, widths, strict=True)]
    return Mixture(density.weights.tolist(), turned) if isinstance(density, Mixture) else turned[0]


def _snapped(values: np.ndarray) -> np.ndarray:
    """Values (n, d) with those of an axis that are the same but for round-off made equal."""
    tolerance = SAME * (1.0 + np.abs(values).max())
    first = (np.abs(values[:, None] - values[None]) <= tolerance).argmax(axis=1)
    return np.take_along_axis(values, first, axis=0)


def _on_the_line(P: Density, Q: Density, epsilon: float) -> OneDimensionalSolution:
    parts = [c for density in (P, Q) for c in components(density) if isinstance(c, Gaussian)]
    reach = [(float(c.mean[0]), FAR * math.sqrt(float(c.cov[0, 0]))) for c in parts]
    line = Grid((min(m - r for m, r in reach),), (max(m + r for m, r in reach),), (1,))
    return solve(distribution(P, line), distribution(Q, line), epsilon=epsilon)


def _around(grid: Grid, more: float, cells: int) -> Grid:
    """A grid on a box with the same centre, longer by `more` of its width at both ends."""
    width = [more * (b - a) for a, b in zip(grid.lower, grid.upper, strict=True)]
    return Grid(
        tuple(a - w for a, w in zip(grid.lower, width, strict=True)),
        tuple(b + w for b, w in zip(grid.upper, width, strict=True)),
        (cells,) * grid.dimension,
    )


def _outside(R: np.ndarray) -> float:
    """The share of the mass outside the middle third of the box."""
    inside = R[tuple(slice(n // 3, -(n // 3)) for n in R.shape)]
    return max(1.0 - float(inside.sum() / R.sum()), 0.0) if R.any() else 1.0
