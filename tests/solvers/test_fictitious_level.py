"""Fictitious play on one grid: gap, curvature, extrapolation; how runs start, stop and resume."""

import dataclasses

import numpy as np
import pytest
from fictitious_problems import line, plane, solve

from mfgprox.grid import Grid
from mfgprox.solvers.fictitious_extrapolation import weights
from mfgprox.solvers.fictitious_grids import nested, resample
from mfgprox.solvers.fictitious_level import Level, stable_steps
from mfgprox.solvers.fictitious_play import FictitiousPlay
from mfgprox.solvers.iterate import Progress, iterate
from mfgprox.tolerance import Status, Tolerance
from mfgprox.tree import put_together, take_apart


@pytest.mark.parametrize("p", [1.5, 2.0, 3.0])
@pytest.mark.parametrize("cost", ["euclidean", "separable"])
def test_gap_is_the_divergence_of_pushed_from_asked(p, cost):
    """primal - dual = epsilon KL(R_pushed‖R_Gibbs) at any potential, and both values are values."""
    problem = plane(p=p, cost=cost)
    speed = 3.0
    level = Level(problem, stable_steps(problem, speed), speed)
    rng = np.random.default_rng(0)
    x, y = problem.grid.coordinates()
    for size in (0.0, 1.0, 5.0):
        response = level.respond(size * (x * y + 0.1 * rng.standard_normal(problem.grid.shape)))
        R, gibbs = response.pushed, response.gibbs
        expected = problem.epsilon * level.integral(R * np.log(R / gibbs))
        assert response.gap == pytest.approx(expected, abs=1e-11 * (1.0 + size))
        assert response.rho.min() >= 0.0
        assert response.kinetic >= 0.0


@pytest.mark.parametrize("p", [1.5, 2.0, 3.0])
def test_curvature_is_the_derivative_of_the_gradient(p):
    problem = plane(p=p)
    level = Level(problem, stable_steps(problem, 3.0), 3.0)
    rng = np.random.default_rng(1)
    x, y = problem.grid.coordinates()
    u = 0.8 * (x - 0.4) ** 2 + 1.1 * (y + 0.3) ** 2 + 0.3 * x * y
    along = np.exp(-x * x - y * y) * (1.0 + 0.1 * rng.standard_normal(problem.grid.shape))
    e = 1e-6
    ends = [level.respond(u + s * e * along).pushed for s in (1, -1)]
    difference = -(ends[0] - ends[1]) / (2 * e)
    got = level.respond(u).curvature(along.reshape(level.shape))
    # Within the blur of the upwinding and below the floor of the mobility the two differ.
    assert np.abs(got - difference).sum() <= 0.1 * np.abs(difference).sum()


def test_extrapolation_weights_remove_the_powers_of_h():
    problem = line(cells=101)
    problems = nested(problem)[::-1][:3]
    levels = [Level(p, stable_steps(p, 2.0), 2.0) for p in problems]
    shares = weights([level.respond(np.zeros(level.shape)) for level in levels])
    h = [101 / p.grid.cells[0] for p in problems]
    assert sum(shares) == pytest.approx(1.0)
    assert sum(w * x for w, x in zip(shares, h, strict=True)) == pytest.approx(0.0, abs=1e-12)
    assert sum(w * x * x for w, x in zip(shares, h, strict=True)) == pytest.approx(0.0, abs=1e-11)


def test_resample_is_exact_for_cubics():
    old = Grid((-1.0, 0.0), (1.0, 3.0), (17, 9))
    new = Grid((-1.0, 0.0), (1.0, 3.0), (33, 20))
    f = lambda x, y: 1.0 + x**3 - x * y**2 + 0.2 * y**3  # noqa: E731
    got = resample(f(*old.coordinates()), old, new)
    assert np.allclose(got, f(*new.coordinates()), atol=1e-12)


@pytest.mark.parametrize("update", ["newton", "classical", "line-search"])
def test_resume_gives_the_same_bits(update):
    problem = line(2.0, 64, time_steps=4)
    tolerance = Tolerance(max_iterations=24)
    whole = iterate(FictitiousPlay(update), problem, tolerance)
    for stop in (1, 9, 15):
        kept: list[tuple[object, list[np.ndarray]]] = []

        def keep(progress, kept=kept):
            kept.append(take_apart(progress))

        iterate(
            FictitiousPlay(update),
            problem,
            dataclasses.replace(tolerance, max_iterations=stop),
            checkpoint=keep,
        )
        document, arrays = kept[-1]
        progress = put_together(document, [a.copy() for a in arrays])
        assert isinstance(progress, Progress)
        resumed = iterate(FictitiousPlay(update), problem, tolerance, progress=progress)
        assert np.array_equal(resumed.U, whole.U)
        assert np.array_equal(resumed.rho, whole.rho)
        assert resumed.divergence == whole.divergence


def test_same_bits_twice():
    one, two = (solve(line(2.0, 64))[0] for _ in range(2))
    assert np.array_equal(one.U, two.U) and np.array_equal(one.rho, two.rho)


def test_warm_start_from_another_weight_and_grid():
    cold, cold_records = solve(line(2.0, 128))
    start, _ = solve(line(1.8, 96))
    warm, records = solve(line(2.0, 128), start=start)
    assert warm.converged
    assert warm.divergence == pytest.approx(cold.divergence, rel=1e-5)
    assert len(records) <= len(cold_records)


def test_stopped_early_still_reports_the_problems_own_grid():
    problem = line(2.0, 64)
    solution, _ = solve(problem, max_iterations=2)
    assert solution.status is Status.ITERATION_LIMIT
    assert solution.U.shape == (17, 64) and np.isfinite(solution.U).all()
    assert solution.gap > 0.0
    assert any("not extrapolated" in note for note in solution.notes)


def test_settings_are_checked():
    with pytest.raises(ValueError, match="update must be one of newton"):
        FictitiousPlay("fast")
    with pytest.raises(ValueError, match="too few"):
        Level(line(), 3, 6.0)
