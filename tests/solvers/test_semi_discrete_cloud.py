"""A density on a grid and a cloud of points."""

import time

import numpy as np
import pytest

from mfgprox.grid import Grid
from mfgprox.solvers.semi_discrete import solve_cloud

pytestmark = pytest.mark.compiled
GRID = Grid((-3, -2), (3, 2), (48, 32))


def density():
    x, y = GRID.coordinates()
    return np.exp(-0.5 * (x**2 + (y - 0.2) ** 2) / 0.5**2)


def cloud(n=40, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)), rng.random(n) + 0.1


@pytest.mark.parametrize("epsilon", [1e-2, 1.0, 100.0])
def test_gap_closes_and_psi_makes_R(epsilon):
    points, weights = cloud()
    found = solve_cloud(GRID, density(), points, weights, epsilon)
    assert found.converged
    assert 0.0 <= found.gap <= 1e-10
    b = weights / weights.sum()
    np.testing.assert_allclose(found.R, b * np.exp(-found.psi / epsilon), rtol=1e-10)
    assert found.masses.sum() == pytest.approx(1.0, abs=1e-14)


@pytest.mark.parametrize("f", ["kl", "pearson"])
def test_gradients_are_those_of_the_value(f):
    points, weights = cloud(15, 1)
    weights /= weights.sum()
    P, d = density(), 1e-5

    def value(p, b):
        return solve_cloud(GRID, P, p, b, 1.0, f_divergence=f, tolerance=1e-11).value

    found = solve_cloud(GRID, P, points, weights, 1.0, f_divergence=f, tolerance=1e-11)
    for j, axis in ((3, 0), (7, 1)):
        step = np.zeros(points.shape)
        step[j, axis] = d
        slope = (value(points + step, weights) - value(points - step, weights)) / (2 * d)
        # d² and the 1e-12 of the values over d.
        assert slope == pytest.approx(found.point_gradient[j, axis], abs=1e-6)
    step = np.zeros(15)
    step[2], step[9] = d, -d
    slope = (value(points, weights + step) - value(points, weights - step)) / (2 * d)
    assert slope == pytest.approx(found.weight_gradient[2] - found.weight_gradient[9], abs=1e-6)


def test_points_that_coincide_share():
    points, weights = cloud(6, 2)
    twice = np.concatenate([points, points])
    one = solve_cloud(GRID, density(), points, weights, 0.5)
    two = solve_cloud(GRID, density(), twice, np.concatenate([weights, 3.0 * weights]), 0.5)
    assert two.value == pytest.approx(one.value, rel=1e-12)
    np.testing.assert_allclose(two.R[:6] * 3.0, two.R[6:], rtol=1e-12)


def test_a_start_is_taken():
    points, weights = cloud()
    found = solve_cloud(GRID, density(), points, weights, 1.0)
    again = solve_cloud(GRID, density(), points, weights, 1.0, start=found.psi)
    assert again.steps <= 1
    assert again.value == pytest.approx(found.value, abs=1e-12)


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((1, 2)),
        np.zeros((4, 2)),
        np.stack([np.linspace(-1, 1, 12), np.linspace(-1, 1, 12) / 3], axis=1),
        np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), axis=-1).reshape(-1, 2),
        np.random.default_rng(0).normal(size=(30, 2)) + 20.0,
    ],
    ids=["one", "four in one", "line", "lattice", "outside of the box"],
)
@pytest.mark.parametrize("epsilon", [1e-2, 1.0, 1e3])
def test_degenerate_clouds(points, epsilon):
    found = solve_cloud(GRID, density(), points, np.ones(len(points)), epsilon)
    assert found.converged
    assert found.gap <= 1e-6 * found.value


def test_wrong_input_is_named():
    points, weights = cloud(5)
    with pytest.raises(ValueError, match="weights"):
        solve_cloud(GRID, density(), points, -weights, 1.0)
    with pytest.raises(ValueError, match="shape"):
        solve_cloud(GRID, density().T, points, weights, 1.0)
    with pytest.raises(ValueError, match="epsilon"):
        solve_cloud(GRID, density(), points, weights, 0.0)
    with pytest.raises(ValueError, match="hellinger"):
        solve_cloud(GRID, density(), points, weights, 1.0, f_divergence="hellinger")


@pytest.mark.parametrize("kind", ["gap in P", "few cells"])
def test_by_way_of_other_epsilons(kind):
    # A direct attempt ends after a few steps in both.
    x, y = GRID.coordinates()
    rng = np.random.default_rng(0)
    if kind == "gap in P":
        P, epsilon = ((abs(x) < 1.0) & (abs(y) < 1.0)).astype(float), 0.01
    else:
        P, epsilon = density(), 0.01
    found = solve_cloud(GRID, P, rng.uniform(-2, 2, (150, 2)), np.ones(150), epsilon)
    assert found.converged and found.gap <= 1e-8


@pytest.mark.slow
@pytest.mark.parametrize("epsilon", [0.1, 1.0, 100.0])
def test_full_size(epsilon):
    # 256² cells and 1,000 points; seconds of one core, where 20 of two are the target.
    grid = Grid((-3, -3), (3, 3), (256, 256))
    x, y = grid.coordinates()
    P = np.exp(-0.5 * (x**2 + (y - 0.2) ** 2) / 0.5**2)
    points, weights = cloud(1000)
    solve_cloud(GRID, density(), points[:20], weights[:20], epsilon)
    begun = time.process_time()
    found = solve_cloud(grid, P, points, weights, epsilon)
    assert found.residual <= 1e-8
    assert time.process_time() - begun <= 20.0
    # Against differences of the value, along all points at once and in single ones.
    d, rng = 1e-5, np.random.default_rng(1)
    ways = [rng.normal(size=points.shape)]
    for j in rng.integers(0, 1000, 5):
        ways.append(np.zeros(points.shape))
        ways[-1][j, j % 2] = 1.0
    for way in ways:
        way = way / np.linalg.norm(way)
        ends = [
            solve_cloud(grid, P, points + k * d * way, weights, epsilon, tolerance=1e-11)
            for k in (-1, 1)
        ]
        slope = (ends[1].value - ends[0].value) / (2 * d)
        # The rounding of the values, 1e-16 of eps or of 1, over d.
        rounding = 1e-16 * max(1.0, epsilon) / d * 30
        assert slope == pytest.approx((found.point_gradient * way).sum(), abs=1e-7 + rounding)


@pytest.mark.slow
@pytest.mark.parametrize("epsilon", [0.01, 1.0, 100.0])
def test_bumps_to_a_circle(epsilon):
    # Newton's method alone leads nowhere: between the bumps P falls to 1e-22 of its maximum.
    grid = Grid((-3, -3), (3, 3), (256, 256))
    x, y = grid.coordinates()
    at = [(a, b) for a in (-1.5, 1.5) for b in (-1.5, 1.5)]
    P = sum(np.exp(-0.5 * ((x - a) ** 2 + (y - b) ** 2) / 0.15**2) for a, b in at)
    t = 2 * np.pi * np.arange(1000) / 1000
    points = 1.6 * np.stack([np.cos(t), np.sin(t)], axis=1)
    begun = time.process_time()
    found = solve_cloud(grid, P, points, np.ones(1000), epsilon)
    assert found.residual <= 1e-8
    assert time.process_time() - begun <= 20.0
