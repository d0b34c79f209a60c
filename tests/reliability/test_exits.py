"""docs/reliability.md says what commands answer to faults: it is what they answer."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("exits_page.py")
QUICK = (
    "a value that is not accepted",
    "a result that is cut off",
    "the output is a directory",
    "another run is writing there",
)


def check(*names):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--check", *names],
        capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, f"not as on the page:\n{done.stdout}{done.stderr[-2000:]}"
    assert "rows are as on the page" in done.stdout


@pytest.mark.compiled
@pytest.mark.skipif(sys.platform == "win32", reason="needs forks")
def test_some_faults_are_answered_as_the_page_says():
    check(*QUICK)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs forks")
def test_all_faults_are_answered_as_the_page_says():
    check()


def test_a_row_that_is_not_on_the_page_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import exits_page

    other = tmp_path / "reliability.md"
    other.write_text(f"{exits_page.BEGIN}| a | b | 0 | c |\n{exits_page.END}")
    monkeypatch.setattr(exits_page, "PAGE", other)
    monkeypatch.setattr(exits_page, "rows", lambda fault, made: [f"| {fault.name} | run | 70 |  |"])
    monkeypatch.setattr(exits_page, "made_in", lambda folder: None)
    monkeypatch.setattr(sys, "argv", ["exits_page.py", "--check", "SIGTERM"])
    assert exits_page.main() == 1
    assert capsys.readouterr().out == "| SIGTERM | run | 70 |  |\n"
