"""One grid of the primal–dual method: the iterate, its metric, and one over-relaxed step.

In the metric of the weights W:  x+ = projection of x - tau W K^T y onto the continuity equation,
y+ = proximal step at y + sigma W_y^{-1} K (2 x+ - x), both over-relaxed; tau sigma = 1.
K averages rho over neighbouring time levels, takes each flux copy and the terminal density.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mfgprox.kernels import splitting, staggered
from mfgprox.kernels.threads import over
from mfgprox.solvers.iterate import TRANSIENT
from mfgprox.solvers.primal_dual.discretisation import Discretisation
from mfgprox.solvers.primal_dual.poisson import Poisson


@dataclass
class Iterate:
    """rho, weight (K + 1, N); a, phi (K, N); copies (axes, 2, K, N); terminal (N,).

    phi / tau = -U between the levels; copies hold x - tau W y of the fluxes, which is all that the
    method needs of the two; terminal is the multiplier of rho(·, 1), U_1 / dt.
    """

    rho: np.ndarray
    a: np.ndarray
    copies: np.ndarray
    phi: np.ndarray
    terminal: np.ndarray
    weight: np.ndarray
    poisson: Poisson | None = field(default=None, metadata=TRANSIENT)


@dataclass(frozen=True)
class Steps:
    """sigma = 1/tau; over-relaxation in (0, 2); tolerance of the projection's linear solves;
    floor: smallest weight relative to the largest."""

    sigma: float = 10.0
    relaxation: float = 1.8
    projection: float = 1e-6
    floor: float = 1e-6


def metric(d: Discretisation, rho: np.ndarray, floor: float) -> np.ndarray:
    """W = max(rho, floor max rho); 0 at time 1 where R must not have mass."""
    weight = np.maximum(rho, floor * rho.max())
    weight[-1, ~d.allowed] = 0.0
    return weight


def poisson_of(d: Discretisation, weight: np.ndarray, fixed: bool = False) -> Poisson:
    """D W D^T. fixed: the density at time 1 is given, as that at time 0 is."""
    time = weight * float(d.slabs) ** 2
    time[0] = 0.0
    if fixed:
        time[-1] = 0.0
    lengths = tuple(int(n) for n in d.counts)
    spacing = tuple(1.0 / float(i) for i in d.inverse)
    return Poisson(lengths, spacing, time, d.conductances(weight))  # type: ignore[arg-type]


def cold(d: Discretisation) -> Iterate:
    """Everything stays where P puts it, in the plain metric."""
    rho = np.repeat(d.P[None], d.slabs + 1, axis=0)
    rho[-1] *= d.allowed
    weight = metric(d, np.full_like(rho, rho.max()), 1.0)
    zero = np.zeros((d.slabs, d.cells))
    return Iterate(rho, zero, d.empty_copies(), zero.copy(), np.zeros(d.cells), weight)


def from_fields(
    d: Discretisation, steps: Steps, rho: np.ndarray, U: np.ndarray, floor: float
) -> Iterate:
    """The iterate at which density rho (K + 1, N) and potential U (K, N) would be optimal, in the
    metric of that density with this floor."""
    H = d.hamiltonian(U)
    copies = d.empty_copies()
    weight = metric(d, rho, floor)
    over(staggered.driven_copies, d.slabs, d.work, U, rho, *d.cost, *d.geometry, copies)
    over(
        splitting.shift_copies, d.slabs, d.work, U, 1.0 / steps.sigma, weight, 0.0, weight,
        *d.geometry, copies,
    )  # fmt: skip
    terminal = U[-1] * d.slabs + 0.5 * H[-1]
    return Iterate(rho, -H, copies, -U / steps.sigma, terminal, weight)


def reweight(d: Discretisation, it: Iterate, steps: Steps) -> None:
    """The same x and y in the metric of the present density."""
    new = metric(d, np.maximum(it.rho, 0.0), steps.floor)
    over(
        splitting.shift_copies, d.slabs, d.work, it.phi, 1.0, it.weight, 1.0, new,
        *d.geometry, it.copies,
    )  # fmt: skip
    it.weight, it.poisson = new, None


def project(d: Discretisation, it: Iterate, steps: Steps, phi: np.ndarray) -> np.ndarray:
    """rho of x+, (K + 1, N); improves phi, its potential, in place."""
    if it.poisson is None:
        it.poisson = poisson_of(d, it.weight)
    rho, residual = np.empty_like(it.rho), np.empty_like(phi)
    rho[0] = it.rho[0]
    over(
        splitting.forward_density, d.slabs, d.work, it.rho, it.a, it.terminal, it.weight,
        1.0 / steps.sigma, rho,
    )  # fmt: skip
    over(staggered.continuity_residual, d.slabs, d.work, rho, it.copies, *d.geometry, residual)
    it.poisson.solve(phi, residual, steps.projection)
    over(splitting.project_density, d.slabs, d.work, phi, it.weight, rho)
    return rho


def pair_of(
    d: Discretisation, it: Iterate, steps: Steps, phi: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """rho (K + 1, N) and flux (axes, K, N) of x+; improves phi in place as `project` does."""
    rho = project(d, it, steps, phi)
    flux = np.empty((len(d.axes), d.slabs, d.cells))
    over(staggered.projected_flux, d.slabs, d.work, phi, it.weight, it.copies, *d.geometry, flux)
    return rho, flux


def advance(d: Discretisation, it: Iterate, steps: Steps) -> float:
    """One step, in place; returns ∫ |rho(·, 1) of x+ - R of the proximal step|."""
    rho = project(d, it, steps, it.phi)
    over(
        splitting.kinetic_step, d.slabs, d.work, it.rho, rho, it.phi, it.weight,
        steps.sigma, steps.relaxation, *d.cost, *d.geometry, it.a, it.copies,
    )  # fmt: skip
    mismatch = _terminal_step(d, it, steps, rho[-1])
    it.rho += steps.relaxation * (rho - it.rho)
    if not np.isfinite(mismatch):
        raise FloatingPointError("the density at time 1 is not finite")
    return mismatch


def _terminal_step(d: Discretisation, it: Iterate, steps: Steps, final: np.ndarray) -> float:
    held = d.allowed
    g = 2.0 * it.weight[-1, held] / steps.sigma
    v = it.terminal[held] + (2.0 * final - it.rho[-1])[held] / g
    f = d.problem.divergence
    R = f.proximal(g * v, d.log_Q[held], d.epsilon * d.slabs * g)
    it.terminal[held] += steps.relaxation * (v - R / g - it.terminal[held])
    return float(np.abs(final[held] - R).sum() * d.problem.grid.cell_volume)
