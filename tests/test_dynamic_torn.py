"""The dynamic pair of torn maps and of densities with edges: exact conservation and ends."""

import numpy as np
import pytest
from dynamic_identities import check_identities, gaussians
from scipy.special import ndtr, ndtri

from mfgprox.density import Gaussian, Mixture, Ring, Uniform
from mfgprox.dynamic import action, dynamic_pair
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.rearrangement import transport_cost_1d

pytestmark = pytest.mark.compiled


def torn(p=2.0, cells=256):
    P = Gaussian([0.1], std=[0.3])
    Q = Mixture([0.4, 0.6], [Uniform([-1.5], [-1.1]), Uniform([1.0], [1.6])])
    return Problem(P, Q, epsilon=1.0, grid=Grid([-3.0], [3.0], [cells], 16), p=p)


@pytest.mark.parametrize("p", [1.5, 2.0, 3.0])
def test_torn_maps_on_the_line_end_in_R_and_cost_what_the_rearrangement_costs(p):
    problem = torn(p)
    grid = problem.grid
    pair = dynamic_pair(problem, np.zeros(grid.shape), problem.Q)
    check_identities(problem, pair, 16)
    np.testing.assert_allclose(pair.rho[-1], problem.Q, rtol=1e-12)
    cost = transport_cost_1d(
        problem.P * grid.cell_volume, problem.Q, grid.lower[0], grid.spacing[0], p
    )
    assert action(problem, pair.rho, pair.momentum) == pytest.approx(cost, rel=0.05)
    # 0.4 of the mass goes left, 0.6 right, and nothing stays between the branches.
    between = np.abs(grid.centers(0) - 0.05) < 0.4
    assert pair.rho[8][between].max() < 1e-9
    assert pair.rho[8][grid.centers(0) < 0.05].sum() * grid.cell_volume == pytest.approx(0.4)


def bumps(cells, p=2.0, steps=16):
    """A Gaussian to four bumps: a product of torn maps on the line, known by their quantiles."""
    grid = Grid([-3.0] * 2, [3.0] * 2, [cells, cells], steps)
    corners = [Gaussian([a, b], std=[0.15] * 2) for a in (-1.2, 1.2) for b in (-1.2, 1.2)]
    Q = Mixture([0.25] * 4, corners)
    problem = Problem(Gaussian([0.0] * 2, std=[0.3] * 2), Q, epsilon=1.0, grid=grid, p=p)
    y = np.linspace(-3.0, 3.0, 6001)
    share = 0.5 * (ndtr((y - 1.2) / 0.15) + ndtr((y + 1.2) / 0.15))
    lower = ndtri(np.maximum(np.minimum(share, share[::-1]), 1e-300))
    S = 0.3 * np.where(y < 0.0, lower, -lower)
    slope = 2.0 * (S - y)
    u = np.concatenate([[0.0], np.cumsum(0.5 * (slope[1:] + slope[:-1]) * np.diff(y))])
    U_1 = np.interp(grid.centers(0), y, u)
    middle = 0.25 * (slope[1:] + slope[:-1])
    return problem, U_1 + U_1[:, None], 2.0 * float((np.diff(share) * middle**2).sum())


def test_a_map_torn_in_four_leaves_nothing_between():
    errors = []
    for cells in (48, 96):
        problem, U_1, cost = bumps(cells)
        pair = dynamic_pair(problem, U_1, problem.Q)
        check_identities(problem, pair, 16)
        x, y = problem.grid.coordinates()
        between = (np.abs(x) < 0.1) | (np.abs(y) < 0.1)
        assert problem.grid.integrate(np.where(between, pair.rho[8], 0.0)) < 1e-6
        mismatch = problem.grid.integrate(np.abs(pair.rho[-1] - problem.Q))
        errors.append([action(problem, pair.rho, pair.momentum) / cost - 1.0, mismatch])
    assert abs(errors[1][0]) < 2e-3
    assert errors[1][1] < min(0.03, 0.5 * errors[0][1])


def test_a_ring_whose_complement_is_forbidden():
    grid = Grid([-2.5] * 2, [2.5] * 2, [72, 72], 16)
    P = Gaussian([0.0, 0.0], std=[0.3, 0.3])
    problem = Problem(P, Ring([0.0, 0.0], 1.2, 2.0), epsilon=1.0, grid=grid)
    # The optimal map is radial: 1 - exp(-S²/2σ²) is the share of the ring within r.
    r = np.linspace(1.2, 2.0, 20001)
    share = (r**2 - 1.44) / 2.56
    S = 0.3 * np.sqrt(-2.0 * np.log(np.maximum(1.0 - share, 1e-12)))
    apart = 0.5 * ((S - r)[1:] + (S - r)[:-1])
    u = np.concatenate([[0.0], np.cumsum(2.0 * apart * np.diff(r))])
    radius = np.hypot(*grid.coordinates())
    U_1 = np.interp(radius, r, u) + 2.4 * np.maximum(1.2 - radius, 0.0)
    pair = dynamic_pair(problem, np.where(problem.Q > 0.0, U_1, np.nan), problem.Q)
    check_identities(problem, pair, 16)
    cost = float((np.diff(share) * apart**2).sum())
    assert action(problem, pair.rho, pair.momentum) == pytest.approx(cost, rel=0.03)
    # The path ends in R: nothing is where Q is zero, up to what P has in cells left alone.
    assert grid.integrate(np.where(problem.Q == 0.0, pair.rho[-1], 0.0)) < 1e-13
    assert grid.integrate(np.abs(pair.rho[-1] - problem.Q)) < 0.01
    assert pair.rho[8][radius < 0.4].max() == 0.0


def test_edges_on_both_sides():
    grid = Grid([-2.0, -2.0], [2.0, 2.0], [40, 36], 24)
    P, Q = Uniform([-1.2, -0.8], [-0.2, 0.9]), Uniform([0.1, -0.4], [1.3, 0.5])
    problem = Problem(P, Q, epsilon=1.0, grid=grid)
    # An affine map: S(y) = y + ½ ∇U_1(y) takes the second box to the first.
    x, y = grid.coordinates()
    U_1 = (1.0 / 1.2 - 1.0) * (x - 0.7) ** 2 - 2.8 * x + (1.7 / 0.9 - 1.0) * (y - 0.05) ** 2
    pair = dynamic_pair(problem, U_1, problem.Q)
    check_identities(problem, pair, 24)
    cost = 1.4**2 + (0.2**2 + 0.8**2) / 12.0
    assert action(problem, pair.rho, pair.momentum) == pytest.approx(cost, rel=0.12)
    # Both marginals of the plan are scaled: what is left is what the sweeps leave.
    assert grid.integrate(np.abs(pair.rho[-1] - problem.Q)) < 1e-3


def test_p_and_q_both_in_two_parts():
    """Two boxes move side by side: the strip between them stays empty."""
    grid = Grid([-2.0, -2.0], [2.0, 2.0], [40, 40], 32)
    P = Mixture([0.5, 0.5], [Uniform([-1.6, a], [-0.8, a + 0.6]) for a in (-1.4, 0.8)])
    Q = Mixture([0.5, 0.5], [Uniform([0.6, a], [1.4, a + 0.6]) for a in (-1.4, 0.8)])
    problem = Problem(P, Q, epsilon=1.0, grid=grid)
    x, y = grid.coordinates()
    pair = dynamic_pair(problem, -4.4 * x + 0.0 * y, problem.Q)
    check_identities(problem, pair, 32)
    assert grid.integrate(np.abs(pair.rho[-1] - problem.Q)) < 1e-3
    rows = (np.abs(y) < 0.8 - 2.0 * grid.spacing[1]) & (np.abs(x) < 2.1)
    assert grid.integrate(np.where(rows, pair.rho[16], 0.0)) < 1e-12
    assert action(problem, pair.rho, pair.momentum) == pytest.approx(2.2**2, rel=0.05)


def test_the_number_of_threads_does_not_show(monkeypatch):
    def in_parts(kernel, count, work, *arguments):
        for first in range(0, count, 7):
            kernel(first, min(first + 7, count), *arguments)

    smooth, _, U_1, R = gaussians(2, [40, 32], 4)
    torn_apart, kinked, _ = bumps(32, steps=4)
    for problem, U, end in ((smooth, U_1, R), (torn_apart, kinked, torn_apart.Q)):
        one = dynamic_pair(problem, U, end)
        with monkeypatch.context() as patch:
            for module in ("hopf_lax", "smooth", "particles"):
                patch.setattr(f"mfgprox.dynamic.{module}.over", in_parts)
            other = dynamic_pair(problem, U, end)
        np.testing.assert_array_equal(one.rho, other.rho)
        np.testing.assert_array_equal(one.U, other.U)
        for a, b in zip(one.momentum, other.momentum, strict=True):
            np.testing.assert_array_equal(a, b)
