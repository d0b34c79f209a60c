"""Newton on the line for p other than 2, against the independent reference on the line."""

import numpy as np
import pytest

from mfgprox.density import Gaussian, Mixture
from mfgprox.exact import exact_answer
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers import solve
from mfgprox.solvers.iterate import Interrupted, Unsuitable, iterate
from mfgprox.solvers.newton import Newton
from mfgprox.solvers.newton_line_level import LineLevel
from mfgprox.solvers.newton_line_quantiles import LogQuantiles, log_cumulated
from mfgprox.tolerance import Status, Tolerance
from mfgprox.tree import put_together, take_apart


def mixture(means, stds):
    return Mixture(
        [1.0] * len(means), [Gaussian([m], std=[s]) for m, s in zip(means, stds, strict=True)]
    )


PAIRS = {
    "gaussians": (Gaussian([-1.0], std=[0.5]), Gaussian([1.0], std=[0.8])),
    "same centre": (Gaussian([0.0], std=[0.5]), Gaussian([0.0], std=[1.0])),
    "mixtures": (mixture([-1.2, 0.6], [0.6, 0.5]), mixture([-0.8, 1.5], [0.5, 0.6])),
    "apart": (Gaussian([-3.0], std=[0.4]), mixture([1.0, 3.0], [0.5, 0.4])),
    "torn": (Gaussian([0.0], std=[0.4]), mixture([-2.0, 2.0], [0.4, 0.4])),
}


def problem(pair, p, epsilon, cells=512, time_steps=4):
    grid = Grid([-6.0], [6.0], [cells], time_steps)
    return Problem(*PAIRS[pair], p=p, epsilon=epsilon, grid=grid)


def unlike(solution):
    """Relative error of the value, and that of R in L1, by the reference."""
    given = solution.problem
    exact = exact_answer(given)
    error = abs(solution.divergence / exact.divergence - 1.0)
    return error, given.grid.integrate(np.abs(solution.R - exact.R(given.grid)))


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("pair", "p", "epsilon"),
    [
        ("gaussians", 1.5, 0.05),
        ("mixtures", 1.7, 1.0),
        ("apart", 1.5, 10.0),
        ("gaussians", 2.5, 0.05),
        ("gaussians", 4.0, 10.0),
        ("same centre", 3.0, 1.0),
        ("mixtures", 3.0, 0.05),
        ("mixtures", 4.0, 10.0),
        ("apart", 3.0, 0.05),
        ("apart", 2.5, 10.0),
        ("torn", 3.0, 1.0),
    ],
)
def test_value_and_minimiser(pair, p, epsilon):
    solution = solve(problem(pair, p, epsilon), "newton", static=True)
    assert solution.converged
    # For p < 2 the steps are those of a chord where next to nothing moves.
    assert solution.iterations < (16 if p > 2.0 else 60)
    value, R = unlike(solution)
    assert value < 1e-6
    assert R < 1e-4
    assert abs(solution.divergence - exact_answer(solution.problem).divergence) <= (
        solution.divergence_error
    )


@pytest.mark.compiled
@pytest.mark.parametrize("epsilon", [0.002, 300.0])
@pytest.mark.parametrize("pair", PAIRS)
def test_extreme_weights_settle_on_few_cells(pair, epsilon):
    solution = solve(problem(pair, 8.0, epsilon, 64), "newton", static=True)
    assert solution.converged
    assert abs(solution.gap) < 1e-4 * solution.divergence


@pytest.mark.compiled
def test_optimality_and_gauge():
    solution = solve(problem("mixtures", 3.0, 0.5), "newton", static=True)
    given, heavy = solution.problem, solution.R > 1e-3
    wanted = given.epsilon * (np.log(solution.R) - given.log_Q)
    assert np.ptp((solution.U[-1] - wanted)[heavy]) < 1e-9
    mean = given.grid.integrate(given.P * solution.first_variation)
    assert mean == pytest.approx(solution.dual_value, rel=1e-6)
    assert given.grid.integrate(solution.R) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.compiled
def test_the_path_ends_in_the_minimiser():
    solution = solve(problem("torn", 3.0, 1.0, 96, 8))
    assert solution.solver == "newton"
    assert solution.converged
    assert solution.terminal_mismatch < 1e-12
    assert solution.mass_error < 1e-12
    assert solution.rho.shape == (9, 96)


@pytest.mark.compiled
def test_another_solution_is_a_start():
    first = solve(problem("apart", 3.0, 0.2, 96), "newton", static=True)
    again = solve(problem("apart", 3.0, 0.2, 96), "newton", static=True, start=first)
    assert again.iterations < first.iterations
    assert again.divergence == pytest.approx(first.divergence, rel=1e-9)


@pytest.mark.compiled
def test_an_interrupted_solve_goes_on_to_the_same_bits():
    given, limit = problem("apart", 4.0, 0.2, 96), Tolerance()
    whole = iterate(Newton(), given, limit, static=True)
    kept, asked = [], iter([False] * 4 + [True])
    with pytest.raises(Interrupted):
        iterate(
            Newton(),
            given,
            limit,
            interrupted=lambda: next(asked),
            checkpoint=lambda progress: kept.append(take_apart(progress)),
        )
    rest = iterate(Newton(), given, limit, progress=put_together(*kept[-1]), static=True)
    assert rest.U.tobytes() == whole.U.tobytes()
    assert rest.divergence == whole.divergence


@pytest.mark.compiled
def test_what_is_not_finished_says_so():
    unfinished = solve(problem("apart", 3.0, 0.05, 64), Newton(most_steps=2), static=True)
    assert unfinished.status is Status.STALLED
    assert unfinished.dual_value < unfinished.divergence
    assert "had not settled" in unfinished.notes[0]
    strict = solve(problem("torn", 3.0, 1.0, 64), "newton", static=True, tolerance=Tolerance(1e-12))
    assert strict.status is Status.STALLED
    assert strict.gap < 1e-6 * strict.divergence
    assert "nothing left to gain" in strict.notes[0]


@pytest.mark.parametrize(
    ("p", "more", "reason"),
    [(1.4, {}, "p = 1.4"), (9.0, {}, "p = 9"), (1.4, {"f_divergence": "hellinger"}, "p = 1.4")],
)
def test_what_it_does_not_take(p, more, reason):
    given = Problem(
        *PAIRS["gaussians"], p=p, epsilon=1.0, grid=Grid([-6.0], [6.0], [64], 4), **more
    )
    with pytest.raises(Unsuitable, match=reason):
        solve(given, "newton")


def test_quantiles_of_a_gaussian_and_of_its_tails():
    h, n = 12.0 / 300, 300
    x = -6.0 + h * (np.arange(n) + 0.5)
    quantiles = LogQuantiles(-8.0 * np.square(x), x, h)
    below, above = log_cumulated(quantiles.log_mass)
    places, log_density = quantiles(below[:-1], above[1:])
    np.testing.assert_allclose(places, x[:-1] + 0.5 * h, atol=1e-9)
    wanted = -8.0 * np.square(places) + 0.5 * np.log(8.0 / np.pi)
    np.testing.assert_allclose(log_density, wanted, rtol=2e-4, atol=3e-3)
    half = np.log([0.5])
    assert abs(quantiles(half, half)[0][0]) < 1e-9


@pytest.mark.parametrize("p", [2.2, 4.0])
def test_the_direction_is_that_of_the_linearised_equation(p):
    given = problem("mixtures", p, 0.7, 48)
    level = LineLevel(given)
    at = level.at(0.3 * np.sin(level.x))
    way = level.direction(at)
    size = 1e-6
    ahead, behind = (level.at(at.u + s * size * way.step) for s in (1.0, -1.0))
    change = (ahead.residual - behind.residual) / (2.0 * size)
    held = np.exp(at.log_side) > 1e-6
    np.testing.assert_allclose(change[held], -at.residual[held], rtol=2e-3, atol=1e-5)
    assert way.slope < 0.0


def test_mass_that_stays_where_it_is_is_not_put_at_the_end_of_the_box():
    """Reverse KL lets P keep its tail where Q has none. There U_1 is at the pole of f* to the last
    digit, and R made of it had what the cell with the jump lacks, 0.002, in the last cell."""
    Q = Mixture([1.0, 0.3], [Gaussian([-0.952], std=[0.5]), Gaussian([0.0], std=[0.362])])
    grid = Grid((-5.0,), (5.0,), (128,), 4)
    given = Problem(
        Gaussian([0.965], std=[0.478]), Q, epsilon=3.0, grid=grid, p=1.5, f_divergence="reverse-kl"
    )
    found = solve(given, "newton", static=True)
    stay = grid.centers(0) > 2.0
    assert grid.integrate(found.R) == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(found.R[stay], given.P[stay], rtol=2e-3, atol=1e-12)
    finer = given.on(grid.with_cells((2176,)))
    R = solve(finer, "newton", static=True).R.reshape(128, 17).mean(axis=1)
    assert grid.integrate(np.abs(found.R - R)) < 2e-3
