"""Theorems F.1 and F.2 and Figures 1 and 2: Gaussian P and Q."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured import within
from random_problems import epsilons, examples, numbers
from scipy.linalg import sqrtm
from scipy.optimize import minimize

from mfgprox import gaussian
from mfgprox.density import Gaussian
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers import solve

pytestmark = pytest.mark.compiled
WIDE = Grid((-8.0,), (8.0,), (192,), 4)
means, widths = numbers(-1.0, 1.0), numbers(0.4, 1.2)


def value(m1, s1, m2, s2, mR, sR, epsilon):
    """(F.4)."""
    information = math.log(s2 / sR) + 0.5 * ((sR**2 + (mR - m2) ** 2) / s2**2 - 1.0)
    return (m1 - mR) ** 2 + (s1 - sR) ** 2 + epsilon * information


@pytest.mark.paper("Theorem F.1", "(F.1)–(F.3)", "minimum of (F.4) over m_R, σ_R by a search")
@examples
@given(m1=means, s1=widths, m2=means, s2=widths, epsilon=epsilons)
def test_the_formulas_minimise(m1, s1, m2, s2, epsilon):
    a = 1.0 + epsilon / (2.0 * s2**2)
    mR = (m1 + epsilon / (2.0 * s2**2) * m2) / a
    sR = (s1 + math.sqrt(s1**2 + 2.0 * epsilon * a)) / (2.0 * a)
    printed = (a - 1.0) / a * (m1 - m2) ** 2 + s1 * (s1 - sR) + epsilon * math.log(s2 / sR)
    found = minimize(
        lambda v: value(m1, s1, m2, s2, v[0], math.exp(v[1]), epsilon), [m1, math.log(s1)],
        method="BFGS", options={"gtol": 1e-9},
    )  # fmt: skip
    within(abs(found.fun - printed), 1e-9 * (1.0 + printed))
    within(abs(gaussian.divergence(m1, s1**2, m2, s2**2, epsilon) - printed), 1e-11)
    # Minimisers are flat: half the digits.
    within(abs(found.x[0] - mR) + abs(math.exp(found.x[1]) - sR), 1e-4)


@pytest.mark.paper("Theorem F.1", "D and R solved on the line", "(F.1)–(F.3)")
@examples
@given(
    m1=means, s1=widths, m2=means, s2=widths, epsilon=epsilons,
    solver=st.sampled_from(["newton", "back-and-forth", "semi-discrete"]),
)  # fmt: skip
def test_solved_on_the_line(m1, s1, m2, s2, epsilon, solver):
    problem = Problem(
        Gaussian([m1], std=[s1]), Gaussian([m2], std=[s2]), epsilon=epsilon, grid=WIDE
    )
    solution = solve(problem, solver, static=True)
    a = 1.0 + epsilon / (2.0 * s2**2)
    mR = (m1 + epsilon / (2.0 * s2**2) * m2) / a
    sR = (s1 + math.sqrt(s1**2 + 2.0 * epsilon * a)) / (2.0 * a)
    exact = (a - 1.0) / a * (m1 - m2) ** 2 + s1 * (s1 - sR) + epsilon * math.log(s2 / sR)
    limit = 1e-7 if solver == "newton" else 5e-4
    within(abs(solution.divergence - exact), limit * (1.0 + exact))
    x = WIDE.centers(0)
    R = np.exp(-0.5 * ((x - mR) / sR) ** 2) / (sR * math.sqrt(2.0 * math.pi))
    within(WIDE.integrate(np.abs(solution.R - R)), 1e-4 if solver == "newton" else 1e-2)


def commuting(angle, first, second):
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return [turn @ np.diag(np.square(s)) @ turn.T for s in (first, second)]


def of_the_paper(m1, S1, m2, S2, epsilon):
    """(F.11) with the root as (F.2) has it, by matrix square roots."""
    eye, half = np.eye(2), 0.5 * epsilon * np.linalg.inv(S2)
    inverse = np.linalg.inv(eye + half)
    root = 0.5 * inverse @ (sqrtm(S1) + sqrtm(S1 + 2.0 * epsilon * (eye + half)))
    SR, mR = root @ root, inverse @ (m1 + half @ m2)
    away = sqrtm(S1) - root
    shift = mR - m2
    information = 0.5 * (
        np.trace(np.linalg.solve(S2, SR)) - 2.0 + shift @ np.linalg.solve(S2, shift)
        + math.log(np.linalg.det(S2) / np.linalg.det(SR))
    )  # fmt: skip
    return mR, SR, (m1 - mR) @ (m1 - mR) + np.trace(away @ away) + epsilon * information


pairs = st.tuples(numbers(0.4, 0.9), numbers(0.4, 0.9))
places = st.tuples(means, means).map(np.array)


@pytest.mark.paper(
    "Theorem F.2",
    "D, mean and covariance of R solved in the plane, covariances that commute",
    "(F.11) as corrected, by matrix square roots",
)
@examples
@given(angle=numbers(0.0, 3.1), first=pairs, second=pairs, m1=places, m2=places, epsilon=epsilons)
def test_commuting_covariances(angle, first, second, m1, m2, epsilon):
    S1, S2 = (0.5 * (S + S.T) for S in commuting(angle, first, second))
    mR, SR, exact = of_the_paper(m1, S1, m2, S2, epsilon)
    grid = Grid((-6.0, -6.0), (6.0, 6.0), (56, 56), 4)
    problem = Problem(Gaussian(m1, cov=S1), Gaussian(m2, cov=S2), epsilon=epsilon, grid=grid)
    solution = solve(problem, "newton", static=True)
    within(abs(solution.divergence - exact), 2e-5 * (1.0 + exact))
    R = solution.R * grid.cell_volume
    at = [np.sum(R * c) for c in grid.coordinates()]
    offset = [c - m for c, m in zip(grid.coordinates(), at, strict=True)]
    covariance = np.array([[np.sum(R * u * v) for u in offset] for v in offset])
    within(np.abs(at - mR).max() + np.abs(covariance - SR).max(), 1e-3)
    within(abs(gaussian.divergence(m1, S1, m2, S2, epsilon) - exact), 1e-10 * (1.0 + exact))


@pytest.mark.paper(
    "Theorem F.2",
    "the closed form for covariances that do not commute, which is left open there",
    "minimum over m_R and a Cholesky factor of Σ_R by a search",
)
@examples
@given(
    angles=st.tuples(numbers(0.0, 3.1), numbers(0.0, 3.1)), first=pairs, second=pairs, m1=places,
    m2=places, epsilon=epsilons,
)  # fmt: skip
def test_covariances_that_do_not_commute(angles, first, second, m1, m2, epsilon):
    S1 = commuting(angles[0], first, first)[0]
    S2 = commuting(angles[1], second, second)[0]
    S1, S2 = 0.5 * (S1 + S1.T), 0.5 * (S2 + S2.T)
    root, inverse = np.real(sqrtm(S1)), np.linalg.inv(S2)

    def cost(v):
        L = np.array([[math.exp(v[2]), 0.0], [v[4], math.exp(v[3])]])
        S, shift = L @ L.T, v[:2] - m2
        inner = root @ S @ root
        # tr (AᵀA)^{1/2} of a 2 × 2 matrix: sqrt(tr + 2 sqrt(det)).
        cross = math.sqrt(np.trace(inner) + 2.0 * math.sqrt(np.linalg.det(inner)))
        information = np.trace(inverse @ S) - 2.0 + shift @ inverse @ shift
        information += math.log(np.linalg.det(S2)) - 2.0 * (v[2] + v[3])
        way = v[:2] - m1
        return way @ way + np.trace(S1 + S) - 2.0 * cross + 0.5 * epsilon * information

    start = np.array([*m1, -0.5, -0.5, 0.0])
    found = minimize(cost, start, method="BFGS", options={"gtol": 1e-8})
    exact = gaussian.divergence(m1, S1, m2, S2, epsilon)
    within(abs(found.fun - exact), 1e-8 * (1.0 + exact))
