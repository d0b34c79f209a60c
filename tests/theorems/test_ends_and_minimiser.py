"""Theorems 2.3 and 2.4, Definition 2.5 and Remark 2.6: D is a divergence with a unique minimiser.

The scheme: 128 cells on the line for densities at least four cells wide. Values of D are good to
1e-4 + 1e-3 D there with back-and-forth, the least accurate solver used.
"""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from measured import within
from random_problems import (
    LINE,
    divergence_of,
    divergences,
    epsilons,
    examples,
    fine,
    gaussians,
    kl,
    mixtures,
    monotone_cost,
    numbers,
    rough,
    solved,
)

from mfgprox.density import Gaussian, Mixture

pytestmark = pytest.mark.compiled
powers = st.sampled_from([1.5, 2.0, 3.0])


def scheme(value):
    return 1e-4 + 1e-3 * abs(value)


@pytest.mark.paper("Theorem 2.3", "D(P‖P), any f and p", "0")
@examples
@given(P=mixtures(), epsilon=epsilons, name=divergences, p=powers)
def test_a_density_has_no_distance_from_itself(P, epsilon, name, p):
    solution = solved(P, P, epsilon, name, p)
    within(abs(solution.divergence), scheme(0.0))
    assert solution.lower_bound <= 1e-12


@pytest.mark.paper(
    "Theorem 2.3", "certified lower bound of D(P‖Q), P ≠ Q", "above 0 (error: what it lacks)"
)
@examples
@given(P=mixtures(), Q=mixtures(), epsilon=epsilons, name=divergences)
def test_different_densities_have_a_distance(P, Q, epsilon, name):
    (a, volume), (b, _) = fine(P), fine(Q)
    assume(volume * np.abs(a - b).sum() > 0.2)
    within(-solved(P, Q, epsilon, name).lower_bound, 0.0)


@pytest.mark.paper(
    "Theorem 2.3",
    "lower bound of D at a mixture of pairs (P, Q)",
    "the mixture of the upper bounds of the two D",
)
@examples
@given(
    pairs=st.lists(st.tuples(gaussians(), gaussians()), min_size=2, max_size=2),
    share=numbers(0.1, 0.9),
    epsilon=epsilons,
    name=divergences,
)
def test_convexity(pairs, share, epsilon, name):
    values = [solved(P, Q, epsilon, name) for P, Q in pairs]
    weights = [share, 1.0 - share]
    P, Q = (Mixture(weights, [pair[i] for pair in pairs]) for i in range(2))
    mean = sum(w * s.upper_bound for w, s in zip(weights, values, strict=True))
    # Bounds hold up to their quadrature, 1e-6 relative on this grid.
    within(solved(P, Q, epsilon, name).lower_bound - mean, 1e-6 * (1.0 + mean))


@pytest.mark.paper(
    "Theorem 2.3",
    "D(P_n‖Q) for P_n = N(x, s²) within 2 s sd(R) of its limit as s → 0",
    "−ε log E_Q e^{−|x−y|²/ε} by quadrature",
)
@examples
@given(x=numbers(-1.0, 1.0), Q=mixtures(), epsilon=epsilons)
def test_semicontinuity_towards_an_atom(x, Q, epsilon):
    q, volume = fine(Q)
    y = np.linspace(-5.0, 5.0, q.size, endpoint=False) + 5.0 / q.size
    limit = -epsilon * np.log(np.sum(q * np.exp(-((x - y) ** 2) / epsilon)) * volume)
    widths = np.array([0.4, 0.2, 0.1])
    found = [solved(Gaussian([x], std=[s]), Q, epsilon, solver="auto") for s in widths]
    for s, solution in zip(widths, found, strict=True):
        y = LINE.centers(0)
        mean = LINE.integrate(y * solution.R)
        spread = np.sqrt(LINE.integrate((y - mean) ** 2 * solution.R))
        # E|x′-y|² of a coupling of P_n and R is that of the atom, + s², less 2 cov <= 2 s spread.
        within(limit + s**2 - 2.0 * s * spread - solution.divergence, scheme(limit))
        # D is convex in P, that of an atom has second derivatives of at most 2 in its place.
        within(solution.divergence - limit - s**2, scheme(limit))


@pytest.mark.paper("Theorem 2.4", "D, any f and p (2.10)", "ε D_f(P‖Q) by a sum over 4096 cells")
@pytest.mark.paper("Theorem 2.4", "D, any f and p (2.10)", "W_p^p(P, Q) by quantile functions")
@examples
@given(P=gaussians(), Q=gaussians(), epsilon=epsilons, name=divergences, p=powers)
def test_both_ends_bound_the_divergence(P, Q, epsilon, name, p):
    (a, volume), (b, _) = fine(P), fine(Q)
    solution = solved(P, Q, epsilon, name, p)
    for bound in (epsilon * divergence_of(name, a, b, volume), monotone_cost(a, b, LINE, p)):
        within(solution.lower_bound - bound, 1e-6 * (1.0 + abs(bound)))
        within(solution.divergence - bound, scheme(solution.divergence))


@pytest.mark.paper(
    "Theorem 2.4",
    "D (2.11)",
    "W_p^p(P, R) by quantile functions of the R found, plus ε D_f(R‖Q) by a sum",
)
@examples
@given(P=mixtures(), Q=mixtures(), epsilon=epsilons, name=divergences, p=powers)
def test_the_minimiser_attains_the_divergence(P, Q, epsilon, name, p):
    solution = solved(P, Q, epsilon, name, p)
    problem = solution.problem
    information = divergence_of(name, solution.R, problem.Q, LINE.cell_volume)
    value = monotone_cost(problem.P, solution.R, LINE, p) + epsilon * information
    # Densities constant in cells cost up to h²/6 = 1e-3 more or less than smooth ones.
    within(abs(value - solution.divergence), 1.5e-3 * (1.0 + solution.divergence))


@pytest.mark.paper(
    "Theorem 2.4",
    "cost of any other R′ less D: at least ε KL(R′‖R), so R is unique",
    "quantile functions and sums over cells",
)
@examples
@given(
    P=mixtures(), Q=mixtures(), epsilon=epsilons, seed=st.integers(0, 999), size=numbers(0.1, 1.5)
)
def test_every_other_density_costs_more(P, Q, epsilon, seed, size):
    solution = solved(P, Q, epsilon)
    rng, problem = np.random.default_rng(seed), solution.problem
    x, volume = LINE.centers(0), LINE.cell_volume
    tilt = sum(rng.normal() * np.sin(k * x + rng.normal()) for k in (1, 2))
    other = solution.R * np.exp(size * tilt)
    other /= other.sum() * volume
    value = monotone_cost(problem.P, other, LINE, 2.0) + epsilon * kl(other, problem.Q, volume)
    more = epsilon * kl(other, solution.R, volume)
    within(solution.divergence + more - value, 1.5e-3 * (1.0 + value))


@pytest.mark.paper(
    "Definition 2.5", "the prox of P by back-and-forth", "by semi-discrete: ∫|R − R′|"
)
@examples
@given(P=mixtures(), Q=mixtures(), epsilon=epsilons)
def test_two_solvers_find_one_minimiser(P, Q, epsilon):
    one = solved(P, Q, epsilon)
    other = solved(P, Q, epsilon, solver="semi-discrete")
    # Jensen over a cell of 0.08: R differs by h²/24 of its second derivatives, and tears by cells.
    within(LINE.integrate(np.abs(one.R - other.R)), 2e-2)


@pytest.mark.paper(
    "Remark 2.6", "R where Q = 0, P with mass there, f′(∞) = ∞", "exactly 0, and D finite"
)
@examples
@given(P=mixtures(), Q=rough(), epsilon=epsilons, name=st.sampled_from(["kl", "pearson"]))
def test_the_minimiser_stays_in_the_support_of_q(P, Q, epsilon, name):
    solution = solved(P, Q, epsilon, name)
    empty = Q == 0.0
    assert empty.any() and LINE.integrate(np.where(empty, solution.problem.P, 0.0)) > 0.0
    within(float(np.abs(solution.R[empty]).max()), 0.0)
    assert np.isfinite(solution.divergence)
    assert abs(LINE.integrate(solution.R) - 1.0) < 1e-12
