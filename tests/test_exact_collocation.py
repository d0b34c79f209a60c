"""Collocation on the line: against an integrator, the mesh it starts from, and other panels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.stats import norm

from mfgprox import solvers
from mfgprox.density import Gaussian, Mixture, Uniform
from mfgprox.exact import exact_answer, one_dimensional, refinement
from mfgprox.exact.distribution import Distribution
from mfgprox.exact.line import distribution
from mfgprox.exact.one_dimensional import OneDimensionalSolution, solve
from mfgprox.grid import Grid
from mfgprox.problem import Problem

BOX = Grid((-4.0,), (4.0,), (100,))
NORMAL = Gaussian([0.1], std=[0.4])
BUMPS = Mixture([0.6, 0.4], [Gaussian([m], std=[s]) for m, s in ((-1.0, 0.4), (0.8, 0.3))])
WIDE = Mixture([0.5, 0.5], [Gaussian([m], std=[s]) for m, s in ((-1.5, 0.3), (1.4, 0.5))])
PIECES = Mixture([0.5, 0.7], [Uniform([-1.0], [-0.5]), Uniform([0.5], [1.2])])


def on_box(density) -> Distribution:
    return distribution(density, BOX)


def on_the_mesh(monkeypatch, *args, **options) -> OneDimensionalSolution:
    """The value extrapolated from the meshes alone."""
    monkeypatch.setattr(one_dimensional, "refine", lambda *_: None)
    return solve(*args, **options)


@pytest.mark.parametrize("p", [1.5, 2.0, 3.0])
@pytest.mark.parametrize("Q", [WIDE, NORMAL])
def test_the_optimality_system_holds(p: float, Q) -> None:
    """U_1 and the mass below, integrated from the middle by an explicit method."""
    epsilon, target = 0.7, on_box(Q)
    P = on_box(Gaussian([0.3], std=[0.35]))
    found = solve(P, target, epsilon=epsilon, p=p)
    y = np.linspace(0.0, 0.6, 31)
    x, _, _ = found.path.ends(1.0, y[:1])

    def slopes(at: float, state: np.ndarray) -> list[float]:
        way = norm.ppf(state[1], 0.3, 0.35) - at
        Q_here = float(target.density(np.array([at]))[0])
        pull = p * np.sign(way) * abs(way) ** (p - 1.0)
        return [pull, Q_here * np.exp(state[0] / epsilon)]

    start = [float(found.path.potential(1.0, y[:1])[0]), float(P.mass_below(x)[0])]
    run = solve_ivp(slopes, (0.0, 0.6), start, "DOP853", y, rtol=1e-12, atol=1e-13)
    # Knots 5e-4 apart: the map is linear between them, U_1 a cubic; p = 1.5 has a root at S = y.
    np.testing.assert_allclose(found.path.potential(1.0, y), run.y[0], atol=1e-8)
    np.testing.assert_allclose(P.mass_below(found.path.ends(1.0, y)[0]), run.y[1], atol=1e-7)


@pytest.mark.parametrize("p", [1.5, 2.0, 3.0, 4.0])
@pytest.mark.parametrize(("P", "Q"), [(BUMPS, WIDE), (NORMAL, WIDE), (NORMAL, PIECES)])
def test_the_value_is_that_of_the_meshes(p: float, P, Q, monkeypatch) -> None:
    P, Q = on_box(P), on_box(Q)
    found = solve(P, Q, epsilon=2.0, p=p)
    mesh = on_the_mesh(monkeypatch, P, Q, epsilon=2.0, p=p)
    assert found.error < 1e-11 and found.density_error < 1e-11
    # What the meshes claim for themselves, 1e-10, with a factor for their last digit.
    assert abs(found.divergence - mesh.divergence) < max(4.0 * mesh.error, 4e-10)
    assert np.isinf(mesh.density_error)


@pytest.mark.parametrize("epsilon", [1e-3, 0.05, 1e4])
def test_other_panels_give_the_same(epsilon: float, monkeypatch) -> None:
    P, Q = on_box(BUMPS), on_box(WIDE)
    found = solve(P, Q, epsilon=epsilon)
    monkeypatch.setattr(refinement, "FIRST_PANELS", 67)
    monkeypatch.setattr(one_dimensional, "LEAST_CELLS", 2048)
    other = solve(P, Q, epsilon=epsilon)
    assert found.divergence == pytest.approx(other.divergence, rel=1e-12)
    y = np.linspace(-3.0, 3.0, 1201)
    moved = np.abs(found.path.density(1.0, y) - other.path.density(1.0, y)).sum() * 0.005
    # For small epsilon round-off of S, 1e-15, counts in R by 1/epsilon.
    assert moved < 1e-11 + 1e-13 / epsilon


def test_unresolved_problems_say_so() -> None:
    """P with a gap at a small epsilon: collocation gives up, and the mesh carries the answer."""
    found = solve(on_box(PIECES), on_box(NORMAL), epsilon=0.05)
    assert np.isinf(found.density_error) and found.error < 1e-9


def test_steps_past_the_slope_at_infinity() -> None:
    """f′ of Neyman's divergence ends at 1: where Newton's method steps over that there is no R."""
    P = Mixture([0.96, 0.315], [Gaussian([1.346], std=[0.453]), Gaussian([-0.23], std=[0.788])])
    Q = Mixture([0.527, 0.64], [Gaussian([-1.417], std=[0.74]), Gaussian([0.114], std=[0.464])])
    grid = Grid((-5.0,), (5.0,), (128,), 4)
    problem = Problem(P, Q, epsilon=5.0, grid=grid, f_divergence="neyman")
    exact, peer = exact_answer(problem), solvers.solve(problem, "newton", static=True)
    assert exact is not None
    assert exact.divergence == pytest.approx(peer.divergence, abs=10.0 * peer.divergence_error)
