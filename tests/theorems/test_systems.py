"""Sections 5.3 and 5.4 and the two related papers whose systems live here, by small problems."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured import within
from random_problems import examples, gaussians, heavy, mixtures, numbers
from scipy.integrate import solve_ivp
from scipy.optimize import minimize
from scipy.special import ndtri

from mfgprox import gaussian
from mfgprox.density import Gaussian
from mfgprox.flows.particles import particle_flow
from mfgprox.grid import Grid
from mfgprox.points import divergence_of_points, pairwise_cost
from mfgprox.problem import Problem
from mfgprox.sampling import draw
from mfgprox.solvers import solve

pytestmark = pytest.mark.compiled
LINE = Grid((-5.0,), (5.0,), (128,), 4)


@pytest.mark.paper(
    "section 5.3, (5.7)",
    "20 000 points of P through the solved flow: distribution function at t = 1",
    "that of R (Kolmogorov's distance)",
)
@examples
@given(P=mixtures(), Q=mixtures(), epsilon=st.sampled_from([0.5, 3.0]), seed=st.integers(0, 99))
def test_samples_follow_the_minimiser(P, Q, epsilon, seed):
    solution = solve(Problem(P, Q, epsilon=epsilon, grid=LINE))
    points = np.sort(draw(solution, 20_000, seed=seed).points[-1, :, 0])
    below = np.concatenate([[0.0], np.cumsum(solution.R) * LINE.cell_volume])
    level = np.interp(points, LINE.edges(0), below)
    ranks = (np.arange(points.size) + 0.5) / points.size
    # P(distance > 2.2/sqrt(n)) = 1e-4 for the right law.
    within(np.abs(level - ranks).max(), 2.2 / np.sqrt(points.size))


@st.composite
def sheared(draw):
    """Means and covariances in the plane with the same law of y, correlated differently."""
    out, s = [], draw(numbers(0.4, 0.7))
    shift = draw(numbers(-0.4, 0.4))
    for _ in range(2):
        slope, width = draw(numbers(-0.8, 0.8)), draw(numbers(0.45, 0.7))
        cov = np.array([[width**2 + (slope * s) ** 2, slope * s * s], [slope * s * s, s * s]])
        out.append((np.array([draw(numbers(-0.5, 0.5)), shift]), cov, slope, width))
    return out, s


@pytest.mark.paper(
    "section 5.4, (5.8)",
    "D of a flow in x only, Gaussians with the same law of y",
    "the closed form of each slice, averaged over y by quadrature",
)
@examples
@given(pair=sheared(), epsilon=st.sampled_from([0.5, 3.0, 30.0]))
def test_conditional_transport(pair, epsilon):
    ((m1, S1, k1, w1), (m2, S2, k2, w2)), s = pair
    grid = Grid((-4.5, -4.0), (4.5, 4.0), (48, 20), 4)
    problem = Problem(
        Gaussian(m1, cov=S1), Gaussian(m2, cov=S2), epsilon=epsilon, grid=grid,
        transport_axes=["x"],
    )  # fmt: skip
    solution = solve(problem, static=True)
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    exact = sum(
        weight * gaussian.divergence(m1[0] + k1 * s * u, w1**2, m2[0] + k2 * s * u, w2**2, epsilon)
        for u, weight in zip(nodes, weights / weights.sum(), strict=True)
    )
    within(abs(solution.divergence - exact), 2e-4 * (1.0 + exact))
    # Mass keeps its y, so the law of y is that of P; U_0 is the first variation here too.
    a, b = (v.sum(axis=1) for v in (solution.R, solution.problem.P))
    assert np.abs(a - b).max() <= 1e-10 * b.max()
    plain = gaussian.divergence(m1, S1, m2, S2, epsilon)
    assert exact >= plain - 1e-12


@pytest.mark.paper(
    "Bousquet et al.",
    "certified D of Σ a_i δ_{x_i} and the points G(z_j) with weights P_Z",
    "min over encoders q(z|x) of E c(X, G(Z)) + λ KL(Q_Z‖P_Z), sequential quadratic programs",
)
@examples
@given(seed=st.integers(0, 10**6), penalty=st.sampled_from([0.3, 1.0, 5.0]))
def test_penalised_optimal_transport(seed, penalty):
    rng = np.random.default_rng(seed)
    x, latent = rng.normal(size=(5, 2)), np.linspace(-1.0, 1.0, 4)
    decoded = np.column_stack([latent, np.sin(2.0 * latent)])  # G(z)
    prior, C = rng.dirichlet(np.full(4, 3.0)), pairwise_cost(x, decoded)

    def objective(flat):
        q = flat.reshape(5, 4)
        marginal = q.mean(axis=0)
        log_ratio = np.log(np.maximum(marginal, 1e-300) / prior)
        slope = (C + penalty * (log_ratio + 1.0)) / 5.0
        return (q * C).sum() / 5.0 + penalty * (marginal @ log_ratio), slope.ravel()

    # On the probabilities, where this is convex: sharp encoders are corners, and every corner is
    # stationary for logits.
    rows = np.kron(np.eye(5), np.ones(4))
    whole = {"type": "eq", "fun": lambda flat: rows @ flat - 1.0, "jac": lambda _: rows}
    found = minimize(
        objective, np.full(20, 0.25), jac=True, method="SLSQP", bounds=[(0.0, 1.0)] * 20,
        constraints=whole, options={"maxiter": 1000, "ftol": 1e-14},
    )  # fmt: skip
    q = np.clip(found.x.reshape(5, 4), 0.0, None)
    q /= q.sum(axis=1, keepdims=True)
    value, slope = objective(q.ravel())
    slope = slope.reshape(5, 4)
    # Convex: no encoder is further below q than the linear part says (Frank and Wolfe).
    left = (q * slope).sum() - slope.min(axis=1).sum()
    exact = divergence_of_points(C, penalty, b=prior, rtol=1e-9)
    assert exact.lower <= value + 1e-12
    assert left <= 1e-5 * (1.0 + value)
    within(abs(value - exact.upper), left + exact.gap + 1e-12 * (1.0 + value))


@pytest.mark.paper(
    "Gu et al.",
    "lipschitz = L on the line: |∇U₁| less εL, and the lower bound of D",
    "0; below the plain D and ε L W₁(P, Q)",
)
@examples
@given(
    P=gaussians(), Q=gaussians(), epsilon=st.sampled_from([0.5, 3.0]), L=st.sampled_from([0.3, 2.0])
)
def test_lipschitz_regularised_terminal_cost(P, Q, epsilon, L):
    problem = Problem(P, Q, epsilon=epsilon, grid=LINE, f_divergence=f"lipschitz(kl, {L})")
    solution = solve(problem, "back-and-forth", static=True)
    slope = np.abs(np.diff(solution.U[-1])).max() / LINE.cell_volume
    within(slope - epsilon * L, 1e-6 * epsilon * L)
    plain = solve(Problem(P, Q, epsilon=epsilon, grid=LINE), "back-and-forth", static=True)
    below = [np.cumsum(v) * LINE.cell_volume for v in (problem.P, problem.Q)]
    W1 = LINE.integrate(np.abs(below[0] - below[1]))
    bound = min(plain.upper_bound, epsilon * L * W1)
    within(solution.lower_bound - bound, 1e-6 * (1.0 + bound))


@pytest.mark.paper(
    "(6.3), (6.4)",
    "mean and deviation of 400 particles at t = ½ towards a Gaussian Q, 20 steps",
    "ordinary differential equations of the Gaussian moments, the blur of the particles included",
)
@heavy
@given(m=numbers(-1.0, 0.0), s=numbers(0.5, 0.9), epsilon=st.sampled_from([0.5, 2.0]))
def test_particles_follow_their_moments(m, s, epsilon):
    steps, b, grid = 20, 0.2, Grid((-5.0,), (5.0,), (96,), 2)
    Q = Gaussian([1.0], std=[0.6])
    normal = ndtri((np.arange(400) + 0.5) / 400)
    start = m + s * normal / normal.std()
    flow = particle_flow(
        start[:, None], Q, epsilon=epsilon, grid=grid, time=0.5, steps=steps, bandwidth=b,
    )  # fmt: skip

    def right(_, u):
        step = gaussian.solve(u[0], u[1] ** 2 + b * b, 1.0, 0.36, epsilon)
        return [2.0 * (step.mean_R[0] - u[0]), 2.0 * (step.map[0, 0] - 1.0) * u[1]]

    exact = solve_ivp(right, (0.0, 0.5), [m, s], rtol=1e-9, atol=1e-11).y[:, -1]
    last = flow.points[-1, :, 0]
    # First order in the step of 1/40, and 400 quantiles are no Gaussian in their tails.
    within(abs(last.mean() - exact[0]) + abs(last.std() - exact[1]), 3e-2)
    assert np.all(np.diff(flow.energy) < 0.0)
