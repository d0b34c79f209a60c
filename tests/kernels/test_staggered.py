"""Staggered operators: conservation, the projection, and the two halves of the duality."""

import numpy as np
import pytest
from scipy.optimize import minimize

from mfgprox.density import Gaussian
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers.primal_dual import chain
from mfgprox.solvers.primal_dual.certificate import certificate
from mfgprox.solvers.primal_dual.discretisation import Discretisation
from mfgprox.solvers.primal_dual.feasible import measured
from mfgprox.solvers.primal_dual.iteration import Steps, advance, cold, project


def discretised(cells, steps=3, p=2.0, cost="euclidean", epsilon=1.0):
    d = len(cells)
    grid = Grid((-2.0,) * d, (2.0,) * d, cells, steps)
    P, Q = Gaussian([-0.3] * d, [0.6] * d), Gaussian([0.4] * d, [0.7] * d)
    with np.errstate(all="ignore"):
        problem = Problem(P, Q, epsilon=epsilon, grid=grid, p=p, cost=cost)
    return Discretisation(problem, 1.0)


@pytest.fixture(autouse=True)
def roomy_box(monkeypatch):
    """These grids are tiny; what the box cuts off does not matter here."""
    monkeypatch.setattr("mfgprox.problem.MAX_CUT_OFF", 1.0)


def divergence(d, flux):
    from mfgprox.kernels import certificates

    out = np.empty((d.slabs, d.cells))
    certificates.flux_divergence(0, d.slabs, flux, *d.geometry, out)
    return out


@pytest.mark.parametrize("cells", [(9,), (7, 5), (4, 3, 5), (1, 6)])
def test_certified_pair_meets_continuity_and_is_positive(cells):
    d = discretised(cells)
    it = cold(d)
    for _ in range(5):
        advance(d, it, Steps())
    pair = certificate(d, it, Steps())[0]
    change = np.diff(pair.rho, axis=0) * d.slabs
    assert np.abs(change + divergence(d, pair.flux)).max() <= 1e-11 * np.abs(change).max()
    assert pair.rho.min() >= 0.0
    np.testing.assert_allclose(pair.rho.sum(axis=1) * d.problem.grid.cell_volume, 1.0, atol=1e-13)
    np.testing.assert_allclose(pair.rho[0], d.P, rtol=1e-12)


@pytest.mark.parametrize(
    ("p", "cost"), [(2.0, "euclidean"), (1.5, "euclidean"), (3.0, "separable")]
)
@pytest.mark.parametrize("cells", [(8,), (5, 4)])
def test_weak_duality_by_brute_force(cells, p, cost):
    """Any feasible pair lies above any chain, charged with that pair's own density."""
    d = discretised(cells, p=p, cost=cost)
    rng = np.random.default_rng(5)
    it = cold(d)
    for _ in range(3):
        advance(d, it, Steps())
    for _ in range(10):
        it.rho[1:] *= np.exp(0.3 * rng.normal(size=it.rho[1:].shape))
        it.copies += 0.1 * rng.normal(size=it.copies.shape) * np.abs(it.copies).max()
        pair = certificate(d, it, Steps())[0]
        u = np.cumsum(rng.normal(size=(d.slabs, d.cells)), axis=0) * 0.3
        found = []
        for calm in (chain.MILD, chain.STRONG):
            damping = chain.damping_around(d, pair.rho, u, calm)
            found.append(chain.followed_from(d, u[-1], u, damping, pair.rho, 1e-12))
        values = [lower.value for lower in found if lower is not None]
        assert values and max(values) <= pair.value + 1e-10


def test_optimum_of_a_generic_solver():
    """A tiny problem, p = 2, with the flux eliminated: SLSQP on the fluxes finds the same value."""
    d = discretised((5,), steps=2)
    volume, slabs = d.problem.grid.cell_volume, d.slabs
    it, steps = cold(d), Steps()
    for _ in range(2000):
        advance(d, it, steps)
    pair = certificate(d, it, steps)[0]

    def value(m):
        flux = np.zeros((1, slabs, d.cells))
        flux[0, :, :-1] = m.reshape(slabs, -1)
        rho = np.vstack([d.P, d.P - np.cumsum(divergence(d, flux), axis=0) / slabs])
        if rho.min() <= 0.0:
            return 1e3 - rho.min()
        return measured(d, rho, flux, np.zeros((slabs, d.cells))).value

    found = minimize(
        value, 0.9 * pair.flux[0, :, :-1].ravel(), method="SLSQP", options={"ftol": 1e-14}
    )
    assert volume > 0.0
    assert pair.value == pytest.approx(found.fun, rel=1e-6)


def test_projection_is_idempotent():
    d = discretised((12, 7))
    it = cold(d)
    steps = Steps(projection=1e-12)
    phi = np.zeros_like(it.phi)
    it.rho = np.maximum(it.rho, 0.0)
    first = project(d, it, steps, phi)
    it.rho = first
    second = project(d, it, steps, np.zeros_like(phi))
    np.testing.assert_allclose(second, first, atol=1e-9 * first.max())
