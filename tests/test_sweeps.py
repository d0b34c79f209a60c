"""Sweeps: values, chains, the same bits, nothing solved twice, failures, limits, messages."""

import csv
import math
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import mfgprox
from mfgprox import cli
from mfgprox.case import shipped
from mfgprox.exits import Exit
from mfgprox.sweeps import SweepError, sweep
from mfgprox.sweeps.limits import limits
from mfgprox.sweeps.plan import Recipe, chains, member
from mfgprox.sweeps.rows import row_of
from mfgprox.sweeps.values import distinct, file_name, parse_values

SMALL = ["grid.cells=[32]", "grid.time_steps=4"]
SETS = [word for override in SMALL for word in ("--set", override)]
EPSILONS, PS = [0.3, 1.0, 4.0], [2.0, 3.0]
VALUES = ["--epsilon", "0.3,1,4", "--p", "2,3"]


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def small(name="mixtures_1d", *overrides):
    return mfgprox.load_case(name, [*SMALL, *overrides])


def command(*arguments):
    return CliRunner().invoke(cli.app, ["sweep", *map(str, arguments)])


def results(directory):
    """Every file of a sweep but pictures, to the byte."""
    return {p.name: p.read_bytes() for p in Path(directory).iterdir() if p.suffix != ".png"}


def write(swept):
    swept.write(None)
    return results(swept.directory)


# --- Values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("2,0.5, 0.5", [0.5, 2.0]),
        ("0.01:100:5", [0.01, 0.1, 1.0, 10.0, 100.0]),
        ("1:2:3,7", [1.0, 1.41421, 2.0, 7.0]),
        ("1e-3", [0.001]),
    ],
)
def test_values_are_lists_and_logarithmic_ranges(text, values):
    assert parse_values("--epsilon", text, 0.0) == values


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "nan", "inf", "1,,2", "two", "1:2", "1:2:1", "2:1:5", "0:1:5", "1:2:3:4",
     "1:2:x", "1:2:99999999999", "1:2:-3"],
)  # fmt: skip
def test_values_that_are_none_are_refused_by_name(text):
    with pytest.raises(SweepError, match=r"^--epsilon: "):
        parse_values("--epsilon", text, 0.0)


def test_exponents_begin_above_one():
    with pytest.raises(SweepError, match=r"--p: '1' must be a finite number above 1"):
        parse_values("--p", "1,2", 1.0)
    with pytest.raises(SweepError, match="from 1 to 10000 values"):
        distinct("epsilon", [], 0.0)


def test_file_names_are_short_and_never_meet():
    assert file_name(0.5, 2.0) == "p2_epsilon0.5.h5"
    close = [1.0, np.nextafter(1.0, 2.0), 1e-9, 1e9]
    assert len({file_name(float(e), float(p)) for e in close for p in close}) == 16


# --- Chains


def test_chains_go_up_in_epsilon_and_are_cut_where_asked(tmp_path):
    problem = small()
    whole = chains(problem, EPSILONS, PS, tmp_path)
    assert [(chain.p, chain.epsilons) for chain in whole] == [(p, tuple(EPSILONS)) for p in PS]
    cut = chains(problem, EPSILONS, [2.0], tmp_path, longest=2)
    assert [chain.epsilons for chain in cut] == [(0.3, 1.0), (4.0,)]


QUICK = ("gaussian_1d", "image_letters_2d")
"""Shipped cases whose data are made in no time."""


@pytest.mark.parametrize(
    "name",
    [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in shipped.names()],
)
def test_every_shipped_problem_travels(name):
    problem = mfgprox.load_case(name, ["grid.time_steps=2"])
    copy = pickle.loads(pickle.dumps(Recipe.of(problem))).problem()
    assert np.array_equal(copy.log_P, problem.log_P)
    assert np.array_equal(copy.log_Q, problem.log_Q)
    assert copy.case.text == problem.case.text


def test_a_problem_without_a_case_travels_whole():
    bare = mfgprox.Problem(*small().densities, epsilon=1.0, grid=small().grid)
    copy = pickle.loads(pickle.dumps(Recipe.of(bare))).problem()
    assert np.array_equal(copy.log_P, bare.log_P)


# --- The same bits


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


# --- Failures


def _table(directory):
    with (Path(directory) / "sweep.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_case_that_fails_is_listed_and_the_others_are_solved():
    # On the line newton takes 2 <= p <= 8 only.
    result = command("mixtures_1d", *SETS, *VALUES, "--p", "1.5,2", "--solver", "newton", "-q")
    assert result.exit_code == Exit.VALIDATION_FAILED
    assert "3 of 6 cases failed" in result.stderr
    assert "Traceback" not in result.stderr
    rows = _table("mixtures_1d_sweep")
    assert [row["status"].startswith("failed: ") for row in rows] == [True] * 3 + [False] * 3
    assert all(row["divergence"] == "" and row["file"] == "" for row in rows[:3])
    assert all((Path("mixtures_1d_sweep") / row["file"]).exists() for row in rows[3:])


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


def test_cases_that_do_not_converge_are_marked():
    limit = ["--set", "solver.max_iterations=2", "--solver", "primal-dual"]
    result = command("mixtures_1d", *SETS, "--epsilon", "1,2", *limit, "--figures", "none")
    assert result.exit_code == Exit.NOT_CONVERGED
    assert "2 of 2 cases did not converge" in result.stderr
    assert all(row["converged"] == "false" and row["file"] for row in _table("mixtures_1d_sweep"))


# --- The command, its table and its figures


def test_the_command_writes_results_a_table_and_figures(tmp_path):
    arguments = ["mixtures_1d", *SETS, *VALUES, "-o", "out"]
    result = command(*arguments)
    assert result.exit_code == Exit.OK, result.stderr
    assert "D_f(P|Q)" in result.stdout
    assert (tmp_path / "out" / "interpolation.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "out" / "minimisers.png").read_bytes().startswith(b"\x89PNG")
    rows = _table("out")
    assert [(float(row["p"]), float(row["epsilon"])) for row in rows] == [
        (p, epsilon) for p in PS for epsilon in EPSILONS
    ]
    for row in rows:
        solution = mfgprox.load(tmp_path / "out" / row["file"])
        assert float(row["divergence"]) == solution.divergence
        assert float(row["lower_bound"]) == solution.lower_bound
        assert row_of(tmp_path / "out" / row["file"]).status == solution.status.value
    before = {p.name: p.read_bytes() for p in Path("out").iterdir()}
    again = command(*arguments)
    assert again.exit_code == Exit.OK
    assert again.stderr.count("was finished") == 6
    assert {p.name: p.read_bytes() for p in Path("out").iterdir()} == before


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["svg", "pdf"])
def test_figures_of_two_axes_in_other_formats(suffix):
    arguments = ["gaussian_2d", "--set", "grid.cells=[24,24]", "--static", "--epsilon", "0.5,5"]
    result = command(*arguments, "--figures", suffix, "-o", "out")
    assert result.exit_code == Exit.OK, result.stderr
    assert (Path("out") / f"minimisers.{suffix}").stat().st_size > 1000
    assert len(list(Path("out").iterdir())) == 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mixtures_1d", "--epsilon", "0.1,x"], "--epsilon: 'x'"),
        (["mixtures_1d", "--epsilon", "1e12"], "--epsilon: '1000000000000' must be a finite"),
        (["mixtures_1d", "--epsilon", "1", "--p", "1"], "--p: '1' must be a finite number above 1"),
        (["mixtures_1d", "--epsilon", "1", "--p", "1.001"], "--p: '1.001' must be a finite"),
        (["no_such_case", "--epsilon", "1"], "no_such_case: does not exist"),
        (["mixtures_1d", "--epsilon", "1", "--set", "grid.cells=[0]"], "grid.cells"),
        (["mixtures_1d", "--epsilon", "1", "--solver", "simplex"], "solver.method"),
        (["mixtures_1d", "--epsilon", "1", "--figures", "gif"], "--figures must be one of"),
    ],
)
def test_wrong_input_is_one_clear_message(tmp_path, arguments, said):
    result = command(*arguments)
    assert result.exit_code == Exit.BAD_INPUT
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_results_of_another_case_are_not_written_over(tmp_path):
    first = ["--epsilon", "1", "-o", "out", "-q", "--figures", "none"]
    assert command("mixtures_1d", *SETS, *first).exit_code == Exit.OK
    before = results("out")
    refused = command("gaussian_1d", *SETS, *first)
    assert refused.exit_code == Exit.BAD_INPUT
    assert "p2_epsilon1.h5 exists and does not hold this case" in refused.stderr
    assert results("out") == before
    assert command("gaussian_1d", *SETS, *first, "--force").exit_code == Exit.OK
    (tmp_path / "out" / "p2_epsilon1.h5").write_bytes(b"something of mine")
    assert command("gaussian_1d", *SETS, *first).exit_code == Exit.BAD_INPUT


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").touch()
    for output in ("missing/out", "file"):
        result = command("mixtures_1d", "--epsilon", "1", "-o", output)
        assert result.exit_code == Exit.CANNOT_WRITE
        assert len(result.stderr.strip().splitlines()) == 1


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


# --- Limits (Theorem 2.8)

GAUSSIANS = {"m1": -2.0, "s1": 0.5, "m2": 2.0, "s2": 1.0}
"""Those of figure1_gaussians_1d."""


def test_limits_of_gaussians_on_the_line():
    m1, s1, m2, s2 = GAUSSIANS.values()
    found = limits(mfgprox.load_case("figure1_gaussians_1d"), [])
    KL = math.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5
    # The box of [-8, 8] cuts off 1e-9 of Q.
    assert found.information == pytest.approx(KL, rel=1e-7)
    assert found.transport == pytest.approx((m1 - m2) ** 2 + (s1 - s2) ** 2, rel=1e-7)


def test_the_transport_limit_for_other_exponents():
    # Shifted by 4 and stretched by 1/2: |T(x) - x|^p with T(x) - x = 4 + z/2, z standard normal.
    problem = mfgprox.load_case("figure1_gaussians_1d")
    z, weights = np.polynomial.hermite_e.hermegauss(80)
    for p in (1.5, 3.0):
        exact = float((np.abs(4.0 + 0.5 * z) ** p) @ weights / weights.sum())
        found = limits(member(problem, 1.0, p), [])
        assert found.transport == pytest.approx(exact, rel=1e-6)


@pytest.mark.slow
def test_limits_of_gaussians_in_the_plane_and_how_they_are_extrapolated():
    problem = mfgprox.load_case("figure2_gaussians_2d", ["grid.cells=[64,64]"])
    S1, S2 = np.array([[0.25, 0.10], [0.10, 0.25]]), np.array([[0.35, -0.20], [-0.20, 0.35]])
    shift = np.full(2, 2.4)
    # Both have the axes (1, ±1)/√2, with the variances (.35, .15) and (.15, .55).
    exact = shift @ shift + sum(
        (math.sqrt(a) - math.sqrt(b)) ** 2 for a, b in ((0.35, 0.15), (0.15, 0.55))
    )
    inverse = np.linalg.inv(S2)
    KL = 0.5 * (
        np.trace(inverse @ S1) + shift @ inverse @ shift - 2.0
        + math.log(np.linalg.det(S2) / np.linalg.det(S1))
    )  # fmt: skip
    found = limits(problem, [])
    assert found.how == "closed form"
    assert found.transport == pytest.approx(exact, rel=1e-12)
    assert found.information == pytest.approx(KL, rel=1e-4)  # the box [-4, 4]² cuts off 5e-6
    bare = mfgprox.Problem(problem.P, problem.Q, epsilon=1.0, grid=problem.grid)
    swept = sweep(bare, [30.0, 300.0], static=True)
    (guess,) = swept.limits
    assert guess.how == "extrapolated from epsilon 300"
    assert abs(guess.transport - exact) < 5.0 * guess.doubt + 2e-3 * exact  # cells as uniform
    (none,) = sweep(bare, [0.1], static=True).limits
    assert math.isnan(none.transport)
    assert "no epsilon is large enough" in none.how


def test_the_curve_lies_below_its_limits_and_comes_close():
    problem = mfgprox.load_case("figure1_gaussians_1d", ["output.path=false"])
    swept = sweep(problem, [1e-4, 1e-2, 1.0, 1e2, 1e4])
    (found,) = swept.limits
    D = np.array([row.divergence for row in swept.rows])
    epsilon = np.array([row.epsilon for row in swept.rows])
    assert (np.diff(D) > 0.0).all()
    assert (np.diff(D / epsilon) < 0.0).all()
    assert (np.array([row.lower_bound for row in swept.rows]) <= found.transport).all()
    assert D[0] / epsilon[0] == pytest.approx(found.information, rel=1e-3)
    assert D[-1] == pytest.approx(found.transport, rel=1e-3)
    exact = [mfgprox.gaussian.divergence(-2.0, 0.25, 2.0, 1.0, float(value)) for value in epsilon]
    assert pytest.approx(exact, rel=1e-6) == D


# --- What a result consists of


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


@pytest.mark.slow
def test_the_example_of_the_documentation_runs(capsys, tmp_path):
    page = (Path(__file__).parent.parent / "docs" / "sweeps.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", page, re.S)
    exec(compile(block, "sweeps.md", "exec"), {})
    assert "converged" in capsys.readouterr().out
    assert (tmp_path / "interpolation.png").exists()


def test_the_commands_of_the_documentation_are_accepted():
    page = (Path(__file__).parent.parent / "docs" / "sweeps.md").read_text()
    calls = re.findall(r"^    mfgprox (sweep figure\S.*)$", page, re.M)
    assert len(calls) == 3
    for call in calls:
        result = CliRunner().invoke(cli.app, [*call.split(), "--set", "nonsense=1"])
        assert result.exit_code == Exit.BAD_INPUT
        assert "nonsense" in result.stderr
