"""The commands of exits_page.py: what each reads and writes, and one of them done in a fork."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mfgprox import cli

CASE = """\
epsilon = 2.0
p = 2.0

[grid]
lower = [-4.0]
upper = [4.0]
cells = [24]
time_steps = 2

[P]
kind = "gaussian"
mean = [-0.8]
std = [0.5]

[Q]
kind = "gaussian"
mean = [0.7]
std = [0.6]

[solver]
method = "primal-dual"
rtol = 1e-3
max_iterations = 2000
"""
PATIENCE = 120.0


@dataclass(frozen=True)
class Command:
    """Words of a command. reads: "case", "result" or nothing; {in} and {out} stand for files.

    suffix: of what it writes; None where it prints only. solves: whether it may fail to converge.
    """

    words: str
    reads: str = ""
    suffix: str | None = None
    solves: bool = False

    def line(self, given: str, out: str) -> list[str]:
        return [word.replace("{in}", given).replace("{out}", out) for word in self.words.split()]


COMMANDS = {
    "run": Command("run {in} -q -o {out}", "case", ".h5", True),
    "flow": Command("flow {in} --steps 1 -q -o {out}", "case", ".h5", True),
    "particles": Command(
        "flow {in} --kind particles --steps 1 -n 50 -q -o {out}", "case", ".npy", True
    ),
    "sweep": Command("sweep {in} --epsilon 1 --figures none -q -o {out}", "case", "", True),
    "validate CASE": Command("validate {in}", "case", None, True),
    "validate OUT.h5": Command("validate {in}", "result"),
    "info": Command("info {in}", "result"),
    "plot": Command("plot {in} -o {out}", "result", ".png"),
    "animate": Command("animate {in} -o {out}", "result", ".gif"),
    "report": Command("report {in} -o {out}", "result", ".html"),
    "export": Command("export {in} --to csv -o {out}", "result", ".csv"),
    "sample": Command("sample {in} -n 50 -q -o {out}", "result", ".npy"),
    "new": Command("new gaussian --force -o {out}", "", ".toml"),
    "cases": Command("cases"),
}


@dataclass(frozen=True)
class Answer:
    """What a command has said, and its exit status as a shell shows it."""

    status: int
    out: str
    err: str


def answer(words: list[str], before: Callable[[], None] = lambda: None) -> Answer:
    """A command in a fork, in the working directory. before: done in the fork first."""
    child = os.fork()
    if not child:
        _be(words, before)
    end = time.monotonic() + PATIENCE
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.005)
    code = os.waitstatus_to_exitcode(status)
    said = [Path(name).read_text() for name in ("said.out", "said.err")]
    for name in ("said.out", "said.err"):
        Path(name).unlink()
    return Answer(code if code >= 0 else 128 - code, *said)


def _be(words: list[str], before: Callable[[], None]) -> None:
    """Become the command; never returns."""
    status = 99
    try:
        for number, name in ((1, "said.out"), (2, "said.err")):
            file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            os.dup2(file, number)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        sys.argv = ["mfgprox", *words]
        before()
        cli.main()
    except SystemExit as ended:
        status = int(ended.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                status = 120  # as Python itself would end
        os._exit(status)
