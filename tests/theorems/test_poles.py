"""Where f'(∞) is finite, R = Q (f*)'(U_1/ε − ν) has a pole: is the R that is returned worth D?"""

import pytest
from random_problems import LINE, divergence_of, monotone_cost

from mfgprox.density import Gaussian, Mixture
from mfgprox.problem import Problem
from mfgprox.solvers import solve

pytestmark = pytest.mark.compiled
P = Mixture([0.6, 0.4], [Gaussian([0.3], std=[0.77]), Gaussian([0.9], std=[0.5])])
Q = Gaussian([1.0], std=[0.43])


def cost_of_the_minimiser(solution):
    problem = solution.problem
    name, volume = problem.divergence.name, LINE.cell_volume
    information = divergence_of(name, solution.R, problem.Q, volume)
    return monotone_cost(problem.P, solution.R, LINE, problem.p) + problem.epsilon * information


@pytest.mark.parametrize(("name", "p", "epsilon"), [("neyman", 2.0, 0.4), ("reverse-kl", 1.5, 0.4)])
def test_primal_dual(name, p, epsilon):
    """The Gibbs density of U_1 costs three and sixteen times D, which is right to 1e-4."""
    problem = Problem(P, Q, epsilon=epsilon, p=p, grid=LINE, f_divergence=name)
    solution = solve(problem, "primal-dual", static=True)
    assert solution.converged and any("f'(∞)" in note for note in solution.notes)
    # Densities constant in cells cost up to h²/6 = 1e-3 more or less than atoms.
    assert cost_of_the_minimiser(solution) == pytest.approx(solution.primal_value, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "p", "epsilon"), [("hellinger", 2.0, 0.4), ("hellinger", 1.5, 0.4)]
)
def test_fictitious_play(name, p, epsilon):
    """The extrapolated U_1 passes the pole."""
    problem = Problem(P, Q, epsilon=epsilon, p=p, grid=LINE, f_divergence=name)
    solution = solve(problem, "fictitious-play", static=True)
    assert solution.converged
    assert cost_of_the_minimiser(solution) == pytest.approx(solution.divergence, abs=1e-3)
