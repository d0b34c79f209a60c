"""Case files to begin from, the list of shipped cases, and how fast help appears."""

import os
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from mfgprox import cli
from mfgprox.case import read_case, schema, shipped
from mfgprox.case.template import COLUMN, KINDS, TemplateError, template
from mfgprox.exits import Exit

RUNNER = CliRunner()


def test_there_is_a_template_for_every_kind():
    assert set(KINDS) == set(schema.DENSITIES)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_new_cases_are_problems(kind, axes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if kind == "image" and axes != 2:
        with pytest.raises(TemplateError, match="has 2 axes"):
            template(kind, axes)
        return
    called = RUNNER.invoke(cli.app, ["new", kind, "-o", "mine.toml", "--axes", str(axes)])
    assert called.exit_code == Exit.OK, called.stderr
    assert "next: mfgprox run mine.toml" in called.stdout
    problem = read_case("mine.toml").problem()
    assert problem.grid.dimension == axes
    assert problem.Q.sum() * problem.grid.cell_volume == pytest.approx(1.0)
    assert np.abs(problem.P - problem.Q).max() > 0.01
    text = (tmp_path / "mine.toml").read_text()
    assert text.count("#") > 15
    assert max(map(len, text.splitlines())) <= 110
    assert sum(line.find("#") == COLUMN for line in text.splitlines()) >= 5


def test_the_commented_defaults_are_the_defaults(tmp_path):
    """What is commented out in a template can be switched on, and changes nothing but [output]."""
    text = template("gaussian", 1)
    lines = [line.removeprefix("# ") if "=" in line or "[" in line else line
             for line in text[text.index("# [solver]") :].splitlines()]  # fmt: skip
    whole = text[: text.index("# [solver]")] + "\n".join(lines)
    (tmp_path / "a.toml").write_text(whole)
    (tmp_path / "b.toml").write_text(text)
    a, b = (read_case(tmp_path / name).settings for name in ("a.toml", "b.toml"))
    assert a.solver == b.solver
    assert a.output != b.output


def test_a_new_case_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert RUNNER.invoke(cli.app, ["new", "expression", "--axes", "1"]).exit_code == Exit.OK
    called = RUNNER.invoke(cli.app, ["run", "case.toml", "-q"])
    assert called.exit_code == Exit.OK, called.stderr
    assert (tmp_path / "case.h5").exists()


def test_your_own_file_is_named_and_not_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["new", "array", "--file", "a b.h5", "-o", "mine.toml"]
    assert RUNNER.invoke(cli.app, words).exit_code == Exit.OK
    text = (tmp_path / "mine.toml").read_text()
    assert 'file = "a b.h5"' in text
    assert 'dataset = "rho"' in text
    assert [p.name for p in tmp_path.iterdir()] == ["mine.toml"]


def test_every_shipped_case_is_listed_on_one_line():
    lines = RUNNER.invoke(cli.app, ["cases"]).stdout.splitlines()
    for name in shipped.names():
        (line,) = [text for text in lines if text.split()[:1] == [name]]
        assert len(line) <= 100
        assert read_case(name).title[:40] in line


@pytest.mark.parametrize("command", [c.callback.__name__ for c in cli.app.registered_commands])
def test_help_has_an_example_that_is_accepted(command):
    """The command and the options of each example exist."""
    text = RUNNER.invoke(cli.app, [command, "--help"]).stdout
    assert "Example:" in text, command
    example = " ".join(text.split("Example:", 1)[1].split("Arguments:")[0].split())
    example = example.split("Options:")[0].split()
    assert example[:2] == ["mfgprox", command]
    for word in example:
        if word.startswith("-") and len(word) > 1:
            assert word in text.split("Options:", 1)[1], word


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete(shell):
    environment = {**os.environ, "_MFGPROX_COMPLETE": f"source_{shell}"}
    script = [sys.executable, "-c", "from mfgprox.cli import main; main()"]
    code = "import sys; sys.argv[0] = 'mfgprox'; from mfgprox.cli import main; main()"
    called = subprocess.run(
        [script[0], "-c", code], env=environment, capture_output=True, text=True
    )
    assert "mfgprox" in called.stdout
    assert "COMPLETE" in called.stdout


@pytest.mark.parametrize(
    ("code", "limit"),
    [("import mfgprox", 0.3), ("import sys; sys.argv = ['mfgprox', '--help']\n"
                               "from mfgprox.cli import main; main()", 0.4)],
    ids=["import", "help"],
)  # fmt: skip
def test_it_starts_quickly(code, limit):
    """Processor time of a whole process, the best of three: the machine may be busy."""
    times = []
    for _ in range(3):
        before = os.times()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        after = os.times()
        times.append(
            after.children_user + after.children_system
            - before.children_user - before.children_system
        )  # fmt: skip
    assert min(times) <= limit
