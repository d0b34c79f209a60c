"""Theorems 3.1 and 3.3 with the dualities (3.2), (3.5), (3.6) that they rest on, and Remark 3.4.

Dual values here are sums over the cells with minima over every pair of centres. The minimum over
the centres is that of the problem between atoms there, which is dearer by what moving both ends
within their cells may cost: h²/3 = 2e-3 for p = 2, h = 0.08.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured import within
from random_problems import (
    LINE,
    PLANE,
    brute_transform,
    correlated,
    divergences,
    epsilons,
    examples,
    f_of,
    gaussians,
    kl,
    mixtures,
    monotone_cost,
    numbers,
    solved,
    within_cells,
)
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from mfgprox.problem import Problem

pytestmark = pytest.mark.compiled
X, H = LINE.centers(0), LINE.cell_volume
powers = st.sampled_from([1.5, 2.0, 3.0])
T = np.concatenate([[0.0], np.geomspace(1e-8, 1e8, 4001)])


def conjugate(name, s):
    """f*(s) = sup over t >= 0 of s t - f(t), by trying every t of a fine geometric list."""
    f = f_of(name, T)
    f = np.where(np.isnan(f), np.inf, f)
    return np.array([np.max(one * T - f) for one in np.atleast_1d(s)])


def dual_value(psi, problem, name):
    """E_P[ψ^c] - ε inf_ν {ν + E_Q f*(-ψ/ε - ν)}: the inner problem by a bounded search over ν."""
    value = np.sum(problem.P * brute_transform(psi, X, X, problem.p)) * H
    s, q = -psi / problem.epsilon, problem.Q * H
    if name == "kl":
        return value - problem.epsilon * logsumexp(s, b=q)

    def inner(nu):
        return nu + float(np.sum(q * conjugate(name, s - nu)))

    # f*(s) < ∞ needs s <= f'(∞): all but Pearson's have a finite one, 0 to 1.
    end = {"pearson": -60.0, "alpha(1.5)": -60.0}.get(name, s.max() - 1.0)
    found = minimize_scalar(
        inner, bounds=(max(end, s.min() - 60.0), s.max() + 60.0), method="bounded"
    )
    return value - problem.epsilon * found.fun


@pytest.mark.paper(
    "Theorem 3.1",
    "J(ψ) of random ψ, any p (KL), by sums and every pair",
    "below the certified upper bound of D",
)
@examples
@given(
    P=mixtures(), Q=mixtures(), epsilon=epsilons, p=powers, seed=st.integers(0, 999),
    size=numbers(0.0, 2.0),
)  # fmt: skip
def test_weak_duality(P, Q, epsilon, p, seed, size):
    solution = solved(P, Q, epsilon, p=p)
    rng = np.random.default_rng(seed)
    bump = sum(rng.normal() * np.sin(k * X + rng.normal()) for k in (1, 2, 3))
    psi = -solution.U[-1] + size * bump
    value = dual_value(psi, solution.problem, "kl")
    # J of any ψ is at most the value between the atoms.
    within(value - solution.upper_bound, within_cells(solution.problem.P, solution.R, LINE, p))


@pytest.mark.paper(
    "Theorem 3.1",
    "J(ψ) at ψ = −U₁ of the solver, any f and p, f* by trying every t",
    "the primal value: quantile functions of R, and a sum",
)
@examples
@given(P=mixtures(), Q=mixtures(), epsilon=epsilons, name=divergences, p=powers)
def test_no_duality_gap(P, Q, epsilon, name, p):
    solution = solved(P, Q, epsilon, name, p)
    problem = solution.problem
    information = np.sum(problem.Q * f_of(name, solution.R / problem.Q)) * H
    primal = monotone_cost(problem.P, solution.R, LINE, p) + epsilon * information
    dual = dual_value(-solution.U[-1], problem, name)
    # A tolerance of 1e-4 on the gap of the lattice, and the cells that atoms stand for.
    limit = within_cells(problem.P, solution.R, LINE, p) + 2e-4 * primal
    within(abs(primal - dual), limit)


@pytest.mark.paper(
    "Theorem 3.3",
    "E_P[φ*] + E_R[ψ*] (3.9), any f and p",
    "W_p^p(P, R) by quantile functions",
)
@pytest.mark.paper("(3.2)", "E_P[φ*] + E_R[ψ*]: the Kantorovich value", "quantile functions")
@examples
@given(P=mixtures(), Q=mixtures(), epsilon=epsilons, name=divergences, p=powers)
def test_the_potentials_are_optimal_for_the_transport(P, Q, epsilon, name, p):
    solution = solved(P, Q, epsilon, name, p)
    problem = solution.problem
    cost = monotone_cost(problem.P, solution.R, LINE, p)
    found = np.sum(problem.P * solution.U[0] - solution.R * solution.U[-1]) * H
    limit = within_cells(problem.P, solution.R, LINE, p) + 2e-4 * solution.divergence
    within(abs(found - cost), limit)


@pytest.mark.paper(
    "Theorem 3.3", "R, KL (3.10)", "Q e^{−ψ/ε}/E_Q e^{−ψ/ε} of the potential found: ∫|R − …|"
)
@pytest.mark.paper("Remark 3.4", "R = ρ_{n+1} of a step, ε = 2τ (3.14)", "∝ q e^{−ψ/2τ}")
@examples
@given(
    P=mixtures(), Q=mixtures(), epsilon=epsilons,
    solver=st.sampled_from(["auto", "back-and-forth", "semi-discrete"]),
)  # fmt: skip
def test_the_minimiser_is_a_gibbs_density(P, Q, epsilon, solver):
    solution = solved(P, Q, epsilon, solver=solver)
    weight = solution.problem.Q * np.exp((solution.U[-1] - solution.U[-1].max()) / epsilon)
    within(LINE.integrate(np.abs(solution.R - weight / LINE.integrate(weight))), 1e-2)


@pytest.mark.paper(
    "Theorem 3.3",
    "ψ of two solvers less their mean difference, in L¹(R), in the plane",
    "each other: unique up to a constant",
)
@examples
@given(P=correlated(), Q=correlated(), epsilon=st.sampled_from([0.3, 1.0, 3.0]))
def test_potentials_are_unique_up_to_a_constant(P, Q, epsilon):
    one, other = (
        solved(P, Q, epsilon, solver=name, grid=PLANE) for name in ("newton", "semi-discrete")
    )
    apart = one.U[-1] - other.U[-1]
    apart -= PLANE.integrate(apart * one.R)
    # h²/6 = 8e-3 per axis between a density and atoms at the centres; R differs by a share of h².
    within(PLANE.integrate(np.abs(apart) * one.R), 1.5e-2)
    within(PLANE.integrate(np.abs(one.R - other.R)), 5e-2)


@pytest.mark.paper("(3.5)", "E_R[ψ] − log E_Q e^ψ for random ψ, and at log R/Q", "KL(R‖Q)")
@pytest.mark.paper("(3.6)", "E_R[ψ] − KL(R‖Q) for random R, and at (3.7)", "log E_Q e^ψ")
@examples
@given(Q=mixtures(), R=mixtures(), seed=st.integers(0, 999))
def test_the_entropic_dualities(Q, R, seed):
    problem = Problem(R, Q, epsilon=1.0, grid=LINE)
    r, q, rng = problem.P, problem.Q, np.random.default_rng(seed)
    psi = sum(rng.normal() * np.sin(k * X + rng.normal()) for k in (1, 2, 3))
    exact, cumulant = kl(r, q, H), logsumexp(psi, b=q * H)
    within(np.sum(r * psi) * H - cumulant - exact, 1e-12 * (1.0 + exact))
    within(abs(np.sum(r * np.log(r / q)) * H - logsumexp(np.log(r / q), b=q * H) - exact), 1e-11)
    # The package's Gibbs density is the one of (3.7).
    density, value = problem.divergence.gibbs(psi, problem.log_Q, 1.0, H)
    within(abs(value - cumulant), 1e-12 * (1.0 + abs(cumulant)))
    attained = np.sum(density * psi) * H - kl(density, q, H)
    within(abs(attained - cumulant), 1e-11 * (1.0 + abs(cumulant)))


@pytest.mark.paper(
    "(3.13)",
    "cost of the map x − ∇U₀(x)/2 on P, and the mean and variance of its image",
    "W_2² by quantile functions, and the mean and variance of R",
)
@examples
@given(P=gaussians(), Q=gaussians(), epsilon=epsilons)
def test_the_potential_gives_the_map(P, Q, epsilon):
    solution = solved(P, Q, epsilon, solver="newton")
    p = solution.problem.P * H
    slope = np.gradient(solution.U[0], H)
    image = X - 0.5 * slope
    cost = monotone_cost(solution.problem.P, solution.R, LINE, 2.0)
    within(abs(np.sum(p * (0.5 * slope) ** 2) - cost), 1e-3 * (1.0 + cost))
    mean = np.sum(p * image)
    spread = np.sum(p * (image - mean) ** 2)
    r = solution.R * H
    within(abs(mean - np.sum(r * X)), 1e-3)
    within(abs(spread - np.sum(r * (X - np.sum(r * X)) ** 2)), 1e-3)
