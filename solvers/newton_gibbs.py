"""The Gibbs density Q (f*)'(-psi/epsilon - nu) of a potential, as Newton's method meets it.

psi = chi + base + constant, with the constant that makes the dual value E_P[psi^c]. KL: that is
normalisation, ∫Q e^(-psi/epsilon) = 1, and psi splits into a quadratic base and chi. Other f:
(f*)' takes s = -chi/epsilon with f'(1) = 0, the base is zero, chi finds its own nu, and
constant = epsilon E_Q[f*(s)].
Source: Baptista et al., Proximal optimal transport divergences, Theorem 3.1.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Protocol

import numpy as np
from scipy.special import logsumexp

from mfgprox.divergence import JensenShannon, KullbackLeibler, Power
from mfgprox.divergence.base import POWER
from mfgprox.problem import Problem
from mfgprox.solvers.newton_start import Quadratic

LARGEST = 1e-12
"""Distance of s from f'(∞) or f'(0), relative: what is closer cannot be told from it."""
TELLING = 1e-9
"""The same for a density with digits that count."""
ABOVE = 3.0
"""Logarithm of how far a Gibbs density may lie above the maxima of P and Q."""

STEEPEST = 3.0
"""Of |log R/Q| in a start, on the side where f'(t) runs away, over the power with which it does."""


class Gibbs(Protocol):
    """The marginal of one f on one grid; arrays (nz, ny, nx)."""

    free: bool
    """Whether the constant of psi is free, as for KL, and follows from chi."""

    def base(self, start: Quadratic) -> Quadratic:
        """The part of psi that chi is counted from."""
        ...

    def start(self, start: Quadratic) -> np.ndarray:
        """chi to begin with."""
        ...

    def admissible(self, chi: np.ndarray, epsilon: float) -> np.ndarray:
        """chi, raised where the Gibbs density would be infinite."""
        ...

    def constant(self, psi: np.ndarray, epsilon: float) -> float:
        """Of psi = chi + base. Raises FloatingPointError where that is not finite."""
        ...

    def log_density(self, psi: np.ndarray, constant: float, epsilon: float) -> np.ndarray:
        """Of psi = chi + base and its constant."""
        ...

    def known(self, psi: np.ndarray, epsilon: float) -> np.ndarray | None:
        """Where rounding leaves digits of the density; None for everywhere."""
        ...


def gibbs_of(problem: Problem) -> Gibbs:
    """For the f of the problem."""
    f = problem.divergence
    if isinstance(f, Power | JensenShannon):
        return Ended(problem, f)
    assert isinstance(f, KullbackLeibler)
    return Exponential(problem)


class Exponential:
    """KL."""

    free = True

    def __init__(self, problem: Problem) -> None:
        self.log_Q = np.reshape(problem.log_Q, problem.grid.kernel_shape)
        self.volume = problem.grid.cell_volume

    def base(self, start: Quadratic) -> Quadratic:
        return start

    def start(self, start: Quadratic) -> np.ndarray:
        return np.zeros(self.log_Q.shape)

    def admissible(self, chi: np.ndarray, epsilon: float) -> np.ndarray:
        return chi

    def constant(self, psi: np.ndarray, epsilon: float) -> float:
        exponent = psi * (-1.0 / epsilon)
        exponent += self.log_Q
        top = float(exponent.max())
        if not math.isfinite(top):
            raise FloatingPointError("the potential is not finite")
        exponent -= top
        total = float(np.exp(exponent, out=exponent).sum())
        if not math.isfinite(total):
            raise FloatingPointError("the potential is not finite")
        return epsilon * (math.log(total * self.volume) + top)

    def log_density(self, psi: np.ndarray, constant: float, epsilon: float) -> np.ndarray:
        return self.log_Q - (psi + constant) / epsilon

    def known(self, psi: np.ndarray, epsilon: float) -> np.ndarray | None:
        return None


class Ended:
    """f whose conjugate has a finite end of its domain: f'(∞), then psi is bounded below, or f'(0),
    then R may vanish."""

    free = False

    def __init__(self, problem: Problem, f: Power | JensenShannon) -> None:
        self.problem, self.f = problem, f
        self.log_Q = np.reshape(problem.log_Q, problem.grid.kernel_shape)
        one = float(f.distance(np.zeros(1))[0])
        self.end = one
        """The distance of that end from f'(1) = 0: f is shifted so."""
        self.nearest = np.full(self.log_Q.shape, LARGEST * one)
        """Distances from that end at which the Gibbs density counts as too large, or as zero."""
        if f.side > 0:
            top = max(float(problem.log_P.max()), float(problem.log_Q.max())) + ABOVE
            self.nearest = np.maximum(f.distance(top - self.log_Q), self.nearest)

    def base(self, start: Quadratic) -> Quadratic:
        return replace(start, H=np.zeros_like(start.H), g=np.zeros_like(start.g))

    def start(self, start: Quadratic) -> np.ndarray:
        """-epsilon f'(t) where KL with the same f''(1) has R = t Q at the start."""
        problem, f = self.problem, self.f
        log_t = start.on(problem.grid) / (-problem.epsilon * f.law.scale)
        log_t -= logsumexp(log_t + self.log_Q) + math.log(problem.grid.cell_volume)
        power = max(abs(f.law.alpha - 1.0), 1.0) if f.law.kind == POWER else 1.0
        told = f.side * np.maximum(f.side * log_t, -STEEPEST / power)
        return f.side * problem.epsilon * (f.distance(told) - self.end)

    def admissible(self, chi: np.ndarray, epsilon: float) -> np.ndarray:
        return np.maximum(chi, epsilon * (self.nearest - self.end)) if self.f.side > 0 else chi

    def constant(self, psi: np.ndarray, epsilon: float) -> float:
        conjugate = self.f.conjugate_of(self.log_ratio(psi, epsilon))
        conjugate = conjugate - float(self.f.conjugate_of(np.zeros(1))[0])
        total = float((np.exp(self.log_Q) * conjugate).sum()) * self.problem.grid.cell_volume
        if not math.isfinite(total):
            raise FloatingPointError("the potential is not finite")
        return epsilon * total

    def log_density(self, psi: np.ndarray, constant: float, epsilon: float) -> np.ndarray:
        return self.log_Q + self.log_ratio(psi, epsilon)

    def known(self, psi: np.ndarray, epsilon: float) -> np.ndarray | None:
        return self.end + self.f.side * psi / epsilon > TELLING * self.end

    def log_ratio(self, psi: np.ndarray, epsilon: float) -> np.ndarray:
        return self.f.log_ratio(np.maximum(self.end + self.f.side * psi / epsilon, self.nearest))
