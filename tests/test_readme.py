"""What the README prints is true: its case, its Python, its commands, its links."""

import re
import shlex
import tomllib
from pathlib import Path

from typer.testing import CliRunner

from mfgprox import cli
from mfgprox.exits import Exit

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_the_explained_case_is_the_shipped_one():
    explained = next(b for b in blocks("toml") if "[grid]" in b)
    shipped = (ROOT / "cases" / "gaussian_1d.toml").read_text()
    assert tomllib.loads(explained) == tomllib.loads(shipped)


def test_the_python_example_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), {})
    assert "True" in capsys.readouterr().out
    assert (tmp_path / "out.png").stat().st_size > 0


def test_the_main_command_runs_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = next(b for b in blocks("bash") if "mfgprox run" in b)
    calls = [part.strip() for part in command.split("&&") if "bin/mfgprox" in part]
    assert len(calls) == 2
    for call in calls:
        words = [w.replace("cases/", f"{ROOT}/cases/") for w in shlex.split(call)[1:]]
        assert CliRunner().invoke(cli.app, words).exit_code == Exit.OK
    assert (tmp_path / "gaussian_1d.h5").exists()
    assert (tmp_path / "gaussian_1d.png").exists()


def test_links_and_pictures_exist():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_command_is_listed_and_every_listed_one_exists():
    known = {command.name or command.callback.__name__ for command in cli.app.registered_commands}
    listed = set(re.findall(r"`mfgprox ([a-z]+)", README))
    assert listed == known
