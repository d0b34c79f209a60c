"""Values estimated from below: chains of potentials, as good as the terminal potential.

For any U_1 the chain  phi^k + dt/2 H(phi^k) <= U^{k+1},  U^k = phi^k - dt/2 H(phi^k)  is feasible
for the dual, whose value is E_P[U^0] - eps inf_nu { nu + E_Q[f*(U_1/eps - nu)] }: the saddle
function is linear in rho with coefficients U^k - (phi^{k-1} + dt/2 H(phi^{k-1})) >= 0, and the two
copies of a flux split the action so that -grad phi is optimal for each cell by itself.
Where there is next to no mass the chain is not solvable sensibly (centred differences); what it
violates there is charged against an envelope of the density, which makes the dual value an estimate
and not a bound: see ENVELOPE.
Source: Baptista et al., Proximal optimal transport divergences, Theorem 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfgprox.kernels import certificates
from mfgprox.solvers.primal_dual.discretisation import Discretisation
from mfgprox.solvers.primal_dual.feasible import Upper

SLACK = 1e-6
"""Share of the value that the chain may be charged for equations that it does not solve fully."""
SWEEPS = 60
MILD, STRONG = (-3.0, -5.0), (-1.0, -3.0)
"""Decimal logarithms of the share of the largest density where damping begins and is complete. The
strong one serves where noise in the tails spoils the chain of the mild one."""
CLEAN = 1e-5
"""Share of the value that may be charged to a chain before a stronger damping is tried too."""
VISCOSITY = 0.5
"""In units of what makes the centred scheme monotone."""
PULL = 30.0
ENVELOPE = (1.1, 1e-6)
"""What the chain violates is charged against this multiple of the density of the feasible pair plus
this share of its maximum. The dual value so found bounds the action of every density below that
envelope, but the minimiser may exceed it in the tails of a pair that has not converged there: the
dual value is an estimate from below, not a proven bound of the discrete problem."""


@dataclass
class Lower:
    """value, less charge, what the chain violates; U (K + 1, N) on the levels, D = E_P[U^0]."""

    value: float
    U: np.ndarray
    charge: float


@dataclass(frozen=True)
class Damping:
    """viscosity (slabs, axes, cells) is weight (K, N) × width (3,): none where there is mass;
    caps (3,): the steepest slopes that the terminal potential may have."""

    weight: np.ndarray
    width: np.ndarray
    caps: np.ndarray


def envelope(rho: np.ndarray) -> np.ndarray:
    """The densities over which the dual value holds, from those of the feasible pair."""
    return ENVELOPE[0] * rho + ENVELOPE[1] * rho.max()


def at_rest(d: Discretisation) -> Lower:
    """The potential 0: a chain for every problem."""
    return _valued(d, np.zeros((d.slabs + 1, d.cells)), 0.0)


def lower(d: Discretisation, phi: np.ndarray, pair: Upper) -> Lower:
    """A dual chain near the potentials phi (K, N) of the iterate, valid over the densities in the
    envelope of a feasible pair.

    Either it follows the backward equation from U_1 where there is mass, or it takes phi as it is.
    """
    bound, slack = envelope(pair.rho), SLACK * pair.value / d.problem.grid.cell_volume
    change = d.hamiltonian(phi) * (0.5 / d.slabs)
    U = np.empty((d.slabs + 1, d.cells))
    U[:-1], U[-1] = phi - change, phi[-1] + change[-1]
    excess = np.maximum(phi[:-1] + change[:-1] - U[1:-1], 0.0)
    best = _valued(d, U, float((bound[1:-1] * excess).sum()))
    terminal = U[-1]
    for calm in (MILD, STRONG):
        damping = damping_around(d, pair.rho, phi, calm)
        followed = followed_from(d, terminal, phi, damping, bound, slack)
        if followed is not None and followed.value > best.value:
            best = followed
        if best.charge <= CLEAN * pair.value:
            break
    return best


def damping_around(
    d: Discretisation, rho: np.ndarray, u: np.ndarray, calm: tuple[float, float] = STRONG
) -> Damping:
    """Damping for potentials u (K, N) around densities rho (K + 1, N)."""
    p = d.problem.p
    theta = 0.5 * (rho[1:] + rho[:-1])
    share = np.maximum(theta / theta.max(axis=1, keepdims=True), 1e-300)
    weight = np.clip((np.log10(share) - calm[0]) / (calm[1] - calm[0]), 0.0, 1.0)
    caps = 1.5 * _slopes(d, weight, u)
    speed = (caps / p) ** (1.0 / (p - 1.0))
    active = np.arange(3) < len(d.axes)
    width = np.where(active, VISCOSITY * 0.5 * speed / d.inverse, 0.0)
    return Damping(weight, width, caps)


def _valued(d: Discretisation, U: np.ndarray, charge: float) -> Lower:
    """The dual value of a chain; charge: sum of its violations times the bound of the density."""
    volume = d.problem.grid.cell_volume
    _, information = d.problem.divergence.gibbs(U[-1], d.log_Q, d.epsilon, volume)
    value = float((d.P * U[0]).sum() * volume) - information
    return Lower(value - charge * volume, U - information, charge * volume)


def followed_from(
    d: Discretisation,
    terminal: np.ndarray,
    phi: np.ndarray,
    damping: Damping,
    bound: np.ndarray,
    slack: float,
) -> Lower | None:
    """The chain from U_1 = terminal (N,), solved until no more than `slack` is charged for what is
    left, summed over cells and slabs; None when it is not finite."""
    half = 0.5 / d.slabs
    U = np.empty((d.slabs + 1, d.cells))
    U[-1] = capped(d, terminal, damping.caps)
    charge = 0.0
    for k in range(d.slabs - 1, -1, -1):
        u = phi[k].copy()
        certificates.half_step(
            U[k + 1], half, *d.cost, *d.geometry, damping.width[:, None] * damping.weight[k],
            PULL * damping.weight[k] ** 2, phi[k], bound[k + 1], u, slack / d.slabs, SWEEPS,
        )  # fmt: skip
        if not np.isfinite(u).all():
            return None
        change = half * d.hamiltonian(u[None])[0]
        charge += float((bound[k + 1] * np.maximum(u + change - U[k + 1], 0.0)).sum())
        U[k] = u - change
    return _valued(d, U, charge)


def _slopes(d: Discretisation, weight: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Largest slopes (3,) of u (K, N) where weight = 0."""
    slopes = np.zeros(3)
    shape = (d.slabs, *(int(n) for n in d.counts[::-1]))
    held, values = (weight == 0.0).reshape(shape), u.reshape(shape)
    for axis in range(len(d.axes)):
        moved, inside = np.moveaxis(values, 3 - axis, 0), np.moveaxis(held, 3 - axis, 0)
        slope = np.abs(np.diff(moved, axis=0)) * d.inverse[axis]
        slopes[axis] = np.max(slope, where=inside[1:] & inside[:-1], initial=0.0)
    return slopes


def capped(d: Discretisation, U: np.ndarray, caps: np.ndarray) -> np.ndarray:
    """Inf-convolution of U (N,) with sum_i caps[i] |x_i|: the largest function below it with those
    slopes. inf marks cells that say nothing."""
    shape = tuple(int(n) for n in d.counts[::-1])
    result = U.reshape(shape).copy()
    for axis in range(len(d.axes)):
        step = caps[axis] / d.inverse[axis]
        moved = np.moveaxis(result, 2 - axis, 0)
        for i in range(1, len(moved)):
            np.minimum(moved[i], moved[i - 1] + step, out=moved[i])
        for i in range(len(moved) - 2, -1, -1):
            np.minimum(moved[i], moved[i + 1] + step, out=moved[i])
    return result.reshape(-1)
