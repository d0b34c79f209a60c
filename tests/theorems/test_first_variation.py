"""Theorem 4.1 and Remark 4.2: the first variation, one-sided where the perturbation is singular.

With ρ = P′ - P, D(P + tρ‖Q) is convex in t (Theorem 2.3): every difference quotient from the right
lies above its limit ∫ φ̂ dρ, and every one from the left below.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured import within
from random_problems import (
    LINE,
    brute_transform,
    correlated,
    divergences,
    epsilons,
    examples,
    heavy,
    mixtures,
    numbers,
    solved,
)
from scipy.special import logsumexp

from mfgprox.density import Mixture, Uniform
from mfgprox.grid import Grid
from mfgprox.points import divergence_of_points, pairwise_cost
from mfgprox.problem import Problem

pytestmark = pytest.mark.compiled
X, H = LINE.centers(0), LINE.cell_volume


@pytest.mark.paper(
    "Theorem 4.1",
    "∫ U₀ dρ, ρ ≪ P, any f and p",
    "central differences of D, t = ±0.02: differentiable (Remark 4.2)",
)
@pytest.mark.paper("Remark 4.2", "∫ U₀ dρ, ρ ≪ P", "differences of D from both sides")
@heavy
@given(
    P=mixtures(), other=mixtures(), Q=mixtures(), epsilon=epsilons, name=divergences,
    p=st.sampled_from([1.5, 2.0, 3.0]),
)  # fmt: skip
def test_differences_of_the_divergence(P, other, Q, epsilon, name, p):
    # P with a share of everything in it stays positive for t of either sign.
    base = Mixture([0.5, 0.25, 0.25], [P, other, Q])
    # For p < 2 potentials of back-and-forth are of first order only: 5 % at this grid.
    here = solved(base, Q, epsilon, name, p, "auto" if p >= 2.0 else "primal-dual")
    towards = Problem(other, Q, epsilon=epsilon, grid=LINE).P
    t = 0.02
    ends = [
        solved(
            Mixture([0.5 * rest, 0.25 * rest + 1.0 - rest, 0.25 * rest], [P, other, Q]),
            Q,
            epsilon,
            name,
            p,
        )
        for rest in (1.0 - t, 1.0 + t)
    ]
    slope = here.derivative(towards)
    central = (ends[0].divergence - ends[1].divergence) / (2.0 * t)
    # Errors of D of 1e-5 + 1e-4 D are divided by t; third derivatives in t take the rest.
    within(abs(central - slope), 1e-3 + 2e-2 * (here.divergence + abs(slope)))


@pytest.mark.paper(
    "Theorem 4.1",
    "D(P) + t ∫ φ̂ d(P′ − P) for any P′, singular ones too, t up to 1",
    "below the certified upper bound of D(P + t(P′ − P))",
)
@examples
@given(
    P=mixtures(), Q=mixtures(), epsilon=epsilons, place=numbers(-3.5, 3.5),
    t=st.sampled_from([0.01, 0.1, 0.5, 1.0]), p=st.sampled_from([1.5, 2.0, 3.0]),
)  # fmt: skip
def test_a_tangent_from_below_in_every_direction(P, Q, epsilon, place, t, p):
    here = solved(P, Q, epsilon, p=p)
    cell = int(np.argmin(np.abs(X - place)))
    atom = np.zeros(LINE.shape)
    atom[cell] = 1.0 / H
    moved = solved(here.problem.P + t * (atom - here.problem.P), Q, epsilon, p=p)
    # φ̂ over every pair of centres from the potential found, (4.1), and its dual value.
    psi = -here.U[-1]
    phi = brute_transform(psi, X, X, p)
    value = np.sum(here.problem.P * phi) * H - epsilon * logsumexp(
        -psi / epsilon, b=here.problem.Q * H
    )
    tangent = value + t * (phi[cell] - np.sum(here.problem.P * phi) * H)
    # A minimum over centres is at most h²/8 (second derivative) above that over the line.
    within(tangent - moved.upper_bound, H * H / 8.0 * (2.0 + 30.0 * (p - 1.0)))
    # The field written is this φ̂ where P or the image of P has mass.
    heavy = 1e-4 * here.problem.P.max() < here.problem.P
    assert np.abs(here.U[0] - phi)[heavy].max() <= 3e-2 * (1.0 + np.abs(phi).max())


@pytest.mark.paper(
    "Theorem 4.1",
    "φ̂(x) − E_P φ̂, mass put at 1.5 ≤ |x| ≤ 2.5, P uniform on [−1, 1]",
    "(D(P + t(δ_x − P)) − D(P))/t, which falls with t and stays above",
)
@examples
@given(
    Q=mixtures(), epsilon=st.sampled_from([0.3, 1.0, 3.0]), place=numbers(1.5, 2.5),
    side=st.sampled_from([-1.0, 1.0]),
)  # fmt: skip
def test_singular_perturbations_of_densities(Q, epsilon, place, side):
    P = Uniform([-1.0], [1.0])
    here = solved(P, Q, epsilon, solver="back-and-forth")
    atom = np.zeros(LINE.shape)
    atom[int(np.argmin(np.abs(X - side * place)))] = 1.0 / H
    slope, quotients = here.derivative(atom), []
    for t in (0.1, 0.01):
        moved = solved(
            here.problem.P + t * (atom - here.problem.P), Q, epsilon, solver="back-and-forth"
        )
        quotients.append((moved.divergence - here.divergence) / t)
    noise = 1e-3 + 1e-2 * here.divergence
    assert quotients[0] >= quotients[1] - noise
    within(slope - quotients[1], noise)


@pytest.mark.paper(
    "Theorem 4.1",
    "min_j C(x, y_j) − ψ_j at points x without mass (4.1), finite sets, any cost",
    "one-sided quotients of certified D, t = 10⁻¹ to 10⁻³, from above and below",
)
@examples
@given(seed=st.integers(0, 10**6), epsilon=epsilons, p=st.sampled_from([1.0, 1.5, 2.0, 3.0]))
def test_singular_perturbations_of_finite_sets(seed, epsilon, p):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(5, 2)), rng.normal(size=(6, 2))
    cost = pairwise_cost(x, y, p)
    a, b = rng.dirichlet(np.full(4, 3.0)), rng.dirichlet(np.full(6, 3.0))
    tight = {"rtol": 1e-10, "atol": 1e-12}
    here = divergence_of_points(cost[:4], epsilon, a, b, **tight)
    # In the gauge of the dual the constants of φ and ψ cancel against Σ a = 1.
    phi = (cost - here.psi).min(axis=1)
    slope = phi[4] - float(a @ phi[:4])
    R = b * np.exp(-(here.psi - here.psi.min()) / epsilon)
    R /= R.sum()
    for t in (1e-1, 1e-2, 1e-3):
        moved = divergence_of_points(cost, epsilon, np.append((1.0 - t) * a, t), b, **tight)
        slack = 1e-6 * (1.0 + abs(slope)) + (here.gap + moved.gap) / t
        within(slope - (moved.upper - here.lower) / t, slack)
        # Send all of t to the minimiser of φ̂: that costs t · slope + ε KL of the R so made to R.
        to = R * (1.0 - t)
        to[np.argmin(cost[4] - here.psi)] += t
        most = slope + epsilon * float(to @ np.log(to / R)) / t
        within((moved.lower - here.upper) / t - most, slack)


@pytest.mark.paper(
    "Theorem 4.1", "∫ U₀ dρ in the plane, Newton", "central differences of D, Gaussians tilted"
)
@examples
@given(
    P=correlated(),
    Q=correlated(),
    epsilon=epsilons,
    slope=st.tuples(numbers(-0.5, 0.5), numbers(-0.5, 0.5)),
)
def test_differences_in_the_plane(P, Q, epsilon, slope):
    """P e^{s·x} normalised is P with another mean: its divergence has a closed form."""
    from mfgprox import gaussian

    here = solved(P, Q, epsilon, solver="newton", grid=Grid((-5.0, -5.0), (5.0, 5.0), (48, 48), 4))
    x, y = here.problem.grid.coordinates()
    t, shift = 1e-4, P.cov @ np.array(slope)
    values = [
        gaussian.divergence(P.mean + s * t * shift, P.cov, Q.mean, Q.cov, epsilon)
        for s in (1.0, -1.0)
    ]
    found = here.gradient([slope[0] * x + slope[1] * y])
    within(abs(found[0] - (values[0] - values[1]) / (2.0 * t)), 1e-6)
