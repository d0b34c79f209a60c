"""Newton's method for the convex problem of `convex_1d`.

Masses change by a factor, so that they stay positive and tails converge as fast as the bulk. Where
Q has a gap, the functional has a kink at every mass at which P has one: a node that would cross
such a mass is stopped there, and stays while zero lies between the slopes on both sides.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_banded

from mfgprox.exact.convex_1d import ConvexProblem, State

MAX_STEPS = 100
LARGEST_GROWTH = 4.0
CAUTIOUS_STEPS = 4
ARMIJO = 1e-4
STIFFEST = 1e14
SMALLEST_MASS = 1e-290
ROUND_OFF = 4e-16
AT_A_KINK = 1e-11
HALVINGS, HALVINGS_IN_NOISE, NOISE = 40, 6, 1e-6
"""A decrement below NOISE may be at the quadrature of the cost, whose kink counts for p < 2."""


@dataclass(frozen=True, eq=False)
class Step:
    """Relative change of every mass, the decrement, and nodes that go to a given mass below."""

    growth: np.ndarray
    decrement: float
    nodes: np.ndarray
    levels: np.ndarray


@dataclass(frozen=True, eq=False)
class Minimum:
    """The last state, its Newton decrement, the steps taken, and the nodes that sit at a kink."""

    state: State
    decrement: float
    steps: int


def minimise(problem: ConvexProblem, R: np.ndarray) -> Minimum:
    """Newton's method from the masses R > 0.

    The decrement is about twice what is missing in the value. For p < 2 the curvature p |d|^{p-2}
    of the quadratic above |d|^p replaces the second derivative after a step that overshot.
    Raises FloatingPointError for a step that is not finite.
    """
    state, cautious = problem.evaluate(R / R.sum()), 0
    kinks = problem.P.gaps() if np.any(problem.mesh.left[1:] > problem.mesh.right[:-1]) else []
    for count in range(MAX_STEPS):
        stiffer = 1.0 / (problem.p - 1.0) if cautious and problem.p < 2.0 else 1.0
        step = _step(problem, state, kinks, stiffer)
        if not np.isfinite(step.decrement):
            raise FloatingPointError("the one-dimensional Newton step is not finite")
        if step.decrement <= ROUND_OFF * max(1.0, abs(state.value)):
            return Minimum(state, max(step.decrement, 0.0), count)
        new, length = _search(problem, state, step)
        if new is None:
            return Minimum(state, step.decrement, count)
        cautious = CAUTIOUS_STEPS if length < 1.0 else max(cautious - 1, 0)
        state = new
    return Minimum(state, step.decrement, MAX_STEPS)


def _step(problem: ConvexProblem, state: State, kinks: list, stiffer: float) -> Step:
    slope = problem.marginal_slope(state.R)
    K = stiffer * state.stiffness
    # Nothing moves across a cell or node this stiff; the masses there follow below.
    stiffest = STIFFEST * (slope.min() + np.median(K[0]))
    q, loose = np.minimum(slope, stiffest), stiffest >= K[0]
    K[0] = np.minimum(K[0], stiffest)
    K[1, :-1] *= loose[:-1] & loose[1:]
    below = np.cumsum(state.R)[:-1]
    nodes, change = _held(problem, state, below, kinks)
    d = _solve(K, q, state.gradient, nodes, change)
    for _ in range(2 * len(kinks)):
        crossing, jump = _crossing(problem, below, d, kinks, nodes)
        if not crossing.size:
            break
        nodes, change = np.append(nodes, crossing), np.append(change, jump)
        d = _solve(K, q, state.gradient, nodes, change)
    growth = growth_of(state.gradient, state.R, K, slope, d, nodes)
    order = np.argsort(nodes)
    free = np.setdiff1d(np.arange(d.size), nodes[change == 0.0])
    decrement = float(-(state.gradient[free] * d[free]).sum())
    return Step(growth, decrement, nodes[order], (below[nodes] + change)[order])


def _solve(
    K: np.ndarray, q: np.ndarray, gradient: np.ndarray, nodes: np.ndarray, change: np.ndarray
) -> np.ndarray:
    """The Newton step in the masses below the nodes, some of it prescribed."""
    banded = np.zeros((3, gradient.size))
    off = K[1][:-1] - q[1:-1]
    banded[0, 1:], banded[1], banded[2, :-1] = off, K[0] + q[:-1] + q[1:], off
    right = -gradient
    for i, v in zip(nodes, change, strict=True):
        banded[:, i] = 0.0, 1.0, 0.0
        if i > 0:
            right[i - 1] -= off[i - 1] * v
            banded[2, i - 1] = 0.0
        if i + 1 < gradient.size:
            right[i + 1] -= off[i] * v
            banded[0, i + 1] = 0.0
    right[nodes] = change
    return solve_banded((1, 1), banded, right)


def growth_of(
    gradient: np.ndarray,
    R: np.ndarray,
    K: np.ndarray,
    slope: np.ndarray,
    d: np.ndarray,
    nodes: np.ndarray,
) -> np.ndarray:
    """dR/R of every cell.

    Differences of d lose all digits where R is tiny; the equation of the step gives them back,
    summed from the heaviest cell on, in every part between prescribed nodes.
    """
    pushed = K[0] * d
    pushed[:-1] += K[1][:-1] * d[1:]
    pushed[1:] += K[1][:-1] * d[:-1]
    dw = np.concatenate([[0.0], np.cumsum(gradient + pushed)])
    direct = slope * np.diff(np.concatenate([[0.0], d, [0.0]]))
    bounds = np.concatenate([[0], np.sort(nodes) + 1, [R.size]])
    for a, b in itertools.pairwise(bounds):
        top = a + int(np.argmax(R[a:b]))
        dw[a:b] += direct[top] - dw[top]
    return dw / (slope * R)


def _held(
    problem: ConvexProblem, state: State, below: np.ndarray, kinks: list
) -> tuple[np.ndarray, np.ndarray]:
    """Nodes that sit at a kink with zero between the slopes on both sides."""
    rest = state.gradient - problem.jump_slope(state.positions)
    held = np.zeros(below.size, bool)
    at_gap = problem.mesh.left[1:] > problem.mesh.right[:-1]
    for start, end, level in kinks:
        low = rest + problem.jump_slope(np.full(below.size, start))
        high = rest + problem.jump_slope(np.full(below.size, end))
        held |= at_gap & (np.abs(below - level) <= AT_A_KINK) & (low <= 0.0) & (high >= 0.0)
    nodes = np.flatnonzero(held)
    return nodes, np.zeros(nodes.size)


def _crossing(
    problem: ConvexProblem, below: np.ndarray, d: np.ndarray, kinks: list, nodes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Nodes of gaps that the step would carry across a kink, and the way to the first one."""
    way = np.full(below.size, np.inf)
    at_gap = problem.mesh.left[1:] > problem.mesh.right[:-1]
    for _, _, level in kinks:
        to = level - below
        ahead = at_gap & (np.abs(to) > AT_A_KINK) & (to * d > 0.0) & (np.abs(d) > np.abs(to))
        way = np.where(ahead & (np.abs(to) < np.abs(way)), to, way)
    found = np.setdiff1d(np.flatnonzero(np.isfinite(way)), nodes)
    return found, way[found]


def _search(problem: ConvexProblem, state: State, step: Step) -> tuple[State | None, float]:
    """The longest of the steps 1, 1/2, 1/4, … that lowers the value; None when none does."""
    length, noise = 1.0, ROUND_OFF * abs(state.value)
    in_noise = step.decrement < NOISE * max(1.0, abs(state.value))
    before = np.cumsum(state.R)[:-1][step.nodes]
    for _ in range(HALVINGS_IN_NOISE if in_noise else HALVINGS):
        change = np.clip(length * step.growth, -50.0, LARGEST_GROWTH)
        R = state.R * np.where(change > 0.0, 1.0 + change, np.exp(change))
        R = _with_masses(R, step.nodes, before + length * (step.levels - before))
        new = problem.evaluate(R)
        if new.value <= state.value - ARMIJO * length * step.decrement + noise:
            return new, length
        length *= 0.5
    return None, 0.0


def _with_masses(R: np.ndarray, nodes: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """R scaled to mass one, with these masses below these nodes."""
    bounds = np.concatenate([[0], nodes + 1, [R.size]])
    masses = np.diff(np.concatenate([[0.0], levels, [1.0]]))
    R = R.copy()
    for a, b, mass in zip(bounds[:-1], bounds[1:], masses, strict=True):
        R[a:b] *= mass / R[a:b].sum()
    return np.maximum(R, SMALLEST_MASS)
