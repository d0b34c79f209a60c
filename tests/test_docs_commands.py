"""What the README and the pages tell people to type: every command and every Python block.

All of them are parsed in each run; running them as printed is slow, but for a few quick pages.
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from mfgprox import cli

ROOT = Path(__file__).parent.parent
PAGES = {path.name: path for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
SYNOPSIS = re.compile(r"[|…]|\[-|\b(?:CASE|OUT|DIR|KIND|HOST|COMMAND)\b")
"""What stands for something else: such a line says what there is, and is not to be typed."""
NOT_RUN = {
    "mfgprox --install-completion": "changes the shell's own files",
    "mfgprox validate": "minutes; the suite has tests of its own",
    "mfgprox validate --quick": "a minute; the suite has tests of its own",
}
QUICK = ("other_tools.md",)
QUICK_PYTHON = ("other_tools.md",)


def blocks(name, language):
    """Fenced blocks of one language; those of executed pages are for the build of the site."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES[name].read_text(), re.S | re.M)


def printed(name, cells=True):
    """The lines that are commands: in fenced blocks, and indented by four blanks; with those of
    executed cells, which only the build of the site can run, after the cells before them."""
    text = PAGES[name].read_text()
    pattern = r"^```\{code-cell\}[^\n]*\n%%bash\n(.*?)^```"
    cells = re.findall(pattern, text, re.S | re.M) if cells else []
    fenced = [line for block in blocks(name, "bash") + cells for line in block.splitlines()]
    outside = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    indented = [line.strip() for line in outside.splitlines() if line.startswith("    ")]
    lines = [line.removeprefix("$ ") for line in fenced + indented]
    return [re.sub(r"(?:^|(?<=&& ))\.venv/bin/", "", line) for line in lines if "mfgprox " in line]


def calls(line):
    """The calls of mfgprox in a line, without comments, pipes and what follows them."""
    line = re.split(r"\s#\s", line)[0]
    parts = re.split(r"&&|\|\||;", line)
    found = [part.strip() for part in parts if part.strip().startswith("mfgprox ")]
    return [re.split(r"\s\|\s", call)[0] for call in found]


def mentioned(name):
    """Commands between backticks in a sentence or in a table."""
    return re.findall(r"(?<!`)`(mfgprox [^`\n]+)`(?!`)", PAGES[name].read_text())


def parsed(call):
    """Raises a click exception where the command line would be refused."""
    words = shlex.split(call, comments=True)[1:]
    group = typer.main.get_command(cli.app)
    with group.make_context("mfgprox", ["--help"], resilient_parsing=True) as top:
        name, command, rest = group.resolve_command(top, words)
        assert command is not None, name
        command.make_context(name, rest, parent=top)


def to_type(name):
    return [
        line for line in printed(name, cells=False) if not SYNOPSIS.search(line.replace("||", ""))
    ]


def substituted(call):
    """A synopsis with something to run in place of its words in capitals, and no options in []."""
    call = re.sub(r"\s\[-[^\]]*\]", "", call.replace("\\|", "|"))
    call = re.sub(r"(\w[\w-]*)(?:\|[\w-]+)+", r"\1", call)
    for word, example in {"CASE": "gaussian_1d", "KIND": "gaussian", "COMMAND": "run"}.items():
        call = re.sub(rf"\b{word}\b(?!\.)", example, call)
    return call


@pytest.mark.parametrize("name", PAGES)
def test_every_command_is_accepted(name):
    lines = [call for line in printed(name) for call in calls(line)]
    for call in [*lines, *mentioned(name)]:
        words = substituted(call)
        if len(words.split()) == 1 or words.split()[1].startswith("-") or "--help" in words:
            continue
        if words.split()[1:] == [words.split()[-1]]:
            known = {c.name or c.callback.__name__ for c in cli.app.registered_commands}
            assert words.split()[1] in known, f"{name}: {call}"
            continue
        try:
            parsed(words)
        except Exception as refused:
            pytest.fail(f"{name}: {call}: {refused!r} {getattr(refused, 'message', '')}")


@pytest.mark.parametrize("name", PAGES)
def test_every_python_block_compiles(name):
    for block in blocks(name, "python"):
        compile(block, name, "exec")


def run(line, folder):
    """The line in a shell that knows `mfgprox` as that of this environment."""
    script = f'mfgprox() {{ "{sys.executable}" -m mfgprox "$@"; }}; {line}'
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )


def run_page(name, folder):
    shutil.copytree(ROOT / "cases", folder / "cases")
    if name == "README.md":
        assert run("mfgprox run gaussian_1d --quiet", folder).returncode == 0
    for line in to_type(name):
        if line.strip() in NOT_RUN or "pip install" in line:
            continue
        done = run(line, folder)
        assert done.returncode == 0, f"{name}: {line}\n{done.stdout}{done.stderr}"


def with_commands():
    return [n for n in PAGES if any(calls(line) for line in to_type(n))]


def executed(name):
    return PAGES[name].read_text().startswith("---\nfile_format: mystnb")


def marked(names, quick):
    return [pytest.param(n, marks=() if n in quick else pytest.mark.slow) for n in names]


@pytest.mark.compiled
@pytest.mark.parametrize("name", marked(with_commands(), QUICK))
def test_every_command_runs_as_printed(name, tmp_path):
    run_page(name, tmp_path)


@pytest.mark.slow
def test_every_command_that_is_mentioned_runs(tmp_path):
    """With OUT.h5 a result of a small case; what a command reads is made first."""
    made = tmp_path / "made"
    made.mkdir()
    assert run("mfgprox run gaussian_1d -q -o OUT.h5", made).returncode == 0
    shutil.copy(made / "OUT.h5", made / "out.h5")
    seen = set()
    for name in PAGES:
        for call in mentioned(name):
            words = substituted(call)
            if words in seen or call in NOT_RUN or "…" in call or len(words.split()) < 3:
                continue
            seen.add(words)
            folder = shutil.copytree(made, tmp_path / str(len(seen)))
            done = run(words, folder)
            assert done.returncode == 0, f"{name}: {call} as {words}\n{done.stdout}{done.stderr}"
    assert len(seen) > 10


@pytest.mark.compiled
@pytest.mark.parametrize(
    "name", marked([n for n in PAGES if blocks(n, "python") and n != "README.md"], QUICK_PYTHON)
)
def test_every_python_block_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    for block in blocks(name, "python"):
        exec(compile(block, name, "exec"), names)


@pytest.mark.parametrize("name", [n for n in PAGES if executed(n)])
def test_no_pipe_hides_a_failure_from_the_build(name):
    cells = re.findall(r"^%%bash\n(.*?)^```", PAGES[name].read_text(), re.S | re.M)
    assert not [cell for cell in cells if re.search(r"[^|]\|[^|]", cell)]
