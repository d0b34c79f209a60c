"""Theorems 3.5, 3.6 and 3.7: isometries, data processing, products."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured import within
from random_problems import (
    LINE,
    PLANE,
    correlated,
    epsilons,
    examples,
    gaussians,
    heavy,
    mixtures,
    numbers,
)

from mfgprox import gaussian
from mfgprox.density import Gaussian
from mfgprox.exact import exact_answer
from mfgprox.grid import Grid
from mfgprox.points import divergence_of_points, pairwise_cost
from mfgprox.problem import Problem
from mfgprox.solvers import solve

pytestmark = pytest.mark.compiled
MOVES = {
    "mirror x": lambda v: v[:, ::-1],
    "mirror y": lambda v: v[::-1],
    "quarter turn": lambda v: np.rot90(v),
    "exchange of axes": lambda v: v.T,
    "two cells to the right": lambda v: np.roll(v, 2, axis=1),
}


@st.composite
def blots(draw):
    """A rough density in the plane that leaves four cells empty along each wall."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    values = np.zeros(PLANE.shape)
    y, x = np.mgrid[:24, :24] / 24.0
    bump = sum(rng.normal() * np.cos(k * (x * rng.normal() + y * rng.normal())) for k in (2, 4))
    values[4:28, 4:28] = np.maximum(bump, 0.0) + 1e-3
    return values


@pytest.mark.paper(
    "Theorem 3.5",
    "D of both densities moved: mirrors, quarter turns, exchanged axes, shifts by cells",
    "D before; R moves along",
)
@examples
@given(
    P=blots(), Q=blots(), epsilon=st.sampled_from([0.3, 1.0, 3.0]),
    move=st.sampled_from(sorted(MOVES)),
    solver=st.sampled_from(["back-and-forth", "semi-discrete"]),
)  # fmt: skip
def test_isometries_of_the_grid(P, Q, epsilon, move, solver):
    moved = MOVES[move]
    before, after = (
        solve(Problem(a, b, epsilon=epsilon, grid=PLANE), solver, static=True)
        for a, b in ((P, Q), (moved(P).copy(), moved(Q).copy()))
    )
    # Each is solved to its discrete gap; a shift also moves the walls, which nothing touches.
    slack = abs(before.gap) + abs(after.gap) + 1e-4 * before.divergence + 1e-12
    within(abs(before.divergence - after.divergence), slack)
    within(PLANE.integrate(np.abs(moved(before.R) - after.R)), 2e-2)


@pytest.mark.paper(
    "Theorem 3.5", "D of Gaussians turned by any angle and moved", "D before, closed form"
)
@examples
@given(
    P=correlated(), Q=correlated(), epsilon=epsilons, angle=numbers(0.0, 3.1),
    shift=st.tuples(numbers(-0.3, 0.3), numbers(-0.3, 0.3)),
)  # fmt: skip
def test_turns_of_the_plane(P, Q, epsilon, angle, shift):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    exact = gaussian.divergence(P.mean, P.cov, Q.mean, Q.cov, epsilon)
    grid = Grid((-5.0, -5.0), (5.0, 5.0), (48, 48), 4)
    a, b = (
        Gaussian(turn @ g.mean + shift, cov=0.5 * ((c := turn @ g.cov @ turn.T) + c.T))
        for g in (P, Q)
    )
    found = solve(Problem(a, b, epsilon=epsilon, grid=grid), "newton", static=True)
    within(abs(found.divergence - exact), 2e-5 * (1.0 + exact))


@pytest.mark.paper(
    "Theorem 3.6",
    "certified lower bound of D(K#P‖K#Q), random kernels on finite sets, any cost",
    "certified upper bound of D^{Kc}(P‖Q), Kc by (3.17)",
)
@examples
@given(
    seed=st.integers(0, 10**6), sizes=st.tuples(st.integers(2, 7), st.integers(2, 7)),
    epsilon=epsilons, p=st.sampled_from([1.0, 1.5, 2.0, 3.0]), noise=numbers(0.02, 5.0),
)  # fmt: skip
def test_data_processing_on_finite_sets(seed, sizes, epsilon, p, noise):
    rng = np.random.default_rng(seed)
    n, m = sizes
    places = rng.normal(size=(m, 2))
    cost = pairwise_cost(places, places, p)
    K = rng.gamma(noise, size=(n, m)) + 1e-9
    K /= K.sum(axis=1, keepdims=True)
    a, b = (rng.dirichlet(np.ones(n)) + 1e-6 for _ in range(2))
    a, b = a / a.sum(), b / b.sum()
    less = divergence_of_points(cost, epsilon, a @ K, b @ K)
    more = divergence_of_points(K @ cost @ K.T, epsilon, a, b)
    assert less.converged and more.converged
    within(less.lower - more.upper, 1e-12 * (1.0 + more.upper))


@pytest.mark.paper(
    "Theorem 3.6",
    "D of the marginals on x, by back-and-forth on the line",
    "D(P‖Q) in the plane, closed form: the kernel forgets y, Kc = |x − x′|² ≤ c",
)
@examples
@given(P=correlated(), Q=correlated(), epsilon=epsilons)
def test_forgetting_a_coordinate_loses_divergence(P, Q, epsilon):
    whole = gaussian.divergence(P.mean, P.cov, Q.mean, Q.cov, epsilon)
    a, b = (Gaussian(g.mean[:1], cov=g.cov[:1, :1]) for g in (P, Q))
    part = solve(Problem(a, b, epsilon=epsilon, grid=LINE), "back-and-forth", static=True)
    within(part.lower_bound - whole, 1e-6 * (1.0 + whole))


@pytest.mark.paper(
    "Theorem 3.6",
    "D after a blur of both by N(0, s²), solved",
    "D before + 2s² (3.17), solved by another solver",
)
@examples
@given(P=mixtures(), Q=mixtures(), epsilon=epsilons, s=numbers(0.2, 0.7))
def test_a_blur_loses_divergence(P, Q, epsilon, s):
    parts = [
        type(mixture)(
            mixture.weights,
            [Gaussian(g.mean, cov=g.cov + s * s) for g in mixture.components],
        )
        for mixture in (P, Q)
    ]
    after = solve(Problem(*parts, epsilon=epsilon, grid=LINE), "semi-discrete", static=True)
    before = solve(Problem(P, Q, epsilon=epsilon, grid=LINE), "back-and-forth", static=True)
    # The same shift may carry both points of a pair: then even + 2s² is not needed.
    within(after.lower_bound - before.upper_bound, 1e-6 * (1.0 + before.upper_bound))


@pytest.mark.paper(
    "Theorem 3.7",
    "D in the plane of products, separable cost, p = 1.5, 2, 3",
    "the sum of two references on the line",
)
@heavy
@given(
    P=gaussians(2), Q=gaussians(2), epsilon=st.sampled_from([0.3, 1.0, 3.0]),
    p=st.sampled_from([1.5, 2.0, 3.0]),
)  # fmt: skip
def test_products_add_up(P, Q, epsilon, p):
    grid, line = PLANE, Grid(PLANE.lower[:1], PLANE.upper[:1], PLANE.cells[:1], 4)
    total = 0.0
    for i in range(2):
        parts = [Gaussian(g.mean[i : i + 1], cov=g.cov[i : i + 1, i : i + 1]) for g in (P, Q)]
        answer = exact_answer(Problem(*parts, epsilon=epsilon, grid=line, p=p))
        assert answer is not None
        total += answer.divergence
    problem = Problem(P, Q, epsilon=epsilon, grid=grid, p=p, cost="separable")
    found = solve(problem, "newton" if p == 2.0 else "back-and-forth", static=True)
    # h = 0.23, half a standard deviation. The value is that of a potential between the centres,
    # whose error is of second order and counts squared: (h/2)⁴ = 2e-4 times fourth derivatives.
    within(abs(found.divergence - total), (1e-4 if p == 2.0 else 4e-3) * (1.0 + total))
