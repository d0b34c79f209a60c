"""Fictitious play proper: averages of (rho, m) over best responses.

Each step answers the potential of the averaged terminal density and mixes the pushed pair in: with
weight 1/(k+1), or with the weight that minimises the primal value of the mixture exactly (the
generalised conditional gradient method). Both stay feasible to round-off. The primal value of an
averaged pair is that of its net momentum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mfgprox.kernels import continuity
from mfgprox.solvers.fictitious_level import Level, Response

GOLDEN = 0.5 * (5.0**0.5 - 1.0)
SECTIONS = 40
"""Golden sections of the line search: the weight to 4e-9, beyond what the value resolves."""


@dataclass
class Average:
    """An averaged feasible pair: rho (steps + 1, nz, ny, nx) and momentum on faces, z first."""

    rho: np.ndarray
    momentum: list[np.ndarray]
    count: int = 1

    def mixed(self, other: Average, weight: float) -> Average:
        """(1 - weight) this + weight other."""
        return Average(
            (1.0 - weight) * self.rho + weight * other.rho,
            [
                (1.0 - weight) * a + weight * b
                for a, b in zip(self.momentum, other.momentum, strict=True)
            ],
            self.count + 1,
        )


def pair_of(response: Response) -> Average:
    """The pushed pair of a best response."""
    level = response.level
    momentum = []
    for axis in range(3):
        faces = list(level.shape)
        faces[axis] += 1
        m = np.zeros((level.steps, *faces))
        if level.shape[axis] > 1:
            for k in range(level.steps):
                continuity.face_momentum(
                    response.U, response.mobility, response.rho, k, axis, level.inverse[axis],
                    1.0, m[k],
                )  # fmt: skip
        momentum.append(m)
    return Average(response.rho, momentum)


def primal(level: Level, pair: Average) -> float:
    """The kinetic energy of the pair plus epsilon D_f(rho_1‖Q); inf where Q = 0 < rho_1."""
    problem = level.problem
    mz, my, mx = pair.momentum
    kinetic = continuity.kinetic_energy(pair.rho, mz, my, mx, problem.p, level.separable)
    information = problem.divergence.between(pair.rho[-1], level.log_Q, level.volume)
    return float(kinetic) * level.volume / level.steps + problem.epsilon * information


def respond_to(level: Level, pair: Average) -> Response:
    """The best response to the potential epsilon f'(rho_1/Q) of the pair, capped."""
    problem = level.problem
    wanted = problem.divergence.potential(pair.rho[-1], level.log_Q, problem.epsilon)
    # Where the mass underflows the potential is -inf; a finite floor of the slope does as well,
    # because the cap lifts nothing: it only lowers.
    held = wanted[np.isfinite(wanted)]
    lowest = float(held.min()) if held.size else 0.0
    return level.respond(np.where(np.isneginf(wanted), lowest, wanted))


def mix(level: Level, pair: Average, answer: Average, update: str) -> Average:
    """The pair after one update of either rule."""
    if update == "classical":
        return pair.mixed(answer, 1.0 / (pair.count + 1))
    weight = minimum(lambda w: primal(level, pair.mixed(answer, w)))
    return pair.mixed(answer, weight)


def minimum(value: Callable[[float], float]) -> float:
    """Golden sections for the minimiser of a convex function on [0, 1]."""
    low, high = 0.0, 1.0
    left, right = 1.0 - GOLDEN, GOLDEN
    at_left, at_right = value(left), value(right)
    for _ in range(SECTIONS):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = value(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = value(right)
    return 0.5 * (low + high)
