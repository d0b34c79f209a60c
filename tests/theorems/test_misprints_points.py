"""Misprints about finite sets: the printed form fails, the corrected one holds; see test_misprints.

Values are certified by plans and potentials, far closer than the printed forms are wrong.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured import fails, within
from random_problems import examples

from mfgprox.points import divergence_of_points, pairwise_cost


@pytest.mark.paper(
    "misprint Theorem 3.7", "certified D of product clouds, separable cost, p = 1.5, 3", "the sum"
)
@examples
@given(
    seed=st.integers(0, 10**6), p=st.sampled_from([1.5, 3.0]), epsilon=st.sampled_from([0.4, 2.0])
)
def test_products_need_the_separable_cost(seed, p, epsilon):
    rng = np.random.default_rng(seed)
    lines = [rng.uniform(-1.0, 1.0, size=(3, 1)) + (k % 2) for k in range(4)]
    tight = {"rtol": 1e-9, "atol": 1e-12}
    total = sum(
        divergence_of_points(pairwise_cost(lines[k], lines[k + 1], p), epsilon, **tight).divergence
        for k in (0, 2)
    )

    def product(a, b):
        return np.array([[u, v] for u in a[:, 0] for v in b[:, 0]])

    x, y = product(lines[0], lines[2]), product(lines[1], lines[3])
    found, other = (
        divergence_of_points(pairwise_cost(x, y, p, norm), epsilon, **tight)
        for norm in ("separable", "euclidean")
    )
    within(max(found.lower - total, total - found.upper, 0.0), 1e-8 * (1.0 + total))
    # |x|² + |y|² to the power p/2 is below the sum of powers for p < 2 and above for p > 2.
    if p < 2.0:
        fails(total - other.upper, 1e-4 * total)
    else:
        fails(other.lower - total, 1e-4 * total)


@pytest.mark.paper(
    "misprint (6.4)", "dual objective with (1/M)Σ at (φ + s, ψ − s)", "its value at (φ, ψ)"
)
def test_mean_over_the_particles():
    rng = np.random.default_rng(0)
    M, N, epsilon = 4, 7, 1.0
    cost_matrix = pairwise_cost(rng.normal(size=(M, 2)), rng.normal(size=(N, 2)))
    psi = divergence_of_points(cost_matrix, epsilon).psi
    phi = (cost_matrix - psi).min(axis=1)

    def objective(shift, particles):
        gibbs = -epsilon * math.log(np.mean(np.exp(-(psi - shift) / epsilon)))
        return (phi + shift).sum() / particles + gibbs

    within(abs(objective(50.0, M) - objective(0.0, M)), 1e-12 * 100.0)
    # Divided by N the supremum is infinite: shifts alone change the value without limit.
    fails(abs(objective(-500.0, N) - objective(0.0, N)), 100.0)


@pytest.mark.paper("misprint (5.4)", "b_j e^{−ψ_j/ε}/Σ", "column sums of the optimal plan")
@examples
@given(seed=st.integers(0, 10**6), epsilon=st.sampled_from([0.4, 1.0, 3.0]))
def test_weights_of_the_points(seed, epsilon):
    rng = np.random.default_rng(seed)
    x, y, b = rng.normal(size=(5, 2)), rng.normal(size=(6, 2)), np.arange(1.0, 7.0) / 21.0
    found = divergence_of_points(pairwise_cost(x, y), epsilon, b=b, rtol=1e-10)
    columns = np.asarray(found.plan.sum(axis=0)).ravel()
    gibbs = np.exp(-(found.psi - found.psi.min()) / epsilon)
    right, printed = b * gibbs / (b @ gibbs), gibbs / gibbs.sum()
    within(np.abs(right - columns).sum(), 1e-3)
    fails(np.abs(printed - columns).sum(), 3e-2)


@pytest.mark.paper(
    "misprint (5.1), (5.2)", "π1_M − a and πᵀ1_N − w of the optimal plan, N ≠ M", "0"
)
def test_marginals_of_plans():
    rng = np.random.default_rng(1)
    a = np.array([0.5, 0.3, 0.2])
    found = divergence_of_points(rng.random((3, 5)), 1.0, a=a)
    plan = found.plan.toarray()
    within(float(np.abs(plan @ np.ones(5) - a).max()), 1e-14)
    within(float(np.abs(plan.T @ np.ones(3) - found.weights).max()), 1e-14)
    assert found.weights.shape == (5,)  # R sums over j <= M
    with pytest.raises(ValueError, match="matmul"):
        plan @ np.ones(3)  # π1_N, as printed


@pytest.mark.paper(
    "misprint (5.7), (5.8)",
    "certified D with motion in x alone, (5.8): at least the plain one",
    "certified plain D, finite sets",
)
@examples
@given(seed=st.integers(0, 10**6), T=st.sampled_from([0.5, 2.0]))
def test_the_conditional_value_is_not_the_plain_one(seed, T):
    rng = np.random.default_rng(seed)
    z = np.repeat([0.0, 0.3], 4)
    x, y = (np.column_stack([rng.normal(size=8), z]) for _ in range(2))
    plain = pairwise_cost(x, y)
    # A price that no plan pays as long as a slice can be reached in its own z.
    kept = np.where(z[:, None] == z, plain, 1e3)
    weights = rng.dirichlet(np.ones(8)) + 1e-3
    both = [divergence_of_points(c, 2.0 * T, a=weights, rtol=1e-8) for c in (kept, plain)]
    within(both[1].lower - both[0].upper, 0.0)
    fails(both[0].lower - both[1].upper, 1e-6 * both[1].upper)
