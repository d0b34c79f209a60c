"""Points drawn from P and carried through a solved flow: a generative model of R on a grid.

Independent of each other, the same bits for a seed whatever the number of threads, and the first n
of a longer run are those of a shorter one.
Source: Baptista et al., Proximal optimal transport divergences, section 5.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mfgprox.density import Sampled
from mfgprox.grid import Grid
from mfgprox.sampling.carry import Lattice
from mfgprox.sampling.choose import METHODS, SamplingError, carrier_of
from mfgprox.sampling.law import law
from mfgprox.solution import Solution

CHUNK = 1 << 18
"""Points that are carried at once."""
MOST = 10**10


@dataclass(frozen=True, eq=False)
class Drawn:
    """points: (times, n, axes), columns in the order x, y, z; times: (times,), from 0 (P) to 1 (R).

    method: how ends were found, and the reason. misplaced: largest difference between the mean of a
    low cosine over the law of the ends and over R; nan where the ends are those of R exactly.
    """

    points: np.ndarray
    times: np.ndarray
    method: str
    reason: str
    misplaced: float


def draw(
    solution: Solution,
    n: int,
    *,
    seed: int = 0,
    times: Sequence[float] = (1.0,),
    method: str = "auto",
) -> Drawn:
    """n independent points of P at the given times of the flow, on straight lines to R.

    method: "quantiles" in one dimension; "map", the minimiser of |x - y|^p + U_1(y) at each point;
    "plan", from cell to cell with the marginals P and R; "auto": quantiles in one dimension, the
    map where P and Q are smooth and positive and it leads to R, else the plan.
    Raises SamplingError for a number, seed, time or method that makes no sense, and for a solution
    without a usable potential.
    """
    levels = _checked(solution, n, seed, times, method)
    problem, grid = solution.problem, solution.problem.grid
    P = law(problem.P, problem.log_P, problem.samples[0].smooth, grid)
    choice = carrier_of(solution, method)
    lattice = Lattice(grid)
    rng = np.random.Generator(np.random.PCG64(seed))
    points = np.empty((len(levels), n, grid.dimension))
    for first in range(0, n, CHUNK):
        count = min(CHUNK, n - first)
        u = rng.random((count, 8))
        start = P.places(P.boxes(u[:, 0]), u[:, 1:4])
        start = _on_lattice(start, lattice)
        end = choice.carrier.ends(start, u[:, 4:])
        for level, t in zip(points, levels, strict=True):
            level[first : first + count] = _in_the_box((1.0 - t) * start + t * end, grid)
    return Drawn(points, levels, choice.method, choice.reason, choice.misplaced)


def points_of(sampled: Sampled, grid: Grid, n: int, seed: int) -> np.ndarray:
    """n independent points of a density, (n, axes), columns x, y, z. Raises SamplingError."""
    _require_count(n, seed)
    of = law(sampled.values, sampled.log_values, sampled.smooth, grid)
    u = np.random.Generator(np.random.PCG64(seed)).random((n, 4))
    return _in_the_box(of.places(of.boxes(u[:, 0]), u[:, 1:]), grid)


def _checked(
    solution: Solution, n: int, seed: int, times: Sequence[float], method: str
) -> np.ndarray:
    _require_count(n, seed)
    levels = np.atleast_1d(np.asarray(times, float))
    if levels.ndim != 1 or not levels.size or not ((levels >= 0.0) & (levels <= 1.0)).all():
        raise SamplingError(f"times must be numbers from 0 to 1; got {times}")
    if method not in METHODS:
        raise SamplingError(f"method must be one of {', '.join(METHODS)}; got {method!r}")
    if solution.flow:
        raise SamplingError(
            f"this is a {solution.flow} flow, whose map from P to its last density is not known; "
            "samples need the result of `mfgprox run`"
        )
    return levels


def _require_count(n: int, seed: int) -> None:
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 1 <= n <= MOST:
        raise SamplingError(f"n must be a whole number from 1 to {MOST}; got {n}")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise SamplingError(f"seed must be a whole number, at least 0; got {seed}")


def _on_lattice(places: np.ndarray, lattice: Lattice) -> np.ndarray:
    """The places moved to the lattice on which the kernels know them."""
    parts, out = lattice.parts, np.zeros_like(places)
    for axis, n in enumerate(lattice.grid.kernel_shape[::-1]):
        if n > 1:
            fine = np.clip(np.floor((places[:, axis] + 0.5) * parts), 0, n * parts - 1)
            out[:, axis] = (fine + 0.5) / parts - 0.5
    return out


def _in_the_box(places: np.ndarray, grid: Grid) -> np.ndarray:
    """Coordinates (many, axes) in the order x, y, z."""
    d = grid.dimension
    lower = np.array(grid.lower)
    at = lower + (places[:, :d] + 0.5) * np.array(grid.spacing)
    return np.clip(at, lower, grid.upper)
