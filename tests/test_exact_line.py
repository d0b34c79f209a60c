"""The one-dimensional reference: against closed forms, and between bounds found by search."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from mfgprox.density import ArrayDensity, Expression, Gaussian, Mixture, Ring, Samples, Uniform
from mfgprox.divergence import by_name
from mfgprox.exact import exact_answer, gaussian, whole_line
from mfgprox.exact.distribution import Distribution
from mfgprox.exact.line import distribution
from mfgprox.exact.one_dimensional import OneDimensionalSolution, solve
from mfgprox.grid import Grid
from mfgprox.problem import Problem

BOX = Grid((-4.0,), (4.0,), (200,))


def on_box(*parts: tuple[float, float], kind: Callable = Gaussian) -> Distribution:
    if kind is Gaussian:
        components = [Gaussian([m], std=[s]) for m, s in parts]
    else:
        components = [Uniform([a], [b]) for a, b in parts]
    return distribution(Mixture([1.0] * len(parts), components), BOX)


@pytest.mark.parametrize("epsilon", [0.05, 0.1, 0.5, 2.0, 10.0])
def test_gaussians_at_p_2(epsilon: float) -> None:
    wide = Grid((-6.0,), (6.0,), (100,))
    P = distribution(Gaussian([-0.8], std=[0.35]), wide)
    Q = distribution(Gaussian([0.7], std=[0.5]), wide)
    exact = gaussian.solve(-0.8, 0.35**2, 0.7, 0.5**2, epsilon)
    found = solve(P, Q, epsilon=epsilon)
    # The box cuts off 1e-25 of Q.
    assert found.divergence == pytest.approx(exact.divergence, rel=1e-12)
    assert found.error < 1e-12
    assert found.transport_cost == pytest.approx(exact.transport_cost, rel=1e-11)
    assert found.information_divergence == pytest.approx(exact.information_divergence, rel=1e-11)
    z = np.linspace(-3.0, 3.0, 601)
    for t in (0.0, 0.3, 1.0):
        rho = np.exp(exact.log_density(t, [z]))
        weight = rho / rho.sum()
        # The map is linear, and so exact between the knots of the path.
        assert np.abs(found.path.density(t, z) - rho).sum() * 0.01 < 1e-11
        gradient, potential = exact.gradient(t, [z])[0], exact.potential(t, [z])
        assert (weight * np.abs(found.path.gradient(t, z) - gradient)).sum() < 1e-11
        assert (weight * np.abs(found.path.potential(t, z) - potential)).sum() < 1e-11


CASES = {
    "mixtures": (on_box((-1.0, 0.4), (0.8, 0.3)), on_box((-1.5, 0.3), (1.4, 0.5))),
    "torn map": (on_box((0.1, 0.4)), on_box((-1.5, 0.25), (1.5, 0.25))),
    "gap in Q": (on_box((0.1, 0.4)), on_box((-1.0, -0.5), (0.5, 1.2), kind=Uniform)),
    "gap in P": (on_box((-1.0, -0.5), (0.5, 1.2), kind=Uniform), on_box((0.0, 0.4))),
    "gaps in both": (
        on_box((-1.0, -0.5), (0.5, 1.2), kind=Uniform),
        on_box((-1.2, -0.7), (0.3, 1.2), kind=Uniform),
    ),
    "compact P": (on_box((-1.0, 0.2), kind=Uniform), on_box((1.0, 0.5))),
}


def nodes(P: Distribution, panels: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions and masses: two Gauss points in every panel, none across a break."""
    edges = np.unique(np.concatenate([P.breaks, np.linspace(P.lower, P.upper, panels + 1)]))
    half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
    x = (middle[:, None] + half[:, None] * np.array([-1.0, 1.0]) / np.sqrt(3.0)).ravel()
    return x, P.density(x) * np.repeat(half, 2)


def bounds(P: Distribution, Q: Distribution, found: OneDimensionalSolution, p: float) -> tuple:
    """Weak duality by brute force: the dual at U_1 with a c-transform that searches all y,
    and the cost of the map that was returned with the information divergence of its image."""
    epsilon, f, path = found.path.epsilon, found.path.divergence, found.path
    y = np.linspace(-4.0, 4.0, 3201)
    U = path.potential(1.0, y) - path.shift
    x, weight = nodes(P, 600)
    first_variation = np.array([(np.abs(a - y) ** p + U).min() for a in x])
    z, q = nodes(Q, 2000)
    at_Q = path.potential(1.0, z) - path.shift
    if f.name == "kl":
        soft_max = logsumexp(at_Q / epsilon, b=q)
    else:
        soft_max = float((q * f.conjugate(at_Q / epsilon)).sum())
    lower = (weight * first_variation).sum() - epsilon * soft_max
    ratio = path.ratio(z)
    information = float((q * f.f(ratio / (q * ratio).sum())).sum())
    upper = (weight * np.abs(x - found.map(x)) ** p).sum() + epsilon * information
    return lower, upper


@pytest.mark.parametrize("p", [1.2, 2.0, 6.0])
@pytest.mark.parametrize("name", CASES)
def test_between_bounds_by_brute_force(name: str, p: float) -> None:
    P, Q = CASES[name]
    found = solve(P, Q, epsilon=0.5, p=p)
    lower, upper = bounds(P, Q, found, p)
    # y is searched on a lattice of width h = 2.5e-3, which raises U_0 by up to (h/2)^p and by h².
    assert abs(lower - found.divergence) < 2e-5 + 1.25e-3**p
    # Where the map is torn, one panel of the sum for the cost of the map (1e-2) jumps.
    assert abs(upper - found.divergence) < 1e-3
    assert found.error < 1e-8
    assert found.divergence == pytest.approx(
        found.transport_cost + 0.5 * found.information_divergence, abs=1e-9
    )


@pytest.mark.parametrize("name", CASES)
def test_path_keeps_mass_and_support(name: str) -> None:
    P, Q = CASES[name]
    found = solve(P, Q, epsilon=2.0)
    edges = np.linspace(-4.0, 4.0, 401)
    for t in (0.0, 0.4, 1.0):
        cells = found.path.averages(t, edges)
        assert np.all(cells >= 0.0)
        assert cells.sum() * 0.02 == pytest.approx(1.0, abs=1e-12)
    middle = 0.5 * (edges[1:] + edges[:-1])
    empty = np.isneginf(Q.log_density(middle))
    assert np.all(found.path.density(1.0, middle)[empty] == 0.0)
    assert np.all(cells[empty] <= 1e-12)
    first = (P.density(middle) * found.path.potential(0.0, middle)).sum() * 0.02
    assert first == pytest.approx(found.divergence, abs=1e-3)


def test_potential_solves_hamilton_jacobi_where_the_map_is_torn() -> None:
    """U_t by Hopf-Lax from U_1, searched over all y."""
    P, Q = CASES["torn map"]
    found, p = solve(P, Q, epsilon=2.0, p=3.0), 3.0
    y = np.linspace(-4.0, 4.0, 8001)
    U = found.path.potential(1.0, y)
    for t in (0.0, 0.5, 0.8):
        z = np.linspace(-2.5, 2.5, 101)
        hopf_lax = [(np.abs(a - y) ** p / (1.0 - t) ** (p - 1.0) + U).min() for a in z]
        # The path is on a mesh of h = 8e-3 and the search on 1e-3: h² times curvature.
        np.testing.assert_allclose(found.path.potential(t, z), hopf_lax, atol=2e-4)


def test_limits_of_epsilon() -> None:
    """Theorem 2.8, and W_p^p of a uniform that is moved and stretched."""
    P = on_box((-2.0, -1.0), kind=Uniform)
    Q = on_box((0.0, 2.0), kind=Uniform)
    # The map is x -> 2x + 4: ∫_0^1 (2 + u)^3 du = 65/4.
    assert solve(P, Q, epsilon=1e7, p=3.0).divergence == pytest.approx(16.25, rel=1e-6)
    inside = on_box((0.5, 1.0), kind=Uniform)
    assert solve(inside, Q, epsilon=1e-7).divergence == pytest.approx(1e-7 * np.log(4.0), rel=1e-3)


@pytest.mark.parametrize("p", [1.5, 2.0, 4.0])
def test_no_distance_to_itself(p: float) -> None:
    P = on_box((-1.0, 0.4), (0.8, 0.3))
    found = solve(P, P, epsilon=1.0, p=p, accuracy=1e-8)
    # Without motion collocation is singular for p < 2; on a mesh, mass linear within a cell costs
    # h^{2p}: 1e-9 at p = 1.5.
    assert abs(found.divergence) < 2e-8


def test_another_divergence_joins() -> None:
    P, Q = CASES["mixtures"]
    found = solve(P, Q, epsilon=0.5, divergence=by_name("hellinger"), accuracy=1e-8)
    lower, upper = bounds(P, Q, found, 2.0)
    assert lower - 1e-4 <= found.divergence <= upper + 1e-4
    assert upper - lower < 1e-3
    z = np.linspace(-4.0, 4.0, 2001)
    first = (P.density(z) * found.path.potential(0.0, z)).sum() * 0.004
    assert first == pytest.approx(found.divergence, abs=1e-4)


def test_quantiles_of_a_normal_keep_their_tails() -> None:
    P = distribution(Gaussian([-0.8], std=[0.35]), Grid((-7.0,), (6.0,), (10,)))
    u = np.array([1e-15, 1e-9, 0.1, 0.5])
    np.testing.assert_allclose(P.quantile(u, 1.0 - u), norm.ppf(u, -0.8, 0.35), rtol=1e-10)
    np.testing.assert_allclose(P.quantile(1.0 - u, u), norm.isf(u, -0.8, 0.35), rtol=1e-10)
    np.testing.assert_allclose(P.mass_below(norm.ppf(u, -0.8, 0.35)), u, rtol=1e-10)


def test_gaps_are_found() -> None:
    Q = on_box((-1.0, -0.5), (0.5, 1.5), kind=Uniform)
    ((start, end, below),) = Q.gaps()
    assert (start, end, below) == pytest.approx((-0.5, 0.5, 0.5))
    assert Q.support() == (-1.0, 1.5)


HALVES = Mixture([1, 1], [Uniform([-0.5], [0.25]), Uniform([0.75], [1.5])])
KERNELS = Mixture([1, 1], [Gaussian([m], std=[0.4]) for m in (0.3, -1.2)])
STEPS = Mixture([3, 1], [Uniform([-2.0], [0.0]), Uniform([0.0], [2.0])])


@pytest.mark.parametrize(
    ("density", "reference"),
    [
        (Ring([0.5], 0.25, 1.0), HALVES),
        (Expression("exp(-x**2)"), Gaussian([0.0], std=[np.sqrt(0.5)])),
        (Samples(np.array([[0.3], [-1.2]]), 0.4), KERNELS),
        (ArrayDensity(np.array([0.0, 3.0, 1.0, 0.0]), BOX.with_cells((4,))), STEPS),
    ],
)
def test_every_kind_becomes_the_same_distribution(density, reference) -> None:
    x = np.linspace(-3.9, 3.9, 97)
    found, expected = distribution(density, BOX), distribution(reference, BOX)
    np.testing.assert_allclose(found.mass_below(x), expected.mass_below(x), atol=1e-12)
    held = expected.density(x) > 1e-12
    np.testing.assert_allclose(found.density(x)[held], expected.density(x)[held], rtol=1e-7)


def test_answer_on_a_grid_with_edges() -> None:
    problem = Problem(
        Gaussian([0.1], std=[0.4]), Ring([0.2], 0.5, 1.2), epsilon=1.0, p=1.5, grid=BOX
    )
    found = exact_answer(problem)
    assert found is not None and found.name == "1-D reference"
    R = found.R(BOX)
    assert np.all(R[problem.Q == 0.0] == 0.0)
    assert BOX.integrate(R) == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_array_equal(found.rho(0.0, BOX), problem.P)
    assert found.gradient(0.5, BOX)[0].shape == BOX.shape
    assert np.all(np.isfinite(found.gradient(0.5, BOX)[0]))


def test_bad_input() -> None:
    P = on_box((0.0, 0.3))
    with pytest.raises(ValueError, match="same interval"):
        solve(P, distribution(Gaussian([0.0], std=[0.3]), Grid((-3.0,), (4.0,), (10,))), epsilon=1)
    with pytest.raises(ValueError, match="no mass"):
        distribution(Uniform([7.0], [8.0]), BOX)
    square = Grid((-3.0, -3.0), (3.0, 3.0), (8, 8))
    flat = Gaussian([0.0, 0.0], std=[0.5, 0.5])
    with pytest.raises(ValueError, match="one axis"):
        whole_line.solve_problem(Problem(flat, flat, epsilon=1.0, grid=square))
