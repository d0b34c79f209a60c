"""Problems in the plane and in space that are one-dimensional in disguise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mfgprox.density import Gaussian, Mixture, Ring, Uniform
from mfgprox.exact import exact_answer, product, radial, rotated, whole_gaussian, whole_line
from mfgprox.grid import Grid
from mfgprox.problem import Problem


def box(d: int, half: float = 5.0, cells: int = 24) -> Grid:
    return Grid((-half,) * d, (half,) * d, (cells,) * d)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("method", [radial.answer, product.answer, rotated.answer])
def test_isotropic_gaussians(d: int, method) -> None:
    center = [0.2] * d
    P, Q = Gaussian(center, std=[0.4] * d), Gaussian(center, std=[0.7] * d)
    problem = Problem(P, Q, epsilon=1.3, grid=box(d, 6.0))
    exact, found = whole_gaussian.answer(problem), method(problem)
    # The box cuts off 1e-16; the rest is round-off.
    assert found.divergence == pytest.approx(exact.divergence, rel=1e-12)
    assert found.error < 1e-12 and exact.error < 1e-12
    grid = problem.grid
    for t in (0.0, 0.6, 1.0):
        rho = exact.rho(t, grid)
        np.testing.assert_allclose(found.rho(t, grid), rho, atol=1e-11 * rho.max())
        for a, b in zip(found.gradient(t, grid), exact.gradient(t, grid), strict=True):
            assert grid.integrate(rho * np.abs(a - b)) < 1e-11


@pytest.mark.parametrize(
    ("epsilon", "value", "accuracy"),
    [(0.05, 0.883374474, 5e-8), (0.5, 1.316100316, 4e-9), (5.0, 1.552293987, 2e-8)],
)
def test_gaussian_to_ring(epsilon: float, value: float, accuracy: float) -> None:
    """Values of an independent discretisation (atoms at cell centres), to their accuracy."""
    P, Q = Gaussian([0.0, 0.0], std=[0.3, 0.3]), Ring([0.0, 0.0], 1.2, 2.0)
    problem = Problem(P, Q, epsilon=epsilon, grid=box(2, 2.5, 64))
    found = exact_answer(problem)
    assert found.name == "1-D reference in the radius"
    assert found.divergence == pytest.approx(value, abs=accuracy)
    R = found.R(problem.grid)
    assert np.all(R[problem.Q == 0.0] == 0.0)
    # R/Q is averaged over 8 x 8 points of a cell.
    assert problem.grid.integrate(R) == pytest.approx(1.0, abs=1e-2 if epsilon < 0.1 else 1e-3)


def test_large_epsilon_moves_everything_to_the_ring() -> None:
    """W_p^p between a thin disc about the centre and a thin ring is the radius to the power p."""
    P, Q = Ring([0.0] * 3, 0.0, 0.01), Ring([0.0] * 3, 1.0, 1.001)
    problem = Problem(P, Q, epsilon=1e6, p=3.0, grid=box(3, 1.2, 16))
    distance = math.fsum(
        # Radii at equal mass in the ball and in the shell.
        abs(((1 + u * (1.001**3 - 1)) ** (1 / 3)) - 0.01 * u ** (1 / 3)) ** 3 / 4000
        for u in (np.arange(4000) + 0.5) / 4000
    )
    assert radial.answer(problem).divergence == pytest.approx(distance, rel=1e-5)


@pytest.mark.parametrize(
    ("P", "Q", "options"),
    [
        (Gaussian([0, 0], std=[0.5, 0.4]), Gaussian([0, 0], std=[0.5, 0.5]), {}),
        (Gaussian([0, 0], std=[0.5, 0.5]), Gaussian([0.1, 0], std=[0.5, 0.5]), {}),
        (Gaussian([0, 0], std=[0.5, 0.5]), Uniform([-1, -1], [1, 1]), {}),
        (
            Gaussian([0, 0], std=[0.5, 0.5]),
            Ring([0, 0], 0.5, 1.0),
            {"p": 3.0, "cost": "separable"},
        ),
    ],
)
def test_no_symmetry_no_radial_answer(P, Q, options) -> None:
    assert radial.answer(Problem(P, Q, epsilon=1.0, grid=box(2), **options)) is None


def four_bumps(weights: list[float]) -> Mixture:
    places = [[-1.0, -1.2], [-1.0, 1.2], [1.5, -1.2], [1.5, 1.2]]
    return Mixture(weights, [Gaussian(m, std=[0.4, 0.5]) for m in places])


def test_four_bumps_add_up_over_the_axes() -> None:
    P = Gaussian([0.1, 0.0], std=[0.4, 0.3])
    problem = Problem(P, four_bumps([0.12, 0.28, 0.18, 0.42]), epsilon=0.8, grid=box(2))
    found = exact_answer(problem)
    assert found.name == "sum of 1-D references"
    line = Grid((-5.0,), (5.0,), (24,))
    x = Problem(
        Gaussian([0.1], std=[0.4]),
        Mixture([0.4, 0.6], [Gaussian([-1.0], std=[0.4]), Gaussian([1.5], std=[0.4])]),
        epsilon=0.8,
        grid=line,
    )
    y = Problem(
        Gaussian([0.0], std=[0.3]),
        Mixture([0.3, 0.7], [Gaussian([-1.2], std=[0.5]), Gaussian([1.2], std=[0.5])]),
        epsilon=0.8,
        grid=line,
    )
    parts = [whole_line.answer(one) for one in (x, y)]
    assert found.divergence == pytest.approx(sum(part.divergence for part in parts), rel=1e-12)
    R = parts[1].R(line)[:, None] * parts[0].R(line)[None, :]
    np.testing.assert_allclose(found.R(problem.grid), R, rtol=1e-12)
    assert found.gradient(0.5, problem.grid)[1].shape == problem.grid.shape


def test_boxes_with_the_separable_cost() -> None:
    """Additivity at p = 3: two equal axes cost twice one."""
    P, Q = Uniform([-1, -1], [0, 0]), Uniform([0, 0], [2, 2])
    problem = Problem(P, Q, epsilon=1.0, p=3.0, cost="separable", grid=box(2))
    line = Grid((-5.0,), (5.0,), (24,))
    one = Problem(Uniform([-1], [0]), Uniform([0], [2]), epsilon=1.0, p=3.0, grid=line)
    assert exact_answer(problem).divergence == pytest.approx(
        2.0 * exact_answer(one).divergence, rel=1e-10
    )
    euclidean = Problem(P, Q, epsilon=1.0, p=3.0, grid=box(2))
    assert exact_answer(euclidean) is None


def test_what_is_no_product_has_no_factors() -> None:
    assert product.factors(four_bumps([0.3, 0.2, 0.2, 0.3])) is None
    assert product.factors(Gaussian([0, 0], cov=[[1.0, 0.2], [0.2, 1.0]])) is None
    diagonal = Mixture([1, 1], [Gaussian([m, m], std=[1, 1]) for m in (0, 1)])
    assert product.factors(diagonal) is None
    assert product.factors(Ring([0, 0], 0.5, 1.0)) is None


@pytest.mark.parametrize("epsilon", [0.05, 0.5, 2.0, 10.0])
@pytest.mark.parametrize("half", [3.0, 3.5, 5.0])
def test_truncation_by_the_box_is_in_the_error(half: float, epsilon: float) -> None:
    """The closed form is for the whole space; the reference on the box differs by less."""
    P, Q = Gaussian([-0.8, -0.4], std=[0.35, 0.45]), Gaussian([0.7, 0.5], std=[0.5, 0.3])
    problem = Problem(P, Q, epsilon=epsilon, grid=box(2, half))
    closed, cut = whole_gaussian.answer(problem), product.answer(problem)
    difference = abs(closed.divergence - cut.divergence)
    assert difference <= closed.error <= 10.0 * difference + 1e-12
    # The better one is what solvers are compared with.
    assert exact_answer(problem).error == min(closed.error, cut.error) or closed.error < 1e-11


def lattice(xs: list[tuple], ys: list[tuple]) -> Mixture:
    """The product of two 1-D mixtures given by (weight, mean, std)."""
    pairs = [(u, v) for u in xs for v in ys]
    parts = [Gaussian([u[1], v[1]], std=[u[2], v[2]]) for u, v in pairs]
    return Mixture([u[0] * v[0] for u, v in pairs], parts)


def turned(density: Mixture, angle: float) -> Mixture:
    c, s = math.cos(angle), math.sin(angle)
    O = np.array([[c, -s], [s, c]])
    covs = [O @ part.cov @ O.T for part in density.components]
    parts = [
        Gaussian(O @ part.mean, cov=0.5 * (cov + cov.T))
        for part, cov in zip(density.components, covs, strict=True)
    ]
    return Mixture(density.weights, parts)


BUMPS = (
    lattice([(0.6, -0.8, 0.4), (0.4, 0.5, 0.5)], [(0.5, -0.6, 0.45), (0.5, 0.6, 0.4)]),
    lattice([(0.5, -0.9, 0.5), (0.5, 1.0, 0.45)], [(0.7, -0.4, 0.5), (0.3, 0.9, 0.5)]),
)
ROUND = (
    lattice([(0.6, -0.8, 0.4), (0.4, 0.5, 0.4)], [(0.5, -0.6, 0.4), (0.5, 0.6, 0.4)]),
    lattice([(0.5, -0.9, 0.4), (0.5, 1.0, 0.4)], [(0.7, -0.4, 0.4), (0.3, 0.9, 0.4)]),
)


@pytest.mark.parametrize("pair", [BUMPS, ROUND])
@pytest.mark.parametrize("angle", [0.3, math.atan2(0.6, 0.8), 0.25 * math.pi])
def test_a_rotated_product_costs_what_the_product_does(pair, angle: float) -> None:
    """ROUND has isotropic components: the frame is in the places of the means alone."""
    grid = box(2, 6.0, 128)
    straight = exact_answer(Problem(*pair, epsilon=1.5, grid=grid))
    tilted = Problem(*(turned(density, angle) for density in pair), epsilon=1.5, grid=grid)
    found = exact_answer(tilted)
    assert found.name == "sum of 1-D references in a rotated frame"
    assert found.error < 1e-11
    assert found.divergence == pytest.approx(straight.divergence, rel=1e-12)
    np.testing.assert_allclose(found.rho(0.0, grid), tilted.P, atol=1e-12)
    # Sums over the centres of both grids are good to 2e-11.
    assert grid.integrate(found.R(grid)) == pytest.approx(1.0, abs=1e-10)
    c, s = math.cos(angle), math.sin(angle)
    x, y = grid.coordinates()
    mean = grid.integrate(found.R(grid) * (c * x + s * y))
    assert mean == pytest.approx(grid.integrate(straight.R(grid) * x), abs=1e-10)
    gradient = found.gradient(0.5, grid)
    assert [g.shape for g in gradient] == [grid.shape] * 2


def test_gaussians_that_share_their_axes_in_space() -> None:
    turn = np.linalg.qr(np.array([[1.0, 0.4, -0.2], [-0.3, 1.0, 0.5], [0.1, -0.6, 1.0]]))[0]
    covs = [turn @ np.diag(v) @ turn.T for v in ([0.1, 0.2, 0.2], [0.3, 0.25, 0.15])]
    P, Q = (
        Gaussian([m, 0.0, -m], cov=0.5 * (S + S.T)) for m, S in zip((-0.3, 0.2), covs, strict=True)
    )
    problem = Problem(P, Q, epsilon=0.8, grid=box(3, 5.0))
    exact, found = whole_gaussian.answer(problem), rotated.answer(problem)
    assert found.divergence == pytest.approx(exact.divergence, rel=1e-12)
    R = exact.R(problem.grid)
    np.testing.assert_allclose(found.R(problem.grid), R, atol=1e-11 * R.max())


def test_no_frame_no_rotated_answer() -> None:
    grid = box(2, 6.0)
    commuting = Gaussian([0.0, 0.0], cov=[[0.3, 0.1], [0.1, 0.3]])
    other = Gaussian([0.0, 0.0], cov=[[0.3, 0.1], [0.1, 0.2]])
    for Q in (other, turned(BUMPS[1], 0.4), Ring([0, 0], 0.5, 1.0)):
        assert rotated.answer(Problem(commuting, Q, epsilon=1.0, grid=grid)) is None
    two = [turned(density, angle) for density, angle in zip(ROUND, (0.3, 0.5), strict=True)]
    assert rotated.frame(*two) is None
    assert rotated.answer(Problem(*BUMPS, epsilon=1.0, p=3.0, grid=grid)) is None
