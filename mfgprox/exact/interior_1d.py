"""An interior-point method for the convex problem of `convex_1d`, for R that may vanish.

Masses R > 0 and multipliers z > 0 of R >= 0 with R z = mu; mu goes to zero. What mu still costs the
value is known: mu times the number of cells. R = 0 where f'(0) is finite and the potential low, and
mass where Q = 0 if f'(∞) is finite, need no care of their own.
Source: Baptista, Birmpa, Katsoulakis, Rey-Bellet, Zhang: Proximal optimal transport divergences,
(2.4); Nesterov and Nemirovskii, Interior-Point Polynomial Algorithms in Convex Programming (1994).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_banded

from mfgprox.exact.convex_1d import ConvexProblem, State
from mfgprox.exact.newton_1d import growth_of

LAST_GAP = 1e-10
"""mu times the number of cells at the end, relative to max(1, value)."""
FALL, POWER = 0.1, 1.4
"""mu is reduced by the factor FALL, or to a power once it is small."""
CENTRED = 0.1
"""Half the squared Newton decrement over mu below which mu is reduced."""
TO_THE_BOUNDARY = 0.99
MOST_GROWTH = 30.0
ARMIJO, HALVINGS = 1e-4, 20
MOST_STEPS = 150
STIFFEST = 1e15
SMALLEST_MASS = 1e-280
ROUND_OFF = 1e-15
NOISE, SHORT = 1e-8, 0.05
"""Relative decrement at which short steps are rounding: it adds to what the value may be above."""


@dataclass(frozen=True, eq=False)
class Interior:
    """The last state; what the value may be above the minimum; whether the method got there."""

    state: State
    excess: float
    settled: bool


def minimise(problem: ConvexProblem, R: np.ndarray, gap: float = 1.0) -> Interior:
    """From masses R > 0, with a first mu that makes this gap.

    Raises FloatingPointError for a step that is not finite.
    """
    n = R.size
    # A mass far below mu would double at best in every step.
    R = R / R.sum() + gap / n
    state = problem.evaluate(R / R.sum())
    mu = gap * max(1.0, abs(state.value)) / n
    z = mu / state.R
    for _ in range(MOST_STEPS):
        last = LAST_GAP * max(1.0, abs(state.value)) / n
        growth, decrement, z_growth = _step(problem, state, z, mu)
        if not np.isfinite(decrement):
            raise FloatingPointError("the one-dimensional Newton step is not finite")
        length, new = _search(problem, state, growth, decrement, mu)
        noisy = length < SHORT and decrement <= NOISE * max(1.0, abs(state.value))
        if new is not None:
            z = z * np.exp(np.clip(length * z_growth, -MOST_GROWTH, MOST_GROWTH))
            # Multipliers far from mu / R only slow the method down.
            z = np.clip(z, 1e-8 * mu / new.R, 1e8 * mu / new.R)
            state = new
        if noisy or decrement <= 2.0 * CENTRED * mu:
            if mu <= last or noisy:
                return Interior(state, n * mu + max(decrement, 0.0), True)
            mu = max(last, min(FALL * mu, mu**POWER))
        elif new is None:
            break
    return Interior(state, n * mu + decrement, False)


def _step(
    problem: ConvexProblem, state: State, z: np.ndarray, mu: float
) -> tuple[np.ndarray, float, np.ndarray]:
    """dR/R, the Newton decrement squared, and dz/z."""
    slope = problem.marginal_slope(state.R) + z / state.R
    # state.gradient has -diff(epsilon f'); the barrier adds -mu/R to that.
    gradient = state.gradient + np.diff(mu / state.R)
    K = state.stiffness.copy()
    stiffest = STIFFEST * (slope.min() + np.median(K[0]))
    q, loose = np.minimum(slope, stiffest), stiffest >= K[0]
    K[0] = np.minimum(K[0], stiffest)
    K[1, :-1] *= loose[:-1] & loose[1:]
    banded = np.zeros((3, gradient.size))
    off = K[1][:-1] - q[1:-1]
    banded[0, 1:], banded[1], banded[2, :-1] = off, K[0] + q[:-1] + q[1:], off
    try:
        d = solve_banded((1, 1), banded, -gradient)
    except np.linalg.LinAlgError as error:
        raise FloatingPointError("the one-dimensional Newton step is not finite") from error
    growth = growth_of(gradient, state.R, K, slope, d, np.zeros(0, int))
    decrement = float(-(gradient * d).sum())
    return growth, decrement, mu / (state.R * z) - 1.0 - growth


def _search(
    problem: ConvexProblem, state: State, growth: np.ndarray, decrement: float, mu: float
) -> tuple[float, State | None]:
    """The longest of the steps 1, 1/2, 1/4, … that lowers the value with its barrier."""
    before = state.value - mu * float(np.log(state.R).sum())
    noise = 4.0 * ROUND_OFF * max(1.0, abs(before))
    length = min(1.0, TO_THE_BOUNDARY / max(-float(growth.min()), 1e-300))
    for _ in range(HALVINGS):
        R = state.R * (1.0 + length * growth)
        new = problem.evaluate(np.maximum(R / R.sum(), SMALLEST_MASS))
        after = new.value - mu * float(np.log(new.R).sum())
        if after <= before - ARMIJO * length * decrement + noise:
            return length, new
        length *= 0.5
    return 0.0, None
