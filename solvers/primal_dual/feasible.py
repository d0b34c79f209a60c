"""Values proven from above: a density >= 0 and a flux that meet continuity, near an iterate.

Source: Baptista et al., Proximal optimal transport divergences, (2.23).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfgprox.kernels import certificates, staggered
from mfgprox.kernels.threads import over
from mfgprox.solvers.primal_dual.discretisation import Discretisation
from mfgprox.solvers.primal_dual.iteration import poisson_of
from mfgprox.solvers.primal_dual.poisson import Poisson

FLOOR = 1e-9
"""Share of the largest density to which a density is lifted before it is made to meet continuity.
Corrections are in proportion to the lifted density: they hardly ever turn it negative."""
CONTINUITY = (1e-4, 1e-8)
"""Tolerances of the projections relative to their residual; what the last leaves, the density
carries. The first finds where the density must be lifted."""
SPREADING = 1e-12
"""The same for the pair that is mixed in where a density still came out negative."""


@dataclass
class Upper:
    """value = transport + eps · information; rho (K + 1, N), flux (axes, K, N) of upper faces."""

    value: float
    transport: float
    information: float
    rho: np.ndarray
    flux: np.ndarray


def upper(d: Discretisation, rho: np.ndarray, flux: np.ndarray, u: np.ndarray) -> Upper:
    """A feasible pair near rho (K + 1, N), which may be negative somewhere, and flux (axes, K, N).

    It is lifted to rho > 0, projected onto continuity in the metric of that density, twice, and
    mixed with as much of a pair that is positive everywhere as rho >= 0 still needs.
    u: potentials (K, N).
    """
    flux = flux.copy()
    for tolerance in CONTINUITY:
        rho = _lifted(d, rho)
        _conserve(d, rho, flux, tolerance)
    return measured(d, *mixed(d, rho, flux), u)


def measured(d: Discretisation, rho: np.ndarray, flux: np.ndarray, u: np.ndarray) -> Upper:
    """The values of a pair that meets continuity."""
    partial = np.empty(d.slabs)
    over(certificates.action, d.slabs, d.work, rho, flux, u, *d.cost, *d.geometry, partial)
    volume = d.problem.grid.cell_volume
    transport = float(partial.sum()) * volume / d.slabs
    information = d.problem.divergence.between(rho[-1], d.log_Q, volume)
    return Upper(transport + d.epsilon * information, transport, information, rho, flux)


def at_rest(d: Discretisation) -> Upper:
    """Nothing moves and R = P: optimal for P = Q, feasible for every problem."""
    rho = np.repeat(d.P[None], d.slabs + 1, axis=0)
    flux = np.zeros((len(d.axes), d.slabs, d.cells))
    information = d.problem.divergence.between(d.P, d.log_Q, d.problem.grid.cell_volume)
    return Upper(d.epsilon * information, 0.0, information, rho, flux)


def _lifted(d: Discretisation, rho: np.ndarray) -> np.ndarray:
    """rho above a small density, mass one on every level, P at time 0, 0 where R must not be.

    Where f'(∞) = ∞ the floor of R falls with Q: a power of R/Q would make it dear.
    """
    floor = np.full(rho.shape[1], FLOOR * rho.max())
    least = floor
    if np.isinf(d.problem.divergence.recession):
        least = floor * np.exp(d.log_Q - d.log_Q.max())
        # What the iterate has below the common floor is noise.
        rho = rho.copy()
        rho[-1] = np.where(rho[-1] < floor, least, rho[-1])
    rho = np.concatenate([np.maximum(rho[:-1], floor), np.maximum(rho[-1:], least)])
    rho[-1, ~d.allowed] = 0.0
    rho[0] = d.P
    rho[1:] /= rho[1:].sum(axis=1, keepdims=True) * d.problem.grid.cell_volume
    return rho


def _conserve(d: Discretisation, rho: np.ndarray, flux: np.ndarray, tolerance: float) -> None:
    """Move the pair onto continuity, in place: by a projection in the metric of rho, and what that
    leaves is what the density becomes when the fluxes carry it."""
    weight = rho.copy()
    weight[0] = np.maximum(rho[0], FLOOR * rho.max())
    residual, phi = np.empty((d.slabs, d.cells)), np.zeros((d.slabs, d.cells))
    over(certificates.flux_divergence, d.slabs, d.work, flux, *d.geometry, residual)
    residual += np.diff(rho, axis=0) * d.slabs
    poisson_of(d, weight).solve(phi, residual, tolerance)
    mean = 0.5 * (weight[1:] + weight[:-1])
    over(certificates.add_gradient, d.slabs, d.work, phi, mean, *d.geometry, flux)
    over(certificates.flux_divergence, d.slabs, d.work, flux, *d.geometry, residual)
    np.cumsum(residual, axis=0, out=residual)
    rho[1:] = rho[0] - residual / d.slabs
    rho[-1, ~d.allowed] = 0.0


def mixed(d: Discretisation, rho: np.ndarray, flux: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
    poisson.solve(chi, residual, SPREADING, limit=200)
    flux = np.zeros((len(d.axes), 2, d.cells))
    over(certificates.add_gradient, 2, 2 * d.cells, chi, ones[:2], *d.geometry, flux)
    return rho, flux
