"""The divergence on the line for any p > 1 and any P and Q: an independent reference.

It shares nothing with the solvers on space-time grids: the unknown is the distribution function of
R on a mesh, the transport cost is ∫_0^1 |F_P^{-1} - F_R^{-1}|^p. From there collocation goes on to
round-off; where it fails, the mesh is halved until the extrapolated value stands still.
Source: Baptista, Birmpa, Katsoulakis, Rey-Bellet, Zhang: Proximal optimal transport divergences,
(2.4); the path is that of (2.23).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mfgprox.divergence import Divergence, KullbackLeibler
from mfgprox.exact.collocated_path import collocated
from mfgprox.exact.convex_1d import ConvexProblem, Mesh
from mfgprox.exact.distribution import Distribution
from mfgprox.exact.monotone_path import MonotonePath, path_of
from mfgprox.exact.newton_1d import Minimum, minimise
from mfgprox.exact.refinement import refine
from mfgprox.exact.weak_duality import dual_value

FIRST_CELLS = 64
MAX_CELLS = 8192
LEAST_CELLS = 1024
"""A mesh at least this fine is where collocation starts, or carries the path."""
HEAVY = 0.02
GRADING_ROUNDS = 8
SMALLEST_MASS = 1e-290
ROUND_OFF = 1e-13
"""Relative accuracy of sums in double precision."""
DOUBTFUL = 1e-3
SMALL = 1e-3
"""A gap to the searched dual value beyond its quadrature: then the gap is the error."""


Solved = tuple[ConvexProblem, Minimum]


@dataclass(frozen=True, eq=False)
class OneDimensionalSolution:
    """The answer on the line.

    divergence, transport_cost, information_divergence: by collocation, or where that fails (rough
    densities with a small epsilon) extrapolated in the mesh width. error: the estimated error of
    `divergence`; density_error: that of R in L1, inf where only the mesh is known. path: rho_t,
    U_t, ∇U_t and the map.
    """

    divergence: float
    transport_cost: float
    information_divergence: float
    error: float
    density_error: float
    path: MonotonePath

    @property
    def trusted(self) -> bool:
        """Whether the error is small enough, by its own estimate, to judge others by."""
        return bool(self.error <= DOUBTFUL * max(abs(self.divergence), SMALL))

    def map(self, x: np.ndarray) -> np.ndarray:
        """Where the optimal map sends x."""
        return self.path.ends(0.0, x)[1]


def solve(
    P: Distribution,
    Q: Distribution,
    *,
    epsilon: float,
    p: float = 2.0,
    divergence: Divergence | None = None,
    accuracy: float = 1e-10,
) -> OneDimensionalSolution:
    """D^p_epsilon(P‖Q) for distributions on the same interval, to the accuracy (times max(1, D)).

    Raises ValueError for different intervals, FloatingPointError where Newton's method breaks down.
    """
    if (P.lower, P.upper) != (Q.lower, Q.upper):
        raise ValueError("P and Q must live on the same interval")
    f = KullbackLeibler() if divergence is None else divergence

    def on(edges: np.ndarray, start: Minimum | None, mesh: Mesh | None) -> Solved:
        problem = ConvexProblem(P, Mesh.of(Q, edges), p, epsilon, f)
        return problem, minimise(problem, _start(problem.mesh, mesh, start))

    edges, (problem, found) = _graded(on, _first_edges(Q))
    values, refined, tried = [_values(found)], None, False
    best, error = _extrapolate(np.array(values))
    while refined is None and 2 * problem.mesh.left.size <= max(MAX_CELLS, 8 * Q.breaks.size):
        edges = np.sort(np.concatenate([edges, 0.5 * (edges[1:] + edges[:-1])]))
        problem, found = on(edges, found, problem.mesh)
        values.append(_values(found))
        best, error = _extrapolate(np.array(values))
        if problem.mesh.left.size < LEAST_CELLS:
            continue
        if not tried:
            refined, tried = refine(problem, Q, found), True
        if error <= accuracy * max(1.0, abs(best[0])):
            break
    if refined is None:
        path = path_of(problem, Q, found.state)
        return _checked(best, error + found.decrement, math.inf, path)
    error = refined.error + ROUND_OFF * abs(refined.values[0])
    path = collocated(refined.collocation)
    return _checked(np.array(refined.values), error, refined.density_error, path)


def _graded(
    on: Callable[[np.ndarray, Minimum | None, Mesh | None], Solved], edges: np.ndarray
) -> tuple[np.ndarray, Solved]:
    """The solution on a coarse mesh that is finer where R is heavy."""
    problem, found = on(edges, None, None)
    for _ in range(GRADING_ROUNDS):
        heavy = found.state.R > HEAVY
        if not heavy.any():
            break
        middle = 0.5 * (problem.mesh.left + problem.mesh.right)[heavy]
        edges = np.sort(np.concatenate([edges, middle]))
        problem, found = on(edges, found, problem.mesh)
    return edges, (problem, found)


def _checked(
    values: np.ndarray, error: float, density_error: float, path: MonotonePath
) -> OneDimensionalSolution:
    """The solution; where its searched dual value contradicts it, that is its error."""
    gap = abs(float(values[0]) - dual_value(path))
    if gap > DOUBTFUL * max(SMALL**0.5, abs(values[0])):
        error = max(error, gap)
    return OneDimensionalSolution(
        float(values[0]), float(values[1]), float(values[2]), error, density_error, path
    )


def _first_edges(Q: Distribution) -> np.ndarray:
    """Equal cells over the box, none across a break, several between two of them."""
    between = -(-FIRST_CELLS // (Q.breaks.size - 1))
    fill = [np.linspace(a, b, between + 1) for a, b in itertools.pairwise(Q.breaks)]
    spread = np.linspace(Q.lower, Q.upper, FIRST_CELLS + 1)
    coarse = np.unique(np.concatenate([spread, Q.breaks]))
    widths = np.diff(Q.breaks)
    narrow = widths < 0.5 * between * (Q.upper - Q.lower) / FIRST_CELLS
    return np.unique(np.concatenate([coarse, *(f for f, n in zip(fill, narrow, strict=True) if n)]))


def _start(mesh: Mesh, old: Mesh | None, found: Minimum | None) -> np.ndarray:
    """Masses to begin with: Q's, or log(R/Q) interpolated from a coarser mesh."""
    log_R = mesh.log_Q
    if old is not None and found is not None:
        log_ratio = np.log(found.state.R) - old.log_Q
        log_R = log_R + np.interp(_middle(mesh), _middle(old), log_ratio)
    R = np.exp(log_R - log_R.max())
    return np.maximum(R / R.sum(), SMALLEST_MASS)


def _middle(mesh: Mesh) -> np.ndarray:
    return 0.5 * (mesh.left + mesh.right)


def _values(found: Minimum) -> list[float]:
    state = found.state
    return [state.value, state.transport_cost, state.information_divergence]


def _extrapolate(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Limits of values whose error falls like h², and the estimated error of the first.

    The h⁴ term is removed as well where the values of three meshes show it.
    """
    if len(values) < 4:
        return values[-1], float("inf")
    once = values[1:] + np.diff(values, axis=0) / 3.0
    twice = once[1:] + np.diff(once, axis=0) / 15.0
    older, newer = np.abs(np.diff(once[-3:, 0]))
    regular = 10.0 <= older / max(newer, 1e-300) <= 24.0
    change = np.abs(twice[-1, 0] - twice[-2, 0]) if regular else newer
    return (twice if regular else once)[-1], float(change)
