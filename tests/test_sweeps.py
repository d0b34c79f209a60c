"""Sweeps: the same bits, nothing solved twice, what follows a failure, and the call from Python."""

import numpy as np
import pytest
from small_sweeps import EPSILONS, PS, small, write

import mfgprox
from mfgprox.sweeps import SweepError, sweep


@pytest.mark.parametrize("solver", ["auto", pytest.param("primal-dual", marks=pytest.mark.slow)])
def test_results_do_not_depend_on_jobs_threads_or_order(tmp_path, solver):
    problem = small("mixtures_1d", f"solver.method={solver}", "output.snapshots=3")
    one = write(sweep(problem, EPSILONS, PS, directory=tmp_path / "one"))
    two = write(sweep(problem, EPSILONS[::-1], PS, directory=tmp_path / "two", jobs=2, threads=2))
    assert len(one) == 7
    assert one == two


def test_what_is_finished_is_not_solved_again_and_the_rest_gets_the_same_bits(tmp_path):
    problem = small()
    events = []
    whole = write(sweep(problem, EPSILONS, PS, directory=tmp_path))
    for name in ("p2_epsilon1.h5", "p3_epsilon4.h5", "sweep.csv"):
        (tmp_path / name).unlink()
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = write(sweep(problem, EPSILONS, PS, directory=tmp_path, callback=events.append))
    assert again == whole
    assert sum(event.found for event in events) == 4
    assert all(path.stat().st_mtime_ns == before for path, before in times.items())


@pytest.mark.slow
def test_a_case_reached_through_other_neighbours_is_solved_again(tmp_path):
    problem, events = small("mixtures_1d", "solver.method=primal-dual"), []
    sweep(problem, [0.3, 4.0], directory=tmp_path)
    extended = write(sweep(problem, EPSILONS, directory=tmp_path, callback=events.append))
    found = [event.epsilon for event in events if event.found]
    assert found == [0.3]
    assert extended == write(sweep(problem, EPSILONS, directory=tmp_path / "fresh"))


@pytest.mark.slow
def test_neighbours_are_what_a_case_starts_from(tmp_path):
    overrides = ["grid.cells=[96]", "grid.time_steps=16", "solver.method=primal-dual"]
    problem = mfgprox.load_case("gaussian_1d", overrides)
    warm = sweep(problem, [0.9, 1.0], directory=tmp_path / "warm")
    cold = sweep(problem, [0.9, 1.0], directory=tmp_path / "cold", longest=1)
    assert warm.converged
    assert cold.converged
    assert warm.rows[0] == cold.rows[0]
    assert warm.rows[1].iterations < cold.rows[1].iterations
    # Each of the two is within its gap, rtol = 1e-4 of D, of the same discrete value.
    assert abs(warm.rows[1].divergence / cold.rows[1].divergence - 1.0) < 2e-4


def test_a_case_after_a_failed_one_starts_from_the_last_that_has_a_result(tmp_path, monkeypatch):
    from mfgprox import solvers

    solve = solvers.solve

    def failing(problem, *arguments, **options):
        if problem.epsilon == 1.0:
            raise RuntimeError("out of luck\nhere")
        return solve(problem, *arguments, **options)

    problem = small("mixtures_1d", "solver.method=primal-dual")
    monkeypatch.setattr(solvers, "solve", failing)
    found = sweep(problem, EPSILONS, directory=tmp_path / "holed")
    monkeypatch.setattr(solvers, "solve", solve)
    assert [row.failed for row in found.rows] == [False, True, False]
    assert found.rows[1].status == "failed: out of luck here"
    without = sweep(problem, [0.3, 4.0], directory=tmp_path / "without")
    assert found.rows[2] == without.rows[1]
    with pytest.raises(ValueError, match="has no result: failed: out of luck"):
        found.solution(found.rows[1])
    # What comes after it is solved again once it works: it then starts from another neighbour.
    events = []
    again = sweep(problem, EPSILONS, directory=tmp_path / "holed", callback=events.append)
    assert [event.epsilon for event in events if event.found] == [0.3]
    assert again.converged


def test_bytes_do_not_depend_on_who_holds_on_to_what_is_written(tmp_path, monkeypatch):
    # A profiler that looks at a thread keeps its datasets open a while longer.
    import h5py

    create, held = h5py.Group.create_dataset, []

    def holding(*arguments, **options):
        held.append(create(*arguments, **options))
        return held[-1]

    problem = small()
    one = write(sweep(problem, [1.0], directory=tmp_path / "one"))
    monkeypatch.setattr(h5py.Group, "create_dataset", holding)
    two = write(sweep(problem, [1.0], directory=tmp_path / "two"))
    assert len(held) > 10
    assert one == two


def test_no_checkpoint_is_made_after_the_last_step():
    problem, made = small("mixtures_1d", "solver.method=primal-dual"), []
    keep = {"checkpoint": lambda p: made.append(p.iterations), "checkpoint_seconds": 0.0}
    solution = mfgprox.solve(problem, **keep)
    assert solution.converged
    assert made == list(range(1, solution.iterations))


def test_in_python_without_a_directory():
    found = mfgprox.sweep(small(), [4.0, 0.3], [3.0])
    assert found.converged
    assert [row.epsilon for row in found.rows] == [0.3, 4.0]
    solution = found.solution(found.rows[0])
    assert solution.problem.p == 3.0
    assert solution.divergence == found.table()["divergence"][0]
    assert found.plot().axes
    assert found.plot_minimisers().axes


def test_in_python_data_of_another_problem_are_refused(tmp_path):
    grid = small().grid
    x = grid.centers(0)
    shapes = [np.exp(-((x - m) ** 2)) for m in (-1.0, 0.5, 1.0)]
    options = {"epsilon": 1.0, "grid": grid}
    sweep(mfgprox.Problem(*shapes[:2], **options), [1.0], directory=tmp_path)
    sweep(mfgprox.Problem(*shapes[:2], **options), [1.0], directory=tmp_path)
    with pytest.raises(SweepError, match="does not hold this case"):
        sweep(mfgprox.Problem(*shapes[1:], **options), [1.0], directory=tmp_path)
    with pytest.raises(SweepError, match="jobs"):
        sweep(small(), [1.0], directory=tmp_path / "other", jobs=0)
    with pytest.raises(SweepError, match="solver must be one of"):
        sweep(small(), [1.0], directory=tmp_path / "other", solver="simplex")
