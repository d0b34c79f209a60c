"""What faults are made of: a scene for one command, and what its fork does first."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from fault_commands import CASE, COMMANDS, Command

from mfgprox import atomic, hdf5
from mfgprox.case import shipped

iterate = importlib.import_module("mfgprox.solvers.iterate")
NOBODY = 65534
Before = Callable[[], None]


@dataclass
class Scene:
    """A working directory for one command: what it is given, where it writes, what comes first."""

    given: str
    out: str
    more: list[str] = field(default_factory=list)
    before: Before = lambda: None
    held: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)


@dataclass(frozen=True)
class Fault:
    """A fault: its name on the page, which commands meet it, and how a scene gets it."""

    name: str
    meets: Callable[[Command], bool]
    make: Callable[[Scene, Command], None]


FAULTS: list[Fault] = []


def fault(name: str, meets: Callable[[Command], bool]) -> Callable[..., None]:
    def add(make: Callable[[Scene, Command], None]) -> None:
        FAULTS.append(Fault(name, meets, make))

    return add


def case(command: Command) -> bool:
    return command.reads == "case"


def result(command: Command) -> bool:
    return command.reads == "result"


def reads(command: Command) -> bool:
    return bool(command.reads)


def writes(command: Command) -> bool:
    return command.suffix is not None


def replaced(text: str, by: str) -> None:
    Path("case.toml").write_text(CASE.replace(text, by))


def give_up_root() -> None:
    """Root may read and write anything."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def patched(owner: object, name: str, by: object) -> None:
    """For the rest of this process."""
    mock.patch.object(owner, name, by).start()


def signalled(command: Command, number: signal.Signals) -> None:
    """Send the signal where the command works: at an iteration, or when it reads or writes."""
    owner, name = {"case": (iterate, "_verdict"), "result": (hdf5, "reading")}.get(
        command.reads, (atomic, "write_bytes") if writes(command) else (shipped, "names")
    )
    work = getattr(owner, name)

    def interrupted(*words: object, **options: object) -> object:
        os.kill(os.getpid(), number)
        return work(*words, **options)

    patched(owner, name, interrupted)


@contextlib.contextmanager
def scene_of(command: Command, made: Path) -> Iterator[Scene]:
    """A directory of its own with a case, results, and an old file where the command writes."""
    for path in made.iterdir():
        shutil.copy(path, path.name)
    given = {"case": "case.toml", "result": "made.h5"}.get(command.reads, "")
    scene = Scene(given, f"out{command.suffix or ''}")
    if command.suffix:
        Path(scene.out).write_bytes(Path("made.h5").read_bytes())
    if command is COMMANDS["run"]:
        scene.more = ["--force"]  # cases are changed below; without it, see "the output holds …"
    with scene.held:
        yield scene
