"""Writes the table of exit codes: `python tests/reliability/exits_page.py`.

Every command under every fault that it can meet, in a directory of its own and a fork of this
process; what it says is collected between two marks of docs/reliability.md. `--check FAULT …`
compares rows with the page instead (default: all). An answer that is not sound is an error.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import os
import re
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":  # Numba reads them once; its workqueue works on in a fork
    os.environ |= {"NUMBA_NUM_THREADS": "1", "NUMBA_THREADING_LAYER": "workqueue"}
    os.environ["COLUMNS"] = "500"

from fault_commands import CASE, COMMANDS, Answer, Command, answer
from fault_scenes import Fault, scene_of
from faults import FAULTS

from mfgprox.exits import Exit
from mfgprox.run import RunOptions, run
from mfgprox.run_flow import run_flow

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- exits: begin -->\n", "<!-- exits: end -->\n"
LATE = ("mfgprox.plot", "mfgprox.report", "mfgprox.export", "mfgprox.sampling", "mfgprox.sweeps")
UNTOUCHED = (Exit.BAD_INPUT, Exit.CANNOT_WRITE, Exit.INTERRUPTED, Exit.TERMINATED)
STRAY = re.compile(r"\.tmp|\.lock|traceback")
VARYING = [
    (re.compile(r"process \d+ on \S+(?=\))"), "process N on HOST"),
    (re.compile(r"[\d.]+ [GMT]iB"), "… GiB"),
    (re.compile(r"\bout(?:\.\w+)?(?:/\S+\.h5)?(?=[ :;,]|$)"), "OUT"),
]


def preload() -> None:
    """Import what commands import late: a fork that has given up its rights could not read it."""
    for module in LATE:
        importlib.import_module(module)


def met(fault: Fault, command: Command, made: Path) -> Answer:
    """What a command answers to a fault. Raises AssertionError where that is not sound."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path(folder).chmod(0o777)
        with scene_of(command, made) as scene:
            fault.make(scene, command)
            old = contents(Path(scene.out))
            found = answer([*command.line(scene.given, scene.out), *scene.more], scene.before)
        assert "Traceback" not in found.err, found.err
        assert found.status in set(Exit) - {Exit.INTERNAL}, found
        assert "internal error" not in found.err, found.err
        if found.status in UNTOUCHED and "standard output" not in found.err:
            assert contents(Path(scene.out)) == old, f"{scene.out} was touched"
        assert found.status == Exit.OK or found.err.strip() or found.out.strip(), "it says nothing"
        stray = [path.name for path in Path().rglob("*") if STRAY.search(path.name)]
        assert not stray, stray
    return found


def contents(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def said(found: Answer) -> str:
    """The last line of what it says, without what differs from machine to machine."""
    if found.status == Exit.OK and not found.err:
        return ""
    lines = [line for line in (found.err or found.out).splitlines() if line.strip()]
    # On standard output only `validate` says what is wrong, in the last column of its table.
    text = lines[-1] if found.err else re.split(r"\s{2,}", lines[-1])[-1]
    for pattern, instead in VARYING:
        text = pattern.sub(instead, text)
    return text.removeprefix("mfgprox: ").replace("|", "\\|")


def rows(fault: Fault, made: Path) -> list[str]:
    """A row for each answer to a fault, with the commands that give it."""
    answers: dict[tuple[int, str], list[str]] = {}
    for name, command in COMMANDS.items():
        if fault.meets(command):
            try:
                found = met(fault, command, made)
            except AssertionError as wrong:
                raise AssertionError(f"{name}, {fault.name}: {wrong}") from wrong
            answers.setdefault((int(found.status), said(found)), []).append(name)
    return [
        f"| {fault.name} | {', '.join(names)} | {status} | {text} |"
        for (status, text), names in answers.items()
    ]


def made_in(folder: Path) -> None:
    """The files that commands are given: a case, its result, one that met its limit."""
    Path(folder, "case.toml").write_text(CASE)
    with contextlib.chdir(folder), contextlib.redirect_stderr(io.StringIO()):
        run(RunOptions("case.toml", Path("made.h5"), quiet=True))
        limit = ("solver.max_iterations=3",)
        run(RunOptions("case.toml", Path("limited.h5"), overrides=limit, quiet=True))
        run_flow("case.toml", "jko", 0.05, 1, Path("flow.h5"), (), quiet=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="exits_page.py", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="FAULT", help="of the rows; default: all")
    parser.add_argument("--check", action="store_true", help="compare with the page, write nothing")
    given = parser.parse_args()
    if unknown := set(given.names) - {fault.name for fault in FAULTS}:
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    chosen = [fault for fault in FAULTS if not given.names or fault.name in given.names]
    preload()
    with tempfile.TemporaryDirectory() as folder:
        made_in(Path(folder))
        found = [row for fault in chosen for row in rows(fault, Path(folder))]
    before, rest = PAGE.read_text().split(BEGIN)
    table, after = rest.split(END)
    if given.check or given.names:
        there = set(table.splitlines())
        new = [row for row in found if row not in there]
        print("\n".join(new) or f"{len(found)} rows are as on the page")
        return bool(new)
    head = ["| fault | command | exit | it says |", "|---|---|---|---|"]
    PAGE.write_text(before + BEGIN + "\n".join([*head, *found]) + "\n" + END + after)
    print(f"wrote {len(found)} rows to {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
