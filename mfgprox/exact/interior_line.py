"""The divergence on the line where R may vanish, or leave the support of Q at a finite price.

There is no smooth system to collocate then: meshes are halved and the value extrapolated, its error
is what the last halving changed, and a dual value by search has to agree. Lipschitz-regularised
divergences are the same problem with another cost: mass that S wants further away than R may go at
the slope epsilon L,

    D^{Lip_L} = min_S { ∫ c(F_P^{-1} - F_S^{-1}) + epsilon D_f(S‖Q) },  c the largest convex
    function below |d|^p with slopes of at most epsilon L,

since W_p^p(P, R) + epsilon L W_1(R, S) is least, mass by mass, on the way from P to S.
Source: Baptista, Birmpa, Katsoulakis, Rey-Bellet, Zhang: Proximal optimal transport divergences,
(2.4) and Example 3.2.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from mfgprox.divergence import Divergence
from mfgprox.exact.convex_1d import ConvexProblem, Mesh
from mfgprox.exact.distribution import Distribution
from mfgprox.exact.interior_1d import Interior, minimise
from mfgprox.exact.searched_dual import dual_value

FIRST_CELLS = 256
LEAST_CELLS, MAX_CELLS = 1024, 8192
FEWEST = 8
"""First cells between two breaks, however close they are."""
SMALLEST_CELL = 1e-9
"""Share of the box: breaks of Q closer to an edge than this move it."""
SPREAD = 1e-6
"""Mass that the start has evenly over the box."""
AGAIN = 1e-4
"""Gap of the first mu on a mesh that begins from a coarser one."""
CONTRADICTION = 2e-6
"""Relative gap to the searched dual value beyond which it is the error."""
SAMPLES = 200_000


@dataclass(frozen=True, eq=False)
class InteriorSolution:
    """divergence, transport_cost W_p^p(P, R), information_divergence (D_f of R, or its Lipschitz
    regularisation), error of the divergence; the last mesh and what was found there (for a
    Lipschitz-regularised divergence S)."""

    divergence: float
    transport_cost: float
    information_divergence: float
    error: float
    problem: ConvexProblem
    found: Interior

    def averages(self, edges: np.ndarray) -> np.ndarray:
        """R between consecutive edges, per unit length."""
        problem, state = self.problem, self.found.state
        y, below = _distribution(problem, state.R)
        if math.isfinite(problem.reach):
            u = (np.arange(SAMPLES) + 0.5) / SAMPLES
            x, away = _displacement(problem, state.R, u)
            # The support of Q may be anywhere else.
            y, below = np.sort(x + np.clip(away, -problem.reach, problem.reach)), u
        mass = np.interp(edges, y, below)
        mass[0], mass[-1] = 0.0, 1.0
        return np.diff(mass) / np.diff(edges)


def solve(
    P: Distribution,
    Q: Distribution,
    *,
    epsilon: float,
    p: float,
    divergence: Divergence,
    lipschitz: float = math.inf,
    accuracy: float = 2e-7,
) -> InteriorSolution:
    """To the accuracy (times max(1, D)) if MAX_CELLS are enough for it; see `error`.

    Raises FloatingPointError where the method breaks down.
    """
    everywhere = math.isfinite(divergence.recession)
    reach = (epsilon * lipschitz / p) ** (1.0 / (p - 1.0))
    edges, values, excess = _first_edges(Q), [], []
    problem: ConvexProblem | None = None
    found: Interior | None = None
    best, error = math.nan, math.inf
    while edges.size <= 2 * MAX_CELLS:
        mesh = Mesh.of(Q, edges, everywhere)
        start = _cold(P, mesh) if found is None or problem is None else _finer(problem, found, mesh)
        gap = 1.0 if found is None else AGAIN
        problem = ConvexProblem(P, mesh, p, epsilon, divergence, reach)
        found = minimise(problem, start, gap)
        values.append(found.state.value)
        excess.append(found.excess if found.settled else math.inf)
        best, error = _extrapolated(values, excess)
        if edges.size > MAX_CELLS or (
            edges.size > LEAST_CELLS and error <= accuracy * max(1.0, abs(best))
        ):
            break
        edges = np.sort(np.concatenate([edges, 0.5 * (edges[1:] + edges[:-1])]))
    assert problem is not None and found is not None
    gap = abs(best - dual_value(problem, Q, found.state))
    if gap > error + CONTRADICTION * max(1.0, abs(best)):
        error = gap
    transport = _moved(problem, found)
    return InteriorSolution(best, transport, (best - transport) / epsilon, error, problem, found)


def _first_edges(Q: Distribution) -> np.ndarray:
    edges = np.linspace(Q.lower, Q.upper, FIRST_CELLS + 1)
    for b in Q.breaks[1:-1]:
        near = np.abs(edges[1:-1] - b) < SMALLEST_CELL * (Q.upper - Q.lower)
        edges[1:-1] = np.where(near, b, edges[1:-1])
    wide = FEWEST * (Q.upper - Q.lower) / FIRST_CELLS
    thin = [np.linspace(a, b, FEWEST + 1) for a, b in itertools.pairwise(Q.breaks) if b - a < wide]
    return np.unique(np.concatenate([edges, Q.breaks, *thin]))


def _cold(P: Distribution, mesh: Mesh) -> np.ndarray:
    """Half P, half Q, and a little everywhere."""
    own = np.maximum(P.mass_below(mesh.right) - P.mass_below(mesh.left), 0.0)
    return 0.5 * own + 0.5 * np.exp(mesh.log_Q) + SPREAD * mesh.width


def _finer(problem: ConvexProblem, found: Interior, mesh: Mesh) -> np.ndarray:
    """The masses of a coarser mesh, as log-densities between the middles of its cells."""
    old, R = problem.mesh, found.state.R
    density = np.log(R / old.width)
    middle, wanted = (0.5 * (m.left + m.right) for m in (old, mesh))
    return np.exp(np.interp(wanted, middle, density)) * mesh.width


def _extrapolated(values: list[float], excess: list[float]) -> tuple[float, float]:
    """The limit of values whose error falls like h², and its error."""
    if len(values) < 3:
        return values[-1], math.inf
    once = [new + (new - old) / 3.0 for old, new in zip(values[-3:-1], values[-2:], strict=True)]
    return once[1], abs(once[1] - once[0]) + 2.0 * max(excess[-3:])


def _distribution(problem: ConvexProblem, R: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the cells and the mass below them."""
    mesh = problem.mesh
    below = np.concatenate([[0.0], np.cumsum(R)]) / R.sum()
    y = np.stack([mesh.left, mesh.right], axis=1).ravel()
    mass = np.stack([below[:-1], below[1:]], axis=1).ravel()
    return np.append(y[0], y), np.append(0.0, mass)


def _displacement(
    problem: ConvexProblem, R: np.ndarray, u: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles of P at u, and how far they are from those of R."""
    y, below = _distribution(problem, R)
    x = problem.P.quantile(u, 1.0 - u)
    return x, np.interp(u, below, y) - x


def _moved(problem: ConvexProblem, found: Interior) -> float:
    """W_p^p(P, R): all of the cost, but for what lies beyond the reach."""
    state = found.state
    if math.isinf(problem.reach):
        return state.transport_cost
    _, away = _displacement(problem, state.R, (np.arange(SAMPLES) + 0.5) / SAMPLES)
    return float((np.minimum(np.abs(away), problem.reach) ** problem.p).mean())
