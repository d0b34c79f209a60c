"""The V-cycle and its transfers against dense linear algebra, on any cell counts."""

import numpy as np
import pytest

from mfgprox.grid import Grid
from mfgprox.kernels.deposition import deposit
from mfgprox.solvers.newton_linear import Multigrid, neighbours, overlaps


def multigrid(cells, epsilon=1.0, anisotropy=4.0, crossed=0.2):
    d = len(cells)
    grid = Grid([-3.0] * d, [3.0 + i for i in range(d)], cells)
    solver = Multigrid(grid)
    x = np.meshgrid(*(grid.centers(a) for a in range(d)[::-1]), indexing="ij")[::-1]
    c = solver.finest
    for a in range(d):
        bend = 0.5 + 0.4 * np.sin(2.0 * x[a] + a)
        c[2 * a] = bend.reshape(solver.shape) * (anisotropy if a == 0 else 1.0)
        c[2 * a + 1] = (-2.0 * x[a]).reshape(solver.shape)
    c[2 * d] = 1.0 / epsilon
    c[2 * d + 1 : len(c) - d] = crossed
    solver.set_up()
    return solver


def dense(solver):
    """The finest operator as a matrix, column by column."""
    n = int(np.prod(solver.shape))
    matrix = np.empty((n, n))
    image = np.empty_like(solver.u)
    solver._level(solver.f)[:] = 0.0
    for i in range(n):
        u = solver._level(solver.u)
        u[:] = 0.0
        u.flat[i] = 1.0
        solver._residual(image)
        matrix[:, i] = -solver._level(image).ravel()
    return matrix


@pytest.mark.parametrize("cells", [(1,), (2,), (13,), (5, 7), (9, 1), (4, 5, 3)])
def test_solution_is_that_of_the_dense_system(cells):
    solver = multigrid(cells)
    f = np.random.default_rng(0).normal(size=solver.shape)
    wanted = np.linalg.solve(dense(solver), f.ravel()).reshape(solver.shape)
    answer = solver.solve(f, 1e-11, 60, 30)
    np.testing.assert_allclose(answer.u, wanted, rtol=1e-8, atol=1e-9 * np.abs(wanted).max())


def test_the_operator_is_the_differential_operator():
    """Constants give c; linear functions give c u - b, away from the walls."""
    solver = multigrid((12, 10))
    matrix = dense(solver)
    n = int(np.prod(solver.shape))
    np.testing.assert_allclose(matrix @ np.ones(n), 1.0, atol=1e-10)
    x = np.broadcast_to(np.arange(12) * 0.5, (10, 12)).ravel()
    b = -2.0 * np.tile(np.linspace(-3.0, 3.0, 25)[1::2], 10)
    inside = np.zeros((10, 12), bool)
    inside[1:-1, 1:-1] = True
    # Entries of size 32 in single precision, on values up to 5.5.
    np.testing.assert_allclose((matrix @ x)[inside.ravel()], (x - b)[inside.ravel()], atol=4e-5)


@pytest.mark.compiled
@pytest.mark.parametrize("epsilon", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize("cells", [(257,), (64, 64), (61, 47), (96, 10), (20, 17, 13)])
def test_a_few_cycles_are_enough(cells, epsilon):
    solver = multigrid(cells, epsilon)
    f = np.random.default_rng(1).normal(size=solver.shape)
    answer = solver.solve(f, 0.05, 4, 12)
    assert answer.reduction <= 0.05
    assert answer.cycles <= 6


@pytest.mark.parametrize(("n", "m"), [(8, 4), (9, 5), (13, 7), (5, 3), (4, 4), (1, 1), (3, 2)])
def test_transfers_keep_means_constants_and_linear_functions(n, m):
    first, weights = overlaps(n, m)
    matrix = np.zeros((m, n + 8))
    for j in range(m):
        matrix[j, first[j] : first[j] + 4] += weights[j]
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, atol=1e-14)
    np.testing.assert_allclose(matrix.sum(axis=0)[:n], m / n, atol=1e-14)
    left, share = neighbours(n, m)
    fine, coarse = (np.arange(n) + 0.5) / n, (np.arange(m) + 0.5) / m
    found = (1.0 - share) * coarse[left] + share * coarse[np.minimum(left + 1, m - 1)]
    np.testing.assert_allclose(found, np.clip(fine, coarse[0], coarse[-1]), atol=1e-14)


def test_an_unusable_right_hand_side_is_refused():
    with pytest.raises(FloatingPointError):
        multigrid((8, 8)).solve(np.full((1, 8, 8), np.nan), 0.05, 4, 4)


@pytest.mark.parametrize("cells", [(9,), (8, 7), (6, 5, 7)])
def test_deposited_density_and_flux_meet_the_continuity_equation(cells):
    rng = np.random.default_rng(len(cells))
    d, steps, many = len(cells), 3, 40
    counts = np.array([*cells, 1, 1][:3])
    shape = tuple(counts[::-1])
    mass = rng.random(many)
    source, target = rng.uniform(-0.4, counts - 0.6, (2, many, 3)) * (counts > 1)
    widths = np.where(np.arange(many)[:, None] % 3 > 0, rng.uniform(0.1, 2.5, (many, 6)), 0.0)
    density = np.zeros((steps + 1, *shape))
    flux = []
    for a in range(3):
        size = list(shape)
        size[2 - a] += 1
        flux.append(np.zeros((steps, *size)))
    # The masses at t = 0: those at the end of one step that goes nowhere.
    none = [np.zeros((1, f[0].size)) for f in flux]
    start = np.hstack([widths[:, :3]] * 2)
    deposit(0, 1, mass, source, source, start, counts, 2.5, density[:1].reshape(1, -1), *none)
    deposit(
        0, steps, mass, source, target, widths, counts, 2.5, density[1:].reshape(steps, -1),
        *(f.reshape(steps, -1) for f in flux),
    )  # fmt: skip
    change = np.diff(density, axis=0)
    for a in range(d):
        change += np.diff(flux[a], axis=3 - a)
    assert np.abs(change).max() < 1e-14 * mass.sum()
    assert density.min() >= 0.0
    np.testing.assert_allclose(density.reshape(steps + 1, -1).sum(axis=1), mass.sum(), rtol=1e-14)
    for a in range(d):
        assert not flux[a].take([0, -1], 3 - a).any()
