"""Transport along some axes only: slices, closed forms, what a solution is, and how it is run."""

import time

import numpy as np
import pytest
from correlated_gaussians import EPSILON, M_P, M_Q, S_P, S_Q, along_x, correlated, gaussian_kl

import mfgprox
from mfgprox import Grid, gaussian
from mfgprox.flows import jko
from mfgprox.recheck import recomputed
from mfgprox.sampling import draw
from mfgprox.solvers.iterate import Interrupted
from mfgprox.split import Split, moving_axes


@pytest.fixture(scope="module")
def solved():
    return mfgprox.solve(correlated())


@pytest.mark.parametrize("moving", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)])
def test_slices_and_fields_are_inverse(moving):
    grid = Grid((0, 0, 0), (1, 2, 3), (3, 4, 5), 2)
    split, field = Split(grid, moving), np.random.default_rng(0).random((2, *grid.shape))
    stack = split.slices(field)
    assert np.array_equal(split.field(stack), field)
    for number in range(split.count):
        at = dict(zip(split.fixed, split.index(number), strict=True))
        cut = tuple(at.get(2 - a, slice(None)) for a in range(3))
        assert np.array_equal(stack[number], field[(slice(None), *cut)])


@pytest.mark.parametrize("names", [[], ["q"], ["z"], ["x", "x"], [""], "xx"])
def test_axes_that_make_no_sense_are_refused(names):
    with pytest.raises(ValueError, match=r'one or more of "x", "y"|each axis once'):
        moving_axes(names, 2)


def test_gaussians_have_the_closed_form_of_their_slices(solved):
    grid, y = solved.problem.grid, solved.problem.grid.centers(1)
    (m1, v1, a), (m2, v2, _) = along_x(M_P, S_P, y), along_x(M_Q, S_Q, y)
    slices = [gaussian.solve(m, v1, n, v2, EPSILON) for m, n in zip(m1, m2, strict=True)]
    marginal = gaussian_kl(M_P[1], S_P[1, 1], M_Q[1], S_Q[1, 1])
    exact = sum(w * s.divergence for w, s in zip(a, slices, strict=True)) * grid.spacing[1]
    exact += EPSILON * marginal
    # What the box leaves of the tails of light slices is worth 1e-7.
    assert solved.divergence == pytest.approx(exact, abs=1e-6)
    assert solved.lower_bound - 1e-6 <= exact <= solved.upper_bound + 1e-6
    assert solved.upper_bound - solved.lower_bound < 1e-4
    x = grid.centers(0)
    for k, one in enumerate(slices):
        mean, variance = float(np.ravel(one.mean_R)[0]), float(np.ravel(one.covariance_R)[0])
        R = np.exp(-0.5 * (x - mean) ** 2 / variance) / np.sqrt(2.0 * np.pi * variance)
        assert grid.spacing[0] * np.abs(solved.R[k] - a[k] * R).sum() <= 1e-6 + 1e-3 * a[k]


def test_the_solution_is_one_on_the_whole_grid(solved):
    problem, grid = solved.problem, solved.problem.grid
    assert solved.converged and solved.mass_error < 1e-13 and solved.rho.min() >= 0.0
    assert np.array_equal(solved.rho[0], problem.P)
    # No mass crosses slices, and none is lost within them.
    assert np.abs(solved.rho.sum(axis=2) - problem.P.sum(axis=1)).max() < 1e-12 * problem.P.max()
    m_x, m_y = solved.momentum
    assert not m_y.any() and m_y.shape == (8, 19, 64)
    change = np.diff(solved.rho, axis=0) * grid.time_steps + np.diff(m_x, axis=2) / grid.spacing[0]
    assert np.abs(change).max() < 1e-10
    assert grid.integrate(problem.P * solved.U[0]) == pytest.approx(solved.divergence, abs=1e-12)
    seen = solved.R > 1e-6
    relation = solved.U[-1][seen] - EPSILON * (np.log(solved.R[seen]) - problem.log_Q[seen])
    assert np.ptp(relation) < 1e-6
    assert "no mass" not in " ".join(solved.notes)


def test_all_axes_are_the_ordinary_problem_and_fewer_axes_cost_more(solved):
    plain, named = correlated(axes=None), correlated(axes=("y", "x"))
    assert named.split is None
    joint, same = (mfgprox.solve(p, static=True) for p in (plain, named))
    assert joint.divergence == same.divergence
    assert joint.upper_bound < solved.lower_bound


def test_results_are_saved_loaded_and_drawn(solved, tmp_path):
    path = solved.save(tmp_path / "out.h5")
    again = mfgprox.load(path)
    assert again.problem.transport_axes == ("x",)
    for name in ("rho", "U", "R"):
        assert np.array_equal(getattr(again, name), getattr(solved, name))
    assert again.notes == solved.notes and again.gap == solved.gap
    from mfgprox.info import describe
    from mfgprox.summary import summary

    assert "along x only" in describe(path) and "along x only" in summary(again, path, 1.0)
    again.plot().savefig(tmp_path / "out.png")
    bounds = again.lower_bound, again.upper_bound
    assert recomputed(again).contradictions(*bounds, smooth=True) == []


def test_samples_stay_in_their_slice(solved):
    start, end = draw(solved, 40_000, times=[0.0, 1.0]).points
    assert np.array_equal(start[:, 1], end[:, 1]) and not np.array_equal(start, end)
    (m1, _, _), (m2, _, _) = along_x(M_P, S_P, end[:, 1]), along_x(M_Q, S_Q, end[:, 1])
    # a = 1 + eps/(2 v2): the mean of x given y lies between those of P and Q, (F.1).
    share = EPSILON / (2.0 * (S_Q[0, 0] - S_Q[0, 1] ** 2 / S_Q[1, 1]))
    expected = (m1 + share * m2) / (1.0 + share)
    # Noise 0.55/200; within a slice of width 0.44 y is not told apart.
    assert abs((end[:, 0] - expected).mean()) < 0.012


def test_interrupted_and_limited_runs_go_on_to_the_same_bits():
    problem = correlated((32, 9))
    whole = mfgprox.solve(problem)
    kept, asked = [], iter([False] * 3 + [True])
    with pytest.raises(Interrupted):
        mfgprox.solve(problem, checkpoint=kept.append, interrupted=lambda: next(asked))
    again = mfgprox.solve(problem, progress=kept[-1])
    for name in ("rho", "U", "R", "divergence", "gap"):
        assert np.array_equal(getattr(again, name), getattr(whole, name))
    late = mfgprox.solve(problem, deadline=time.monotonic())
    assert not late.converged and "8 slices with" in " ".join(late.notes)
    assert late.lower_bound <= whole.divergence <= late.upper_bound
    assert late.mass_error < 1e-13 and late.gap > 0.0


def test_starts_are_taken_slice_by_slice(solved):
    warm = mfgprox.solve(correlated(epsilon=2.5), start=solved, static=True)
    cold = mfgprox.solve(correlated(epsilon=2.5), static=True)
    assert warm.divergence == pytest.approx(cold.divergence, abs=1e-6)
    with pytest.raises(ValueError, match="start must have transport along x only"):
        mfgprox.solve(correlated(), start=mfgprox.solve(correlated(axes=None), static=True))
    with pytest.raises(ValueError, match="the same cells as the problem"):
        mfgprox.solve(correlated((64, 9)), start=solved)


def test_jko_within_slices_is_of_first_order_against_ornstein_uhlenbeck():
    problem = correlated((96, 9))
    y = problem.grid.centers(1)
    (m1, _, _), (m2, v2, _) = along_x(M_P, S_P, y), along_x(M_Q, S_Q, y)
    errors = []
    for steps in (4, 8):
        rho = jko(problem, 0.4 / steps, steps).rho[-1]
        mean = (rho * problem.grid.centers(0)).sum(axis=1) / rho.sum(axis=1)
        errors.append(np.abs(mean - (m2 + (m1 - m2) * np.exp(-0.4 / v2)))[2:7].max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(1.0, abs=0.15)
