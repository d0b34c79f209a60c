"""Values of the discrete problem near an iterate: proven from above, estimated from below.

Above: a density >= 0 and a flux that meet continuity. Below: for any terminal potential U_1 the
chain  phi^k + dt/2 H(phi^k) <= U^{k+1},  U^k = phi^k - dt/2 H(phi^k)  is feasible for the dual,
whose value is E_P[U^0] - eps inf_nu { nu + E_Q[f*(U_1/eps - nu)] }: the saddle function is
linear in rho with coefficients U^k - (phi^{k-1} + dt/2 H(phi^{k-1})) >= 0, and the two copies of a
flux split the action so that -grad phi is optimal for each cell by itself.
Where there is next to no mass the chain is not solvable sensibly (centred differences); what it
violates there is charged against an envelope of the density, which makes the dual value an estimate
and not a bound: see ENVELOPE.
Source: Baptista et al., Proximal optimal transport divergences, (2.23) and Theorem 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfgprox.kernels import certificates, staggered
from mfgprox.kernels.threads import over
from mfgprox.solvers.primal_dual.discretisation import Discretisation
from mfgprox.solvers.primal_dual.iteration import Iterate, Steps, project
from mfgprox.solvers.primal_dual.poisson import Poisson

FLOOR = 1e-9
"""Share of the largest density to which a density is lifted before a projection."""
LIFTS = (1e-4, 1e-4)
CONTINUITY = 1e-12
"""Tolerances of the projections, relative to their residual; the last one is final."""
SLACK = 1e-13
SWEEPS = 60
CALM_FROM, CALM_FULL = -1.0, -3.0
"""Decimal logarithms of the share of the largest density where damping begins and is complete."""
VISCOSITY = 0.5
"""In units of what makes the centred scheme monotone."""
PULL = 30.0
ENVELOPE = (1.1, 1e-6)
"""What the chain violates is charged against this multiple of the density of the feasible pair plus
this share of its maximum. The dual value so found bounds the action of every density below that
envelope, but the minimiser may exceed it in the tails of a pair that has not converged there: the
dual value is an estimate from below, not a proven bound of the discrete problem."""


@dataclass
class Upper:
    """value = transport + eps · information; rho (K + 1, N), flux (axes, K, N) of upper faces."""

    value: float
    transport: float
    information: float
    rho: np.ndarray
    flux: np.ndarray


@dataclass
class Lower:
    """value, less charge, what the chain violates; U (K + 1, N) on the levels, D = E_P[U^0]."""

    value: float
    U: np.ndarray
    charge: float


def upper(d: Discretisation, it: Iterate, steps: Steps) -> Upper:
    """A feasible pair near the iterate: lifted to rho > 0 and projected onto continuity a few
    times, then mixed with as much of a pair that is positive everywhere as rho >= 0 needs."""
    phi = it.phi.copy()
    rho = project(d, it, steps, phi)
    flux = np.empty((len(d.axes), d.slabs, d.cells))
    over(staggered.projected_flux, d.slabs, d.work, phi, it.weight, it.copies, *d.geometry, flux)
    u = -steps.sigma * phi
    for tolerance in (*LIFTS, CONTINUITY):
        rho = _lifted(d, rho)
        _conserve(d, it, rho, flux, tolerance)
    rho[-1, ~d.allowed] = 0.0
    rho, flux = _mixed(d, rho, flux)
    return measured(d, rho, flux, u)


def measured(d: Discretisation, rho: np.ndarray, flux: np.ndarray, u: np.ndarray) -> Upper:
    """The values of a pair that meets continuity."""
    partial = np.empty(d.slabs)
    over(certificates.action, d.slabs, d.work, rho, flux, u, *d.cost, *d.geometry, partial)
    volume = d.problem.grid.cell_volume
    transport = float(partial.sum()) * volume / d.slabs
    information = d.problem.divergence.between(rho[-1], d.log_Q, volume)
    return Upper(transport + d.epsilon * information, transport, information, rho, flux)


def at_rest(d: Discretisation) -> tuple[Upper, Lower]:
    """Nothing moves and R = P, and the potential 0: optimal for P = Q, bounds for every problem."""
    rho = np.repeat(d.P[None], d.slabs + 1, axis=0)
    flux = np.zeros((len(d.axes), d.slabs, d.cells))
    information = d.problem.divergence.between(d.P, d.log_Q, d.problem.grid.cell_volume)
    upper = Upper(d.epsilon * information, 0.0, information, rho, flux)
    return upper, _valued(d, np.zeros((d.slabs + 1, d.cells)), 0.0)


def envelope(rho: np.ndarray) -> np.ndarray:
    """The densities over which the dual value holds, from those of the feasible pair."""
    return ENVELOPE[0] * rho + ENVELOPE[1] * rho.max()


def _lifted(d: Discretisation, rho: np.ndarray) -> np.ndarray:
    """rho above a small density, mass one on every level, P at time 0, 0 where R must not be."""
    rho = np.maximum(rho, FLOOR * rho.max())
    rho[-1, ~d.allowed] = 0.0
    rho[0] = d.P
    rho[1:] /= rho[1:].sum(axis=1, keepdims=True) * d.problem.grid.cell_volume
    return rho


def _conserve(
    d: Discretisation, it: Iterate, rho: np.ndarray, flux: np.ndarray, tolerance: float
) -> None:
    """Project the pair onto continuity in the metric of the iterate, in place."""
    assert it.poisson is not None
    residual, phi = np.empty((d.slabs, d.cells)), np.zeros((d.slabs, d.cells))
    over(certificates.flux_divergence, d.slabs, d.work, flux, *d.geometry, residual)
    residual += np.diff(rho, axis=0) * d.slabs
    it.poisson.solve(phi, residual, tolerance)
    mean = 0.5 * (it.weight[1:] + it.weight[:-1])
    over(certificates.add_gradient, d.slabs, d.work, phi, mean, *d.geometry, flux)
    over(staggered.project_density, d.slabs, d.work, phi, it.weight, rho)


def _mixed(d: Discretisation, rho: np.ndarray, flux: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The convex combination with the spreading pair that takes the least of it for rho >= 0."""
    if rho.min() >= 0.0:
        return rho, flux
    spread, carried = _spreading(d)
    short = rho < 0.0
    share = float(np.max(-rho[short] / (spread[short] - rho[short]))) * (1.0 + 1e-9)
    rho = np.maximum((1.0 - share) * rho + share * spread, 0.0)
    flux = (1.0 - share) * flux
    flux[:, :-1] += share * carried[:, :1]
    flux[:, -1] += share * carried[:, 1]
    return rho, flux


def _spreading(d: Discretisation) -> tuple[np.ndarray, np.ndarray]:
    """P spread linearly in time over the box, and at last over the cells where R may be: densities
    (K + 1, N), fluxes (axes, 2, N) of all slabs but the last and of the last."""
    volume = d.problem.grid.cell_volume
    t = np.arange(d.slabs + 1)[:, None] / d.slabs
    rho = (1.0 - t) * d.P + t / (d.cells * volume)
    rho[-1] = d.allowed / (d.allowed.sum() * volume)
    residual = np.stack([rho[1] - rho[0], rho[-1] - rho[-2]]) * d.slabs
    ones = np.ones((3, d.cells))
    faces = [np.empty((2, d.cells)) if n > 1 else np.zeros((1, 1)) for n in d.counts]
    over(staggered.conductances, 2, 2 * d.cells, ones, *d.geometry, *faces)
    lengths = tuple(int(n) for n in d.counts)
    spacing = tuple(1.0 / float(i) for i in d.inverse)
    poisson = Poisson(lengths, spacing, np.zeros_like(ones), faces)  # type: ignore[arg-type]
    chi = np.zeros_like(residual)
    poisson.solve(chi, residual, CONTINUITY, limit=200)
    flux = np.zeros((len(d.axes), 2, d.cells))
    over(certificates.add_gradient, 2, 2 * d.cells, chi, ones[:2], *d.geometry, flux)
    return rho, flux


@dataclass(frozen=True)
class Damping:
    """viscosity (slabs, axes, cells) is weight (K, N) × width (3,): none where there is mass;
    caps (3,): the steepest slopes that the terminal potential may have."""

    weight: np.ndarray
    width: np.ndarray
    caps: np.ndarray


def damping_around(d: Discretisation, rho: np.ndarray, u: np.ndarray) -> Damping:
    """Damping for potentials u (K, N) around densities rho (K + 1, N)."""
    p = d.problem.p
    theta = 0.5 * (rho[1:] + rho[:-1])
    share = np.maximum(theta, 1e-300) / theta.max(axis=1, keepdims=True)
    weight = np.clip((np.log10(share) - CALM_FROM) / (CALM_FULL - CALM_FROM), 0.0, 1.0)
    caps = 1.5 * _slopes(d, weight, u)
    speed = (caps / p) ** (1.0 / (p - 1.0))
    active = np.arange(3) < len(d.axes)
    width = np.where(active, VISCOSITY * 0.5 * speed / d.inverse, 0.0)
    return Damping(weight, width, caps)


def lower(d: Discretisation, phi: np.ndarray, damping: Damping, bound: np.ndarray) -> Lower:
    """The better of two dual chains near the potentials phi (K, N) of the iterate, valid over the
    densities below bound (K + 1, N).

    One follows the backward equation from U_1 where there is mass, the other takes phi as it is.
    """
    change = d.hamiltonian(phi) * (0.5 / d.slabs)
    U = np.empty((d.slabs + 1, d.cells))
    U[:-1], U[-1] = phi - change, phi[-1] + change[-1]
    excess = np.maximum(phi[:-1] + change[:-1] - U[1:-1], 0.0)
    taken = _valued(d, U, float((bound[1:-1] * excess).sum()))
    followed = _followed(d, U[-1], phi, damping, bound)
    return followed if followed is not None and followed.value > taken.value else taken


def _valued(d: Discretisation, U: np.ndarray, charge: float) -> Lower:
    """The dual value of a chain; charge: sum of its violations times the bound of the density."""
    volume = d.problem.grid.cell_volume
    _, information = d.problem.divergence.gibbs(U[-1], d.log_Q, d.epsilon, volume)
    value = float((d.P * U[0]).sum() * volume) - information
    return Lower(value - charge * volume, U - information, charge * volume)


def _followed(
    d: Discretisation, terminal: np.ndarray, phi: np.ndarray, damping: Damping, bound: np.ndarray
) -> Lower | None:
    """The chain from U_1 = terminal (N,); None when it is not finite."""
    half = 0.5 / d.slabs
    U = np.empty((d.slabs + 1, d.cells))
    U[-1] = capped(d, terminal, damping.caps)
    charge = 0.0
    tolerance = SLACK * (1.0 + float(np.ptp(terminal)))
    for k in range(d.slabs - 1, -1, -1):
        u = phi[k].copy()
        certificates.half_step(
            U[k + 1], half, *d.cost, *d.geometry, damping.width[:, None] * damping.weight[k],
            PULL * damping.weight[k] ** 2, phi[k], u, tolerance, SWEEPS,
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
