"""The terminal condition U_1 = epsilon f'(R/Q) of fictitious play, between two densities.

A best response has two: R_pushed, which arrives, and R_Gibbs, which U_1 asks for. The slope of the
condition is taken between both. Where f'(∞) is finite, U_1 = epsilon (f'(∞) + nu) is a pole, next
to which the potential cannot tell one density from another.
Source: Baptista et al., Proximal optimal transport divergences, (2.23)-(2.25).
"""

from __future__ import annotations

import numpy as np

from mfgprox.solvers.fictitious_level import Response

TINY = 1e-300
FLOOR = 1e-7
"""Least slope of the terminal condition relative to that of KL where the density is largest: cells
with less mass than that hold still, or their rounding errors would rule the conjugate gradients.
The largest slope is no measure: next to the pole of a finite f'(∞) it is 1e10 times as large, and
all cells but one would hold still."""
ROUNDING = 2.0**-52
"""Relative to epsilon f', at least epsilon: a smaller rise of the potential is rounding. Next to
the pole all mass of a cell comes and goes within it, and the slope is large, not zero."""
SECANT = 1.01
"""Two densities closer than this ratio are moved apart to it before the secant is taken."""
GROWTH = 10.0
"""What a cell may ask for after a step, over the more of what arrived and what it asked for."""
NEGLIGIBLE = 1e-6
"""Changes of U_1/epsilon that no value, gradient or density where U_1 tells R depends on."""


def terminal_slope(response: Response, share: float = 0.0) -> np.ndarray:
    """dR/dU_1 between the pushed and the Gibbs density, cell by cell, and at least the floor.

    share: of the Gibbs density that the pushed one counts as at least.
    """
    level, problem = response.level, response.level.problem
    two = np.maximum(response.gibbs, TINY)
    one = np.maximum(response.pushed, np.maximum(share * two, TINY))
    low, high = np.minimum(one, two), np.maximum(one, two)
    middle = np.sqrt(low) * np.sqrt(high)
    near = high < SECANT * low
    low = np.where(near, middle / np.sqrt(SECANT), low)
    high = np.where(near, middle * np.sqrt(SECANT), high)
    above = problem.divergence.potential(high, level.log_Q, problem.epsilon)
    below = problem.divergence.potential(low, level.log_Q, problem.epsilon)
    if np.isfinite(problem.divergence.derivative(np.zeros(1))).all():
        below = np.where(response.gibbs > 0.0, below, _below(response, below))
    rise = np.subtract(above, below, out=np.ones(level.shape), where=level.support)
    # Where both vanish and f'(0) is finite, the potential says nothing; R hardly changes there.
    least = ROUNDING * np.maximum(np.abs(above), problem.epsilon)
    told = level.support & np.isfinite(rise)
    rise = np.maximum(rise, least, out=np.ones(level.shape), where=told)
    slope = np.divide(high - low, rise, out=np.zeros(level.shape), where=told)
    return slope + FLOOR * min(slope.max(), high.max() / problem.epsilon)


def _below(response: Response, level_off: np.ndarray) -> np.ndarray:
    """U_1 in the gauge epsilon f'(R/Q): how far it lies below epsilon f'(0) where R vanishes."""
    level, problem = response.level, response.level.problem
    at = int(response.gibbs.argmax())
    told = problem.divergence.potential(response.gibbs, level.log_Q, problem.epsilon).flat[at]
    return np.minimum(response.potential - response.potential.flat[at] + told, level_off)


def ceiling(response: Response) -> np.ndarray | None:
    """The U_1, (nz, ny, nx), with which each cell asks for GROWTH times what arrives there or is
    asked for, with nu as it is; None where f'(∞) = ∞."""
    level, problem = response.level, response.level.problem
    if not np.isfinite(problem.divergence.recession):
        return None
    most = GROWTH * np.maximum(np.maximum(response.gibbs, response.pushed), TINY)
    told = problem.divergence.potential(most, level.log_Q, problem.epsilon)
    asked = problem.divergence.potential(response.gibbs, level.log_Q, problem.epsilon)
    at = int(response.gibbs.argmax())
    gauge = response.potential.flat[at] - asked.flat[at]
    return np.asarray(np.maximum(response.potential, told + gauge))


def unmet(response: Response) -> float:
    """∫ |R_pushed - R_Gibbs| over the cells where a change of U_1 by more than NEGLIGIBLE epsilon
    closes the difference; next to the pole no number that U_1 can take does."""
    apart = np.abs(response.pushed - response.gibbs)
    within = NEGLIGIBLE * response.level.problem.epsilon * terminal_slope(response)
    return response.level.integral(np.where(apart > within, apart, 0.0))
