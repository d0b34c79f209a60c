"""Definition 2.1, Examples 2.2 and 3.2, (5.5), (6.5)-(6.7), Figures 1 and 2."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured import within
from random_problems import (
    LINE,
    epsilons,
    examples,
    fine,
    gaussians,
    mixtures,
    monotone_cost,
    numbers,
)
from scipy.optimize import minimize
from scipy.special import logsumexp

from mfgprox import gaussian, solve_family
from mfgprox.density import Gaussian
from mfgprox.grid import Grid
from mfgprox.points import divergence_of_points, pairwise_cost
from mfgprox.problem import Problem
from mfgprox.solvers import solve

pytestmark = pytest.mark.compiled
X = LINE.centers(0)


@pytest.mark.paper(
    "Definition 2.1",
    "D, any p (2.4)",
    "the least W_p^p(P, R) + ε KL(R‖Q) over R = Q e^{polynomial of degree 8}, by a search",
)
@examples
@given(P=gaussians(), Q=gaussians(), epsilon=epsilons, p=st.sampled_from([1.5, 2.0, 3.0]))
def test_the_infimum_by_search(P, Q, epsilon, p):
    problem = Problem(P, Q, epsilon=epsilon, grid=LINE, p=p)
    D = solve(problem, "back-and-forth", static=True).divergence
    grid = LINE.with_cells((512,))
    at = Problem(P, Q, epsilon=epsilon, grid=grid, p=p)
    h, basis = grid.cell_volume, np.polynomial.chebyshev.chebvander(grid.centers(0) / 5.0, 8)[:, 1:]

    def value(theta):
        tilt = basis @ theta
        log_R = at.log_Q + tilt - logsumexp(at.log_Q + tilt, b=h)
        R = np.exp(log_R)
        return monotone_cost(at.P, R, grid, p) + epsilon * np.sum(R * (log_R - at.log_Q)) * h

    found = minimize(value, np.zeros(8), method="BFGS", options={"gtol": 1e-5, "maxiter": 60})
    # A restricted infimum is above D: 1e-3 covers 8 coefficients, and cells of 0.02 (h²/6).
    within(D - found.fun, 1e-4 + 1e-3 * D)
    within(found.fun - D, 2e-3 * (1.0 + D))


def on_a_line(seed):
    rng = np.random.default_rng(seed)
    places = np.sort(rng.uniform(-1.0, 1.0, 7))
    return (
        places,
        rng.dirichlet(np.ones(7)) * 0.9 + 0.1 / 7,
        rng.dirichlet(np.ones(7)) * 0.9 + 0.1 / 7,
    )


@pytest.mark.paper(
    "Example 3.2",
    "certified D with c = |x − y| and KL, over ε",
    "sup over 1/ε-Lipschitz φ of E_P φ − log E_Q e^φ, a bounded quasi-Newton search",
)
@pytest.mark.paper("Example 2.2", "D with W₁ and KL", "the Lipschitz-regularised divergence")
@examples
@given(seed=st.integers(0, 10**6), epsilon=st.sampled_from([0.1, 0.4, 1.0, 3.0]))
def test_the_lipschitz_regularised_divergence(seed, epsilon):
    places, a, b = on_a_line(seed)
    found = divergence_of_points(
        pairwise_cost(places[:, None], places[:, None], 1.0), epsilon, a, b
    )
    room = np.diff(places) / epsilon

    # On a line, slopes between neighbours say all: φ = Σ of steps within ± room.
    def negative(steps):
        phi = np.concatenate([[0.0], np.cumsum(steps)])
        gibbs = b * np.exp(phi - phi.max())
        gibbs /= gibbs.sum()
        slope = a - gibbs
        return logsumexp(phi, b=b) - a @ phi, -np.cumsum(slope[::-1])[::-1][1:]

    peer = minimize(
        negative, np.zeros(6), jac=True, method="L-BFGS-B",
        bounds=list(zip(-room, room, strict=True)),
        options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 1000},
    )  # fmt: skip
    within(abs(found.divergence / epsilon + peer.fun), 2e-6 * (1.0 + found.divergence / epsilon))


@pytest.mark.paper(
    "(5.5)",
    "the infimum over convex quadratic φ̃, cost ½|x − y|², by a search",
    "½ D at 2ε of the closed form",
)
@examples
@given(
    m1=numbers(-1.0, 1.0), s1=numbers(0.4, 1.2), m2=numbers(-1.0, 1.0), s2=numbers(0.4, 1.2),
    epsilon=st.sampled_from([0.4, 1.0, 3.0]),
)  # fmt: skip
def test_convex_potentials(m1, s1, m2, s2, epsilon):
    y = np.linspace(m2 - 9.0 * s2, m2 + 9.0 * s2, 3001)
    log_q = -0.5 * ((y - m2) / s2) ** 2 - math.log(s2 * math.sqrt(2.0 * math.pi))
    h = y[1] - y[0]

    def value(v):  # φ̃(x) = ½ a x² + b x, φ̃*(y) = (y - b)²/(2a)
        a, b = math.exp(v[0]), v[1]
        star = (y - b) ** 2 / (2.0 * a)
        expectation = 0.5 * a * (m1**2 + s1**2) + b * m1
        return expectation + epsilon * logsumexp((star - 0.5 * y * y) / epsilon + log_q, b=h)

    step = gaussian.solve(m1, s1**2, m2, s2**2, 2.0 * epsilon)
    # From a point beside the optimum: far away the expectation over all of R diverges.
    slope = step.map[0, 0]
    start = [math.log(slope) + 0.05, step.mean_R[0] - slope * m1 + 0.05]
    found = minimize(value, start, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12})
    least = 0.5 * (m1**2 + s1**2) - found.fun
    within(abs(least - 0.5 * step.divergence), 1e-6 * (1.0 + least))


@pytest.mark.paper(
    "(6.5)–(6.7)",
    "∇U₀/ε + ∇ log Q at ε = 10⁻³, in L²(P)",
    "the score ∇ log P of a Gaussian; what is left is of order ε",
)
@examples
@given(P=gaussians(), Q=gaussians())
def test_the_score(P, Q):
    epsilon = 1e-3
    solution = solve(Problem(P, Q, epsilon=epsilon, grid=LINE), "newton", static=True)
    h, p = LINE.cell_volume, solution.problem.P
    field = np.gradient(solution.U[0], h) / epsilon
    log_Q = -(X - Q.mean[0]) / Q.cov[0, 0]
    score = -(X - P.mean[0]) / P.cov[0, 0]
    away = math.sqrt(np.sum(p * (field + log_Q - score) ** 2) * h)
    # (ε/4)(…)² has a slope of ε/2 · f′f″ for f = log P/Q; U₀ is quadratic, its differences exact.
    within(away, 2.0 * epsilon * (1.0 + math.sqrt(np.sum(p * (score - log_Q) ** 2) * h)) * 8.0)


@pytest.mark.paper("Figures 1, 2", "R_ε for ε = 0.1 to 10, solved: ∫|R − …|", "N(m_R, Σ_R)")
@pytest.mark.parametrize("d", [1, 2])
def test_the_figures(d):
    m1, m2 = np.full(d, -0.8), np.full(d, 0.8)
    S1, S2 = np.diag([0.16, 0.25][:d]), np.diag([0.36, 0.16][:d])
    grid = Grid((-4.0,) * d, (4.0,) * d, (160,) if d == 1 else (64, 64), 4)
    problem = Problem(Gaussian(m1, cov=S1), Gaussian(m2, cov=S2), epsilon=1.0, grid=grid)
    weights = [0.1, 0.5, 1.0, 2.0, 10.0]
    centres = []
    for epsilon, solution in zip(weights, solve_family(problem, weights, static=True), strict=True):
        exact = gaussian.solve(m1, S1, m2, S2, epsilon)
        R = np.exp(exact.log_density(1.0, grid.coordinates()))
        within(grid.integrate(np.abs(solution.R - R)), 1e-3)
        centres.append(grid.integrate(solution.R * grid.coordinates()[0]))
    assert np.all(np.diff(centres) > 0.0)  # from P towards Q


@pytest.mark.paper(
    "Example 2.2", "D, W_p with KL, p = 1.5 to 4, solved", "the bounds of Theorem 2.4"
)
@examples
@given(P=mixtures(), Q=mixtures(), p=numbers(1.3, 4.0))
def test_other_powers(P, Q, p):
    (a, _), (b, _) = fine(P), fine(Q)
    bound = monotone_cost(a, b, LINE, p)
    problem = Problem(P, Q, epsilon=5.0, grid=LINE, p=p)
    solution = solve(problem, "back-and-forth", static=True)
    within(solution.lower_bound - bound, 1e-6 * (1.0 + bound))
    assert solution.lower_bound <= solution.divergence <= solution.upper_bound
