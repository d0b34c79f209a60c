"""Theorem 2.8: D interpolates between ε D_f(P‖Q) and W_p^p(P, Q)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured import within
from random_problems import (
    LINE,
    divergence_of,
    divergences,
    epsilons,
    examples,
    f_of,
    fine,
    gaussians,
    kl,
    mixtures,
    monotone_cost,
    numbers,
    solved,
    within_cells,
)

pytestmark = pytest.mark.compiled


@pytest.mark.paper("Theorem 2.8", "D/ε as ε ↘ 0: increasing, any f and p", "certified bounds")
@pytest.mark.paper("Theorem 2.8", "D as ε ↗: increasing, any f and p", "certified bounds")
@examples
@given(
    P=gaussians(), Q=mixtures(), epsilon=epsilons, factor=numbers(1.2, 5.0), name=divergences,
    p=st.sampled_from([1.5, 2.0, 3.0]),
)  # fmt: skip
def test_both_are_monotone_in_epsilon(P, Q, epsilon, factor, name, p):
    low = solved(P, Q, epsilon, name, p)
    high = solved(P, Q, factor * epsilon, name, p)
    slack = 1e-6 * (1.0 + high.upper_bound)  # quadrature of the bounds
    within(low.lower_bound - high.upper_bound, slack)
    within(high.lower_bound / factor - low.upper_bound, slack)


@pytest.mark.paper(
    "Theorem 2.8", "dD/dε, Solution.epsilon_derivative", "differences of D, which is concave in ε"
)
@examples
@given(P=mixtures(), Q=mixtures(), epsilon=epsilons, name=st.sampled_from(["kl", "hellinger"]))
def test_the_derivative_in_epsilon_is_the_information_divergence(P, Q, epsilon, name):
    below, here, above = (
        solved(
            P,
            Q,
            scale * epsilon,
            name,
        )
        for scale in (0.9, 1.0, 1.1)
    )
    central = (above.divergence - below.divergence) / (0.2 * epsilon)
    # 4e-3 of the curvature, which is at most 2 D_f/ε² ε² 1e-2; and errors of D of 1e-5.
    within(
        abs(central - here.epsilon_derivative),
        2e-2 * here.epsilon_derivative + 2e-4 / (0.2 * epsilon),
    )
    assert below.divergence + above.divergence <= 2.0 * here.divergence + 1e-4


@pytest.mark.paper(
    "Theorem 2.8",
    "D/ε at ε = 10⁻³ (2.16)",
    "KL(P‖Q) less its first correction (ε/4) E_P|∇log P/Q|², by sums over 4096 cells",
)
@examples
@given(P=gaussians(), Q=gaussians())
def test_the_limit_of_small_epsilon(P, Q):
    epsilon = 1e-3
    (a, volume), (b, _) = fine(P), fine(Q)
    held = a > 1e-12
    slope = np.gradient(np.log(a / b), volume)
    fisher = float(np.sum(a[held] * slope[held] ** 2) * volume)
    value = solved(P, Q, epsilon, solver="newton").divergence / epsilon
    # The next term is ε² times second derivatives of log P/Q (at most 1/0.35² = 8 here) · fisher.
    within(
        abs(value - kl(a, b, volume) + 0.25 * epsilon * fisher),
        20.0 * epsilon**2 * (1.0 + fisher) + 1e-7,
    )


@pytest.mark.paper(
    "Theorem 2.8",
    "2 D at 2ε less D at ε, for ε = 200 (2.17)",
    "W_2²(P, Q) by quantile functions; what is left is of order ε⁻²",
)
@examples
@given(P=gaussians(), Q=gaussians())
def test_the_limit_of_large_epsilon(P, Q):
    (a, _), (b, _) = fine(P), fine(Q)
    limit = monotone_cost(a, b, LINE, 2.0)
    values = [solved(P, Q, epsilon, solver="newton").divergence for epsilon in (200.0, 400.0)]
    # D = 0 to rounding for P = Q, and that is ε times that of logarithms.
    assert values[0] - 1e-12 <= values[1] <= limit + 1e-5
    within(abs(2.0 * values[1] - values[0] - limit), 1e-5 + 2.0 * (limit - values[1]) ** 2)


def derivatives(name, h=1e-2):
    """f″(1) and f‴(1) by differences, to 1e-4 of themselves."""
    low, below, at, above, high = f_of(name, 1.0 + h * np.arange(-2.0, 3.0))
    return (above - 2.0 * at + below) / h**2, (0.5 * (high - low) - above + below) / h**3


@pytest.mark.paper(
    "Theorem 2.8",
    "D at ε = 1000 (p < 2: 100) and its first correction, Var_Q ψ/(2ε f″(1)), any f and p",
    "W_p^p(P, Q) by quantile functions",
)
@pytest.mark.paper(
    "Theorem 2.8", "D/ε at ε = 10⁻³, any f, P = Q moved by a cell or two", "D_f(P‖Q) by a sum"
)
@examples
@given(
    P=gaussians(), Q=gaussians(), name=divergences, p=st.sampled_from([1.5, 2.0, 3.0]),
    shift=numbers(-0.15, 0.15),
)  # fmt: skip
def test_the_limits_for_every_divergence(P, Q, name, p, shift):
    (a, volume), (b, _) = fine(P), fine(Q)
    limit = monotone_cost(a, b, LINE, p)
    # Larger ones leave back-and-forth, the solver for p < 2, with an open gap.
    epsilon = 1000.0 if p >= 2.0 else 100.0
    far = solved(P, Q, epsilon, name, p, "auto" if p >= 2.0 else "back-and-forth")
    q, U = far.problem.Q * LINE.cell_volume, far.U[-1]
    second, third = derivatives(name)
    first = (q @ U**2 - (q @ U) ** 2) / (2.0 * epsilon * second)
    # D is good to 1e-4 + 1e-3 D with back-and-forth and to what one end of each way may cost within
    # its cell for p < 2, to 1e-5 + 1e-4 D with newton. The next term is first²/limit for moves
    # alone (F.3), and of its size otherwise; and E|ψ - E ψ|³ |f‴|/(6 ε² f″³) from f*.
    scheme = (1e-4 + 1e-3 * limit) * (1.0 if p < 2.0 else 0.1)
    if p < 2.0:
        scheme += within_cells(far.problem.P, far.R, LINE, p) / 4.0
    skew = q @ np.abs(U - q @ U) ** 3 * abs(third) / (6.0 * epsilon**2 * second**3)
    after = 2.0 * first**2 / max(limit, 1e-9) + 2.0 * skew
    within(abs(far.divergence + first - limit), scheme + after)
    moved = type(P)(P.mean + shift, cov=P.cov)
    c, _ = fine(moved)
    near = solved(P, moved, 1e-3, name, 2.0).divergence / 1e-3
    exact = divergence_of(name, a, c, volume)
    # (ε/4) E|∇f′|² is 3e-4 f″(1)² shift²/0.35⁴ here: below a hundredth of D_f ~ shift²/0.35² f″/2.
    within(abs(near - exact), 2e-2 * exact + 5e-3)
