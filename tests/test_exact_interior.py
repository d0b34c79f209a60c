"""The reference for R that may vanish or leave the support of Q: against others and its dual."""

from __future__ import annotations

import numpy as np
import pytest

from mfgprox.density import Gaussian, Mixture, Uniform
from mfgprox.divergence import by_name
from mfgprox.exact import exact_answer, interior_line
from mfgprox.exact.line import distribution
from mfgprox.exact.one_dimensional import solve
from mfgprox.exact.searched_dual import dual_value
from mfgprox.grid import Grid
from mfgprox.problem import Problem

BOX = Grid((-4.0,), (4.0,), (256,))
BUMPS = Mixture([0.6, 0.4], [Gaussian([-1.0], std=[0.4]), Gaussian([0.8], std=[0.3])])
WIDE = Mixture([0.5, 0.5], [Gaussian([-1.5], std=[0.3]), Gaussian([1.4], std=[0.5])])
PIECES = Mixture([1.0, 1.0], [Uniform([-2.0], [-1.2]), Uniform([0.3], [1.5])])
P, Q = distribution(BUMPS, BOX), distribution(WIDE, BOX)


@pytest.mark.parametrize(("name", "p"), [("kl", 2.0), ("neyman", 2.0), ("hellinger", 3.0)])
def test_agrees_with_collocation(name: str, p: float) -> None:
    f = by_name(name)
    exact = solve(P, Q, epsilon=0.5, p=p, divergence=f)
    found = interior_line.solve(P, Q, epsilon=0.5, p=p, divergence=f, accuracy=2e-8)
    assert found.error < 1e-7
    assert found.divergence == pytest.approx(exact.divergence, abs=1e-7)
    assert found.transport_cost == pytest.approx(exact.transport_cost, abs=1e-5)


@pytest.mark.parametrize("name", ["pearson", "alpha(3.0)"])
def test_r_may_vanish(name: str) -> None:
    problem = Problem(BUMPS, WIDE, epsilon=0.05, grid=BOX, f_divergence=name)
    found = exact_answer(problem)
    assert found is not None and found.error < 1e-6
    R = found.R(BOX)
    assert BOX.integrate(R) == pytest.approx(1.0, abs=1e-9)
    # Q has mass in cells that R leaves altogether.
    assert np.any((R < 1e-6) & (problem.Q > 1e-3))


@pytest.mark.parametrize("name", ["hellinger", "reverse-kl", "alpha(-0.5)"])
def test_mass_stays_where_q_has_none_if_that_is_cheaper(name: str) -> None:
    problem = Problem(BUMPS, PIECES, epsilon=0.05, grid=BOX, f_divergence=name)
    found = exact_answer(problem)
    assert found is not None and found.error < 1e-6
    empty = np.isneginf(problem.log_Q)
    R = found.R(BOX)
    assert BOX.integrate(np.where(empty, R, 0.0)) > 0.01
    # (2.10), and no finite price is below zero.
    rest = problem.divergence.between(problem.P, problem.log_Q, BOX.cell_volume)
    assert 0.0 < found.divergence <= 0.05 * rest + 1e-4


def test_the_dual_is_searched_for_and_agrees() -> None:
    f = by_name("pearson")
    found = interior_line.solve(P, Q, epsilon=0.5, p=2.0, divergence=f)
    assert dual_value(found.problem, Q, found.found.state) == pytest.approx(
        found.divergence, abs=3e-6
    )


def test_lipschitz_between_the_plain_divergence_and_the_distance() -> None:
    """L -> ∞ gives D_f back; D / (epsilon L) -> W_1 as L -> 0."""
    f = by_name("kl")
    plain = solve(P, Q, epsilon=0.5, divergence=f).divergence
    values = [
        interior_line.solve(P, Q, epsilon=0.5, p=2.0, divergence=f, lipschitz=L).divergence
        for L in (1e-3, 0.3, 1.0, 1e3)
    ]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(plain, abs=1e-6)
    u = (np.arange(20_000) + 0.5) / 20_000
    w_1 = np.abs(P.quantile(u, 1.0 - u) - Q.quantile(u, 1.0 - u)).mean()
    # The price per length is epsilon L but for the stretch |v| < epsilon L / p.
    assert values[0] == pytest.approx(0.5e-3 * w_1, rel=2e-3)
