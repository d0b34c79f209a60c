"""The automatic choice, starts by name, families of epsilon, and static solutions."""

from dataclasses import replace

import numpy as np
import pytest

import mfgprox
from mfgprox.density import Gaussian, Mixture, Uniform
from mfgprox.exact import gaussian as closed_form
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers import solve, solve_family
from mfgprox.solvers.auto import ORDER, Auto, AutoState
from mfgprox.solvers.iterate import Interrupted, Progress, Record, Unsuitable, iterate
from mfgprox.tolerance import Status, Tolerance
from mfgprox.tree import put_together, take_apart

pytestmark = pytest.mark.compiled


def gaussians(cells=64, epsilon=2.0, p=2.0, time_steps=4):
    grid = Grid([-6.0], [6.0], [cells], time_steps)
    P, Q = Gaussian([-1.0], std=[0.5]), Gaussian([1.0], std=[0.8])
    return Problem(P, Q, epsilon=epsilon, p=p, grid=grid)


def torn(cells=24, time_steps=4):
    """One bump to two far ones: the optimal map is torn, and newton takes the problem at first."""
    P = Gaussian([0.0], std=[0.3])
    Q = Mixture([1.0, 1.0], [Gaussian([m], std=[0.25]) for m in (-2.0, 2.0)])
    return Problem(P, Q, epsilon=3.0, grid=Grid([-4.0], [4.0], [cells], time_steps))


def test_smooth_data_are_given_to_newton_and_the_result_says_so():
    solution = solve(gaussians())
    assert solution.solver == "newton"
    assert solution.converged
    assert solution.notes[0].startswith("Solver chosen automatically: newton")
    exact = closed_form.divergence([-1.0], [[0.25]], [1.0], [[0.64]], 2.0)
    assert solution.divergence == pytest.approx(exact, rel=1e-6)


def with_edges(p=2.0):
    P, Q = Gaussian([-1.0], std=[0.5]), Uniform([0.0], [2.0])
    return Problem(P, Q, epsilon=1.0, p=p, grid=Grid([-4.0], [4.0], [32], 4))


@pytest.mark.parametrize(
    ("problem", "solver", "reason"),
    [
        (gaussians(cells=32, p=1.4), "back-and-forth", "newton does not take p = 1.4;"),
        (with_edges(), "semi-discrete", "newton does not take a density with edges or zeros."),
        (with_edges(3.0), "back-and-forth", "semi-discrete does not take p = 3."),
    ],
)
def test_what_newton_refuses_is_given_to_the_next_with_the_reason(problem, solver, reason):
    solution = solve(problem)
    assert solution.solver == solver
    assert solution.converged
    assert reason in solution.notes[0]


def test_a_failure_of_newton_is_seen_and_another_solver_goes_on():
    records = []
    solution = solve(torn(), callback=records.append)
    assert solution.solver == "semi-discrete"
    assert solution.converged
    assert "newton was tried before and failed" in " ".join(solution.notes)
    levels = [record.level for record in records]
    assert levels == sorted(levels), "grids are counted on, not again"
    other = solve(torn(), "primal-dual")
    assert solution.divergence == pytest.approx(other.divergence, abs=other.divergence_error)


def test_a_solver_that_comes_close_is_not_followed_by_worse_ones():
    from mfgprox.solvers.auto import _believed, _failure

    nearly = Record(3, 4, 1.002, 1.0, stalled=True)
    far = Record(3, 4, 1.3, 1.0, stalled=True)
    for name, goes_on in (("newton", True), ("semi-discrete", False), ("back-and-forth", False)):
        state = AutoState(choice=ORDER.index(name))
        assert bool(_failure(nearly, Tolerance(), _believed(state))[0]) == goes_on
        assert _failure(far, Tolerance(), _believed(state))[0]
    close = AutoState(choice=ORDER.index("back-and-forth"), best=1, best_gap=0.01)
    assert not _failure(far, Tolerance(), _believed(close))[0]


def test_nobody_takes_what_nobody_can(monkeypatch):
    monkeypatch.setattr("mfgprox.solvers.auto.ORDER", ("newton",))
    with pytest.raises(Unsuitable, match=r"newton does not take p = 1\.4"):
        Auto().init(gaussians(p=1.4), None, Tolerance())


def test_where_no_gap_closes_the_smallest_one_counts(monkeypatch):
    """The first solver stops with a gap of a hundredth, the second one is stopped far from it."""
    from mfgprox.solvers.semi_discrete import SemiDiscrete

    step = SemiDiscrete.step

    def unfinished(self, problem, state, tolerance):
        record = step(self, problem, state, tolerance)
        stalled = record.settled and record.last_level
        return replace(record, primal=record.dual * 1.01, stalled=stalled)

    monkeypatch.setattr(SemiDiscrete, "step", unfinished)
    monkeypatch.setattr("mfgprox.solvers.auto.ORDER", ("semi-discrete", "primal-dual"))
    steps = solve(with_edges(), "semi-discrete").iterations + 2
    solution = solve(with_edges(), tolerance=Tolerance(max_iterations=steps))
    assert solution.solver == "semi-discrete"
    assert not solution.converged
    assert "primal-dual came no closer than semi-discrete" in " ".join(solution.notes)


def test_an_interrupted_choice_goes_on_to_the_same_bits():
    problem, limit = torn(), Tolerance(max_iterations=60)
    whole = iterate(Auto(), problem, limit)
    kept, asked = [], iter([False] * (whole.iterations - 3) + [True])
    with pytest.raises(Interrupted):
        iterate(
            Auto(),
            problem,
            limit,
            interrupted=lambda: next(asked),
            checkpoint=lambda progress: kept.append(take_apart(progress)),
        )
    progress = put_together(*kept[-1])
    assert isinstance(progress, Progress)
    assert isinstance(progress.state, AutoState)
    resumed = iterate(Auto(), problem, limit, progress=progress)
    assert resumed.rho.tobytes() == whole.rho.tobytes()
    assert resumed.notes == whole.notes


def test_a_start_by_name_is_that_solution():
    problem = gaussians()
    by_name = solve(problem, "primal-dual", start="newton")
    by_hand = solve(problem, "primal-dual", start=solve(problem, "newton"))
    assert by_name.rho.tobytes() == by_hand.rho.tobytes()
    assert by_name.iterations < solve(problem, "primal-dual").iterations
    with pytest.raises(ValueError, match="solver must be one of"):
        solve(problem, start="simplex")
    with pytest.raises(Unsuitable, match=r"cannot start from newton: .* p = 1\.4"):
        solve(gaussians(p=1.4), "primal-dual", start="newton")


def test_a_family_does_not_depend_on_its_order():
    problem, epsilons = gaussians(), [2.0, 0.1, 20.0]
    one = solve_family(problem, epsilons)
    other = solve_family(problem, sorted(epsilons))
    assert [s.problem.epsilon for s in one] == epsilons
    assert [s.divergence for s in one] == [other[i].divergence for i in (1, 0, 2)]
    for solution in one:
        exact = closed_form.divergence([-1.0], [[0.25]], [1.0], [[0.64]], solution.problem.epsilon)
        assert solution.divergence == pytest.approx(exact, rel=1e-5)
    values = [s.divergence for s in other]
    assert values == sorted(values), "D grows with epsilon, Theorem 2.8"
    with pytest.raises(ValueError, match="epsilon must be a finite number above 0; got -1"):
        solve_family(problem, [1.0, -1.0])


def test_a_family_of_a_case_keeps_the_case(tmp_path):
    problem = mfgprox.load_case("gaussian_1d", ["grid.cells=[48]", "grid.time_steps=4"])
    first, second = mfgprox.solve_family(problem, [1.0, 0.5])
    file = second.save(tmp_path / "second.h5")
    again = mfgprox.load(file)
    assert again.problem.epsilon == 0.5
    assert again.problem.case.settings.epsilon == 0.5
    assert first.problem.case.settings.epsilon == 1.0


def test_a_static_solution_knows_both_ends_only():
    problem = gaussians(time_steps=8)
    static, full = solve(problem, static=True), solve(problem)
    assert static.times.tolist() == [0.0, 1.0]
    assert static.momentum == ()
    np.testing.assert_array_equal(static.rho, [problem.P, static.R])
    assert static.divergence == full.divergence
    np.testing.assert_allclose(static.U[0], full.U[0], atol=1e-9)
    assert problem.grid.integrate(problem.P * static.U[0]) == pytest.approx(
        static.dual_value, abs=1e-9
    )
    assert len(full.times) == 9


def test_a_record_that_stalls_without_having_settled_is_a_failure():
    from mfgprox.solvers.auto import _failure

    tolerance = Tolerance()
    assert _failure(Record(0, 3, stalled=True, settled=False), tolerance)[0]
    assert not _failure(Record(2, 3, 1.00005, 1.0, stalled=True), tolerance)[0]
    reason, keep = _failure(Record(2, 3, 1.01, 1.0, stalled=True), tolerance)
    assert "1.0e-02" in reason
    assert keep
    assert Status.STALLED.value
