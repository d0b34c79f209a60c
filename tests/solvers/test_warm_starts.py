"""Primal-dual and fictitious play from the solution of another solver, grid, weight or problem."""

from dataclasses import replace

import numba
import numpy as np
import pytest

from mfgprox.density import Gaussian, Mixture, Ring
from mfgprox.exact import exact_answer
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers import solve
from mfgprox.solvers.fictitious_grids import corrected, resample
from mfgprox.tolerance import Status, Tolerance
from mfgprox.tree import put_together, take_apart

pytestmark = pytest.mark.compiled
SOLVERS = ("primal-dual", "fictitious-play")
SMOOTH = ("line", "plane")


def line(epsilon=2.0, cells=256, steps=16):
    P = Mixture([0.6, 0.4], [Gaussian([-1.2], [0.35]), Gaussian([0.3], [0.5])])
    Q = Mixture([0.5, 0.5], [Gaussian([-0.4], [0.4]), Gaussian([1.4], [0.45])])
    return Problem(P, Q, epsilon=epsilon, grid=Grid((-4.0,), (4.0,), (cells,), steps))


def plane(epsilon=2.0, cells=64, steps=16):
    P = Gaussian([-0.8, -0.4], cov=[[0.13, 0.03], [0.03, 0.2]])
    Q = Gaussian([0.7, 0.5], cov=[[0.2, -0.06], [-0.06, 0.12]])
    grid = Grid((-3.0, -3.0), (3.0, 3.0), (cells, cells), steps)
    return Problem(P, Q, epsilon=epsilon, grid=grid)


def ring(cells=40, steps=8):
    P, Q = Gaussian([0.0, 0.0], [0.3, 0.3]), Ring([0.0, 0.0], 1.2, 2.0)
    grid = Grid((-3.0, -3.0), (3.0, 3.0), (cells, cells), steps)
    return Problem(P, Q, epsilon=0.5, grid=grid)


@pytest.fixture(scope="module")
def newton():
    """Static solutions by newton: rho and U at times 0 and 1 only."""
    problems = {"line": line(), "plane": plane()}
    return {name: solve(problem, "newton", static=True) for name, problem in problems.items()}


def on_last_grid(solution):
    level = solution.history["level"]
    return int((level == level.max()).sum())


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", SMOOTH)
def test_confirms_newton_within_its_own_discretisation_error(newton, name, solver):
    start = newton[name]
    problem = start.problem
    found = solve(problem, solver, start=start)
    assert found.converged
    assert found.iterations <= 12
    note = next(n for n in found.notes if n.startswith("started from the newton solution"))
    # Fictitious play on two grids knows no error of its own, only what the bounds leave.
    told = (name, solver) != ("plane", "fictitious-play")
    assert (" times its estimated discretisation error" in note) is told
    if told:
        assert float(note.split(", ")[-1].split(" times")[0]) <= 1.0
    assert abs(found.divergence - start.divergence) <= found.divergence_error
    exact = exact_answer(problem)
    off = abs(found.divergence - exact.divergence)
    assert off <= found.divergence_error and off <= 5e-4 * exact.divergence
    # What fictitious play reaches from a cold start at 64², too.
    assert problem.grid.integrate(np.abs(found.R - exact.R(problem.grid))) <= 1e-2
    assert found.mass_error <= 1e-13 and found.rho.min() >= 0.0


@pytest.mark.parametrize("solver", SOLVERS)
def test_neighbours_are_good_starts(solver):
    """Another weight on another grid saves work on the last grid and does not change the answer."""
    cold = solve(line(), solver)
    warm = solve(line(), solver, start=solve(line(2.2, 200, 12), solver))
    assert warm.converged
    assert warm.iterations <= 0.6 * cold.iterations
    assert on_last_grid(warm) <= on_last_grid(cold)
    # Both differ from the continuous value by the error of second order, 2e-4 here.
    assert warm.divergence == pytest.approx(cold.divergence, rel=4e-4)
    assert any("at epsilon 2.2" in note for note in warm.notes)


def hopeless(kind):
    """Starts that are worth nothing for `line(cells=128)`."""
    problem = line(cells=128)
    good = solve(problem, "newton", static=True)
    if kind == "noise":
        return replace(good, U=30.0 * np.random.default_rng(0).standard_normal(good.U.shape))
    if kind == "not finite":
        return replace(good, U=np.full_like(good.U, np.nan))
    return replace(good, U=-4.0 * good.U, R=problem.P)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", ["noise", "not finite", "upside down"])
def test_bad_starts_are_left_alone_and_said_so(solver, kind):
    """The result has the bits of a cold solve."""
    problem = line(cells=128)
    cold, warm = solve(problem, solver), solve(problem, solver, start=hopeless(kind))
    assert any(note.startswith("started cold") for note in warm.notes)
    assert warm.converged
    assert warm.rho.tobytes() == cold.rho.tobytes() and warm.divergence == cold.divergence


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_start_of_another_problem_does_no_harm(solver):
    other = Problem(
        Gaussian([1.5], [0.3]), Gaussian([-1.5], [0.5]), epsilon=0.5,
        grid=Grid((-5.0,), (5.0,), (120,), 8),
    )  # fmt: skip
    problem = line(cells=128)
    cold = solve(problem, solver)
    warm = solve(problem, solver, start=solve(other, "newton", static=True))
    assert warm.converged
    assert warm.iterations <= 1.2 * cold.iterations
    assert warm.divergence == pytest.approx(cold.divergence, rel=1e-4)


@pytest.mark.parametrize(
    ("first", "solver"), [SOLVERS, pytest.param(*SOLVERS[::-1], marks=pytest.mark.slow)]
)
def test_rough_data(first, solver):
    """Q = 0 outside a ring; the potential of the start says nothing there."""
    problem = ring()
    limit = Tolerance(max_iterations=260)
    start = solve(problem, first, tolerance=limit)
    outside = problem.Q == 0.0
    U = start.U.copy()
    U[-1][outside] = np.inf
    found = solve(problem, solver, start=replace(start, U=U), tolerance=limit)
    assert np.isfinite(found.U).all() and not found.R[outside].any()
    assert found.divergence == pytest.approx(exact_answer(problem).divergence, rel=3e-2)
    assert found.notes


@pytest.mark.parametrize("solver", SOLVERS)
def test_resumption_keeps_the_bits(newton, solver):
    problem, start = line(2.1, 200), newton["line"]
    whole = solve(problem, solver, start=start)
    for stop in (1, whole.iterations - 1):
        saved = []

        def checkpoint(progress, saved=saved):
            document, arrays = take_apart(progress)
            saved.append(put_together(document, [a.copy() for a in arrays]))

        stopped = solve(
            problem, solver, start=start, checkpoint=checkpoint,
            tolerance=Tolerance(max_iterations=stop),
        )  # fmt: skip
        assert stopped.status is Status.ITERATION_LIMIT
        resumed = solve(problem, solver, progress=saved[-1])
        assert resumed.rho.tobytes() == whole.rho.tobytes()
        assert resumed.notes == whole.notes


@pytest.mark.parametrize("solver", SOLVERS)
def test_threads_keep_the_bits(newton, solver):
    start = newton["plane"]
    whole = solve(start.problem, solver, start=start)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        alone = solve(start.problem, solver, start=start)
    finally:
        numba.set_num_threads(threads)
    assert alone.rho.tobytes() == whole.rho.tobytes()
    assert alone.U.tobytes() == whole.U.tobytes()


def test_corrected_starts_carry_errors_of_first_and_second_order_on():
    """What a scheme with errors a h + b h² finds on a grid follows from the two coarser ones."""
    grids = [Grid((-1.0,), (1.0,), (n,)) for n in (40, 80, 160)]
    exact = [g.centers(0) ** 3 for g in grids]
    shape = [1.0 + 0.3 * g.centers(0) for g in grids]
    h = [4.0, 2.0, 1.0]
    found = [u + s * (0.2 * r + 0.05 * r * r) for u, s, r in zip(exact, shape, h, strict=True)]
    guess = corrected(exact, found[:2], grids)
    inner = slice(40, -40)  # resampling holds values constant beyond the outermost coarse centres
    np.testing.assert_allclose(guess[inner], found[2][inner], atol=1e-12)
    half = corrected(exact[1:], [exact[1] + 0.2 * shape[1]], grids[1:])
    expected = exact[2] + 0.1 * resample(shape[1], grids[1], grids[2])
    np.testing.assert_allclose(half[inner], expected[inner], atol=1e-12)
