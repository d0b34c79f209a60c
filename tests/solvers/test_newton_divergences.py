"""Newton with other information divergences than Kullback–Leibler."""

import numpy as np
import pytest
from newton_problems import bent, product_of_mixtures

from mfgprox.density import Gaussian, Mixture
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers import solve

pytestmark = pytest.mark.compiled
NAMES = ["jensen-shannon", "hellinger", "reverse-kl", "neyman", "alpha(0.8)"]
VANISHING = ["pearson", "alpha(1.5)", "alpha(3.0)"]
"""f'(0) is finite: R may vanish where Q does not."""


def on_the_line(name, epsilon, n=256):
    Q = Mixture([1.0, 1.0], [Gaussian([0.2], std=[0.5]), Gaussian([1.1], std=[0.45])])
    grid = Grid([-5.0], [5.0], [n], 4)
    return Problem(Gaussian([-0.5], std=[0.6]), Q, epsilon=epsilon, grid=grid, f_divergence=name)


def with_divergence(problem, name):
    return Problem(
        *problem.densities, epsilon=problem.epsilon, grid=problem.grid, f_divergence=name
    )


@pytest.mark.parametrize("name", [*NAMES, *VANISHING])
@pytest.mark.parametrize("epsilon", [0.5, 5.0])
def test_on_the_line_between_independent_bounds(name, epsilon):
    problem = on_the_line(name, epsilon)
    solution = solve(problem, "newton", static=True)
    assert solution.converged
    assert solution.gap <= 1e-5 * solution.divergence
    assert solution.lower_bound <= solution.divergence * (1 + 1e-9)
    assert solution.upper_bound >= solution.divergence * (1 - 1e-9)
    assert solution.upper_bound - solution.lower_bound < 1e-4 * solution.divergence
    # The optimality condition: U_1 is eps f'(R/Q) up to a constant, and D = E_P[U_0].
    U, f = solution.U[-1], problem.divergence
    heavy = solution.R > 1e-3
    wanted = epsilon * f.derivative(solution.R / problem.Q)
    assert np.ptp((U - wanted)[heavy]) < 1e-6 * (1.0 + np.ptp(U[heavy]))
    assert problem.grid.integrate(problem.P * solution.first_variation) == pytest.approx(
        solution.divergence, rel=1e-6
    )


@pytest.mark.parametrize("name", ["jensen-shannon", "hellinger"])
def test_quantiles_say_the_same(name):
    """W_2² = ∫|F_P^-1 - F_R^-1|² on the line, minimised over R by its optimality system alone: no
    density near the one found is better."""
    problem = on_the_line(name, 1.0)
    solution = solve(problem, "newton", static=True)
    h, x = problem.grid.spacing[0], problem.grid.coordinates()[0]
    u = (np.arange(40_000) + 0.5) / 40_000

    def quantiles(density):
        faces = np.append(x - 0.5 * h, x[-1] + 0.5 * h)
        return np.interp(u, np.append(0.0, np.cumsum(density) * h), faces)

    def value(R):
        cost = np.square(quantiles(problem.P) - quantiles(R)).mean()
        return cost + problem.divergence.between(R, problem.log_Q, h)

    best = value(solution.R)
    assert best == pytest.approx(solution.divergence, rel=2e-3)
    for k in (1, 2, 3):
        for sign in (-1.0, 1.0):
            other = solution.R * (1.0 + sign * 0.1 * np.cos(k * x))
            assert value(other / (other.sum() * h)) > best


@pytest.mark.parametrize("name", ["jensen-shannon", "hellinger", "alpha(0.8)", "reverse-kl"])
@pytest.mark.parametrize(
    "epsilon", [*(pytest.param(e, marks=pytest.mark.slow) for e in (0.05, 2.0)), 10.0]
)
def test_in_the_plane(name, epsilon):
    problem = with_divergence(bent([128, 120], epsilon), name)
    solution = solve(problem, "newton", static=True)
    assert solution.converged
    fine = solve(with_divergence(bent([160, 152], epsilon), name), "newton", static=True)
    assert solution.divergence == pytest.approx(fine.divergence, rel=2e-5)


def test_the_value_converges_as_fast_as_for_kl():
    problems = [with_divergence(product_of_mixtures([n, n], 1.0), "hellinger") for n in (32, 64)]
    coarse, fine = (solve(p, "newton", static=True).divergence for p in problems)
    reference = with_divergence(product_of_mixtures([128, 128], 1.0), "hellinger")
    exact = solve(reference, "newton", static=True).divergence
    assert abs(fine / exact - 1) < abs(coarse / exact - 1) / 16.0
    assert abs(fine / exact - 1) < 1e-5


def test_the_order_of_the_divergences():
    """f <= g pointwise carries over to D."""
    problems = {n: on_the_line(n, 1.0) for n in ("kl", "hellinger", "jensen-shannon")}
    D = {n: solve(p, "newton", static=True).divergence for n, p in problems.items()}
    assert D["jensen-shannon"] < D["hellinger"] < D["kl"]


@pytest.mark.parametrize("name", VANISHING)
@pytest.mark.parametrize("epsilon", [0.5, pytest.param(2.0, marks=pytest.mark.slow)])
def test_in_the_plane_where_r_may_vanish(name, epsilon):
    """A quarter of the cells is nearly as good, and the bounds have no part in either."""
    problems = [with_divergence(product_of_mixtures([n, n], epsilon), name) for n in (64, 128)]
    coarse, fine = (solve(p, "newton", static=True) for p in problems)
    assert coarse.converged and fine.converged
    assert coarse.divergence == pytest.approx(fine.divergence, rel=5e-6)
    assert fine.lower_bound <= fine.divergence * (1 + 1e-9)
    assert fine.divergence * (1 - 1e-9) <= fine.upper_bound <= fine.divergence * (1 + 2e-3)


def test_a_front_between_mass_that_stays_and_mass_that_moves():
    """Mass far from Q stays at the price f'(∞): R falls within a few cells by seven orders."""
    problem = on_the_line("neyman", 5.0)
    solution = solve(problem, "newton", static=True)
    fall = np.diff(np.log(solution.R[solution.R > 0.0]))
    assert solution.converged
    assert fall.min() < -4.0
    # Two proofs that know nothing of each other, and nothing of the front.
    assert solution.gap <= 1e-6 * solution.divergence
    assert solution.upper_bound - solution.lower_bound < 1e-4 * solution.divergence


@pytest.mark.parametrize("name", ["pearson", "hellinger", "neyman"])
def test_p_above_two_on_the_line(name):
    problem = on_the_line(name, 0.5)
    problem = Problem(*problem.densities, epsilon=0.5, p=3.0, grid=problem.grid, f_divergence=name)
    solution = solve(problem, "newton", static=True)
    assert solution.converged
    assert solution.lower_bound <= solution.divergence * (1 + 1e-9)
    assert solution.upper_bound >= solution.divergence * (1 - 1e-9)
    assert solution.upper_bound - solution.lower_bound < 1e-4 * solution.divergence


def test_fictitious_play_agrees():
    problem = on_the_line("jensen-shannon", 1.0, 128)
    newton = solve(problem, "newton", static=True)
    play = solve(problem, "fictitious-play")
    assert play.divergence == pytest.approx(newton.divergence, rel=1e-3)


def bumps(*parts):
    """A mixture of (weight, mean, deviation)."""
    return Mixture([w for w, _, _ in parts], [Gaussian([m], std=[s]) for _, m, s in parts])


ONE_BUMP = bumps((1.0, -1.22, 0.89))
TWO_BUMPS = bumps((0.25, 0.94, 0.25), (0.35, -1.83, 0.5))
VALLEY = bumps((0.74, 1.86, 0.33), (0.6, -1.35, 0.25))


@pytest.mark.parametrize(
    ("P", "Q", "name", "epsilon"),
    [
        (TWO_BUMPS, ONE_BUMP, "reverse-kl", 0.163),
        (bumps((1.0, -2.06, 0.29)), bumps((1.0, -2.41, 0.5)), "alpha(0.3)", 0.09),
        (VALLEY, bumps((0.21, -1.78, 0.52), (0.33, -1.01, 0.99)), "alpha(-2.0)", 0.09),
    ],
)
def test_on_the_line_tails_and_jumps_settle(P, Q, name, epsilon):
    """R had tails of e^-200 that Newton's steps had not reached when R was done, where f' is -10^40
    and no dual value came of it; and R went to and fro at a valley of P on 512 cells."""
    grid = Grid([-5.0], [5.0], [512], 4)
    problem = Problem(P, Q, epsilon=epsilon, grid=grid, f_divergence=name)
    solution = solve(problem, "newton", static=True)
    assert solution.converged
    assert abs(solution.gap) <= 1e-4 * solution.divergence
    # U_1 has the slope of a cost on the box, 2 · 10, in the tails too.
    assert np.abs(np.diff(solution.U[-1])).max() <= 20.0 * grid.spacing[0] * (1.0 + 1e-6)
    allowance = 1e-9 * solution.divergence
    assert solution.lower_bound - allowance <= solution.divergence
    assert solution.divergence <= solution.upper_bound + allowance
    assert solution.upper_bound - solution.lower_bound < 1e-4 * solution.divergence
