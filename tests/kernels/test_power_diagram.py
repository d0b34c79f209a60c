"""Triangulation, cell integrals and walks of power diagrams against brute force."""

import numpy as np
import pytest

from mfgprox.kernels.graph import rows_of
from mfgprox.kernels.power_search import least_cost
from mfgprox.solvers.semi_discrete.diagram import diagram
from mfgprox.solvers.semi_discrete.sites import Source, cloud_sites, lattice_sites


def source(rng, shape=(5, 6)):
    P = rng.random(shape) * (rng.random(shape) > 0.3)
    P[0, 0] = 1.0
    spacing = (0.4, 0.3)
    return Source((-1.2, -0.75), spacing, P / (P.sum() * spacing[0] * spacing[1]))


def cloud(seed, n=14, scale=0.3):
    rng = np.random.default_rng(seed)
    P = source(rng)
    sites = cloud_sites(P, rng.normal(size=(n, 2)), np.zeros(n))
    return P, sites, scale * rng.random(n)


def costs(sites, psi, x, y):
    n = sites.count
    return np.square(x[:, None] - sites.x[:n]) + np.square(y[:, None] - sites.y[:n]) - psi


@pytest.mark.parametrize("seed", range(4))
def test_every_site_lies_on_or_above_every_triangle(seed):
    P, sites, psi = cloud(seed, scale=2.0)
    found = diagram(P, sites, psi)
    n, whole = sites.count, found.triangulation
    height = sites.squares - psi
    for corner, plane in zip(whole.corners, whole.plane, strict=True):
        if corner[0] < 0:
            continue
        dx, dy = sites.x[:n] - sites.x[corner[0]], sites.y[:n] - sites.y[corner[0]]
        assert (height - plane[2] - plane[0] * dx - plane[1] * dy > -1e-9).all()
    assert found.hidden.sites.size > 0  # psi differs enough for that
    # A hidden site has been lowered onto the hull, where it is at no point strictly best.
    x, y = np.random.default_rng(9).uniform(-3, 3, (2, 500))
    visible = costs(sites, found.psi, x, y)[:, found.visible].min(axis=1)
    assert (costs(sites, found.psi, x, y).min(axis=1) >= visible - 1e-9).all()


@pytest.mark.parametrize("seed", range(3))
def test_masses_and_transport_are_those_of_the_nearest_sites(seed):
    P, sites, psi = cloud(seed, n=7)
    found = diagram(P, sites, psi)
    parts, (ny, nx) = 40, P.P.shape
    x = P.lower[0] + P.spacing[0] / parts * (np.arange(nx * parts) + 0.5)
    y = P.lower[1] + P.spacing[1] / parts * (np.arange(ny * parts) + 0.5)
    X, Y = (a.ravel() for a in np.meshgrid(x, y))
    mass = np.repeat(np.repeat(P.P, parts, 0), parts, 1).ravel()
    mass = mass * (P.spacing[0] * P.spacing[1] / parts**2)
    cost = costs(sites, psi, X, Y)
    r = np.bincount(cost.argmin(axis=1), mass, sites.count)
    # Sub-cells that a facet cuts are counted whole: a share 1/parts of the cells that it crosses.
    assert np.abs(found.r - r).max() < 0.1 / parts
    assert found.transport == pytest.approx((mass * cost.min(axis=1)).sum(), abs=1e-3)
    assert found.r.sum() == pytest.approx(1.0, abs=1e-14)
    np.testing.assert_allclose(found.moment.sum(axis=1), [(mass * X).sum(), (mass * Y).sum()])


def test_derivatives_are_masses_and_couplings():
    P, sites, psi = cloud(5, n=8)
    found, d = diagram(P, sites, psi), 1e-6
    A = np.zeros((8, 8))
    A[found.j_of, found.k_of] = A[found.k_of, found.j_of] = found.coupling
    for j in range(8):
        step = np.zeros(8)
        step[j] = d
        up, down = (diagram(P, sites, psi + s) for s in (step, -step))
        assert (up.transport - down.transport) / (2 * d) == pytest.approx(-found.r[j], abs=1e-8)
        slope = (up.r - down.r) / (2 * d)
        expected = -A[:, j]
        expected[j] = A[:, j].sum()
        # P jumps between cells: the slopes are continuous, their changes within d are not small.
        np.testing.assert_allclose(slope, expected, atol=1e-4)


def test_walks_find_the_minimum_of_all_sites():
    P, sites, psi = cloud(6, n=30, scale=0.5)
    found = diagram(P, sites, psi)
    n = sites.count
    start, index = np.empty(n + 1, np.int64), np.empty(2 * found.j_of.size, np.int64)
    rows_of(n, found.j_of, found.k_of, found.coupling, start, index, np.empty(index.size))
    _, x, y = P.support
    out = np.empty(x.size)
    first = int(np.argmax(found.r))
    least_cost(x, y, sites.x[:n], sites.y[:n], found.psi, start, index, first, out)
    np.testing.assert_allclose(out, costs(sites, found.psi, x, y).min(axis=1), atol=1e-12)


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (5, 1), (4, 6)])
def test_lattice_at_rest_has_its_own_cells(shape):
    # All squares of the lattice are ties of the triangulation.
    rng = np.random.default_rng(1)
    P = rng.random(shape)
    spacing = (0.5, 0.25)
    P /= P.sum() * spacing[0] * spacing[1]
    lower = (-0.5 * shape[1] * spacing[0], -0.5 * shape[0] * spacing[1])
    sites = lattice_sites(lower, spacing, np.log(P))
    found = diagram(Source(lower, spacing, P), sites, np.zeros(P.size))
    np.testing.assert_allclose(found.r, P.ravel() * spacing[0] * spacing[1], atol=1e-15)


def test_points_that_coincide_or_lie_on_a_line():
    P = source(np.random.default_rng(2))
    line = np.stack([np.linspace(-1, 1, 9), np.linspace(-0.5, 0.5, 9)], axis=1)
    for points in (line, np.concatenate([line, line]), np.zeros((3, 2))):
        found = diagram(P, cloud_sites(P, points, np.zeros(len(points))), np.zeros(len(points)))
        assert found.r.sum() == pytest.approx(1.0, abs=1e-14)
