"""The primal value of a potential, and the correction of psi by more accurate differences.

With S(y) = y - ½∇psi, R' = P(S) det DS and psi c-concave, W_2²(P, R') = E_P[psi^c] + E_R'[psi]: the
primal value W_2² + epsilon D_f(R'‖Q) lies above the dual one by
    epsilon D_f(R'‖Q) + E_R'[psi]        KL: epsilon KL(R'‖Q e^(-psi/epsilon)),
the square of the error of psi, if R' is evaluated more accurately than by the equation that psi
solves: differences of eighth order, quintic splines. Its logarithm then also tells what psi lacks.
Source: Baptista et al., Proximal optimal transport divergences, (2.4) and Theorem 3.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.kernels import pushed_density
from mfgprox.kernels.threads import over
from mfgprox.solvers.newton_level import BLEND, Level, Potential


@dataclass(frozen=True, eq=False)
class Competitor:
    """R' = P(S) det DS. mass: its own; for the values it is brought to mass one."""

    log_R: np.ndarray
    """(nz, ny, nx); -inf where `Level.linearise` found no mass."""
    mass: float
    by_map: float
    """E_R'|S - y|² + epsilon D_f(R'‖Q), whatever psi is."""
    excess: float
    """Of the primal value over the dual one where psi is c-concave."""


def competitor(level: Level, at: Potential, epsilon: float) -> Competitor:
    """The values of R' after a `Level.linearise` at the same potential."""
    q, halo = level.quadratic, np.where(level.halo > 0, pushed_density.HALO, 0)
    padded = np.pad(at.chi, [(int(k), int(k)) for k in halo[::-1]], mode="symmetric")
    log_R, sums = level.log_R.copy(), np.empty((len(level.parts), 2))
    over(
        pushed_density.pushed_density, len(sums), 20 * log_R.size, padded, halo, level.log_P,
        level.box, q.H, q.g, log_R, sums,
    )  # fmt: skip
    del padded
    moved, transport = (float(part) for part in sums.sum(axis=0))
    if not level.gibbs.free:
        # Next to nothing, but R = 0, or far above Q, may cost more than nothing.
        gibbs, least = level.log_gibbs(at, epsilon), level.log_top + BLEND[1]
        nothing = (log_R < least) & (gibbs < least)
        log_R = np.where(np.isfinite(log_R) & ~nothing, log_R, gibbs)
    R = np.exp(log_R)
    mass = float(R.sum()) * level.volume
    if not (mass > 0.0 and moved > 0.0):
        # A map that folds everywhere leaves no density: nothing bounds the value from above.
        return Competitor(log_R, 0.0, math.inf, math.inf)
    R /= mass
    information = epsilon * level.problem.divergence.between(R, level.log_Q, level.volume)
    at_R = float((R * level.psi(at)).sum()) * level.volume
    return Competitor(log_R, mass, transport / moved + information, at_R + information)


def correction(level: Level, found: Competitor, effort: tuple) -> np.ndarray:
    """The step that the residual of a competitor asks for, after the `linearise` that made it."""
    known = np.isfinite(found.log_R) & np.isfinite(level.log_R) & (level.weight > BLEND[1])
    missing = np.subtract(found.log_R, level.log_R, out=np.zeros(level.shape), where=known)
    level.multigrid.set_up()
    return level.multigrid.solve(level.rhs - missing, *effort).u
