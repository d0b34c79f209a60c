"""The command: its results, table and figures, its messages, the documentation."""

import csv
import re
from pathlib import Path

import pytest
from command_client import client
from small_sweeps import EPSILONS, PS, SMALL, results

import mfgprox
from mfgprox import cli
from mfgprox.exits import Exit
from mfgprox.sweeps.rows import row_of

SETS = [word for override in SMALL for word in ("--set", override)]
VALUES = ["--epsilon", "0.3,1,4", "--p", "2,3"]


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def command(*arguments):
    return client().invoke(cli.app, ["sweep", *map(str, arguments)])


def table(directory):
    with (Path(directory) / "sweep.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_command_writes_results_a_table_and_figures(tmp_path):
    arguments = ["mixtures_1d", *SETS, *VALUES, "-o", "out"]
    result = command(*arguments)
    assert result.exit_code == Exit.OK, result.stderr
    assert "D_f(P|Q)" in result.stdout
    assert (tmp_path / "out" / "interpolation.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "out" / "minimisers.png").read_bytes().startswith(b"\x89PNG")
    rows = table("out")
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


def test_a_case_that_fails_is_listed_and_the_others_are_solved():
    # So small a p newton does not take, on the line either.
    result = command("mixtures_1d", *SETS, *VALUES, "--p", "1.4,2", "--solver", "newton", "-q")
    assert result.exit_code == Exit.VALIDATION_FAILED
    assert "3 of 6 cases failed" in result.stderr
    assert "Traceback" not in result.stderr
    rows = table("mixtures_1d_sweep")
    assert [row["status"].startswith("failed: ") for row in rows] == [True] * 3 + [False] * 3
    assert all(row["divergence"] == "" and row["file"] == "" for row in rows[:3])
    assert all((Path("mixtures_1d_sweep") / row["file"]).exists() for row in rows[3:])


def test_cases_that_do_not_converge_are_marked():
    limit = ["--set", "solver.max_iterations=2", "--solver", "primal-dual"]
    result = command("mixtures_1d", *SETS, "--epsilon", "1,2", *limit, "--figures", "none")
    assert result.exit_code == Exit.NOT_CONVERGED
    assert "2 of 2 cases did not converge" in result.stderr
    assert all(row["converged"] == "false" and row["file"] for row in table("mixtures_1d_sweep"))


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
        result = client().invoke(cli.app, [*call.split(), "--set", "nonsense=1"])
        assert result.exit_code == Exit.BAD_INPUT
        assert "nonsense" in result.stderr
