"""The faults of exits_page.py: how each is made, and which commands can meet it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from pathlib import Path

import h5py
import numpy as np
from fault_commands import COMMANDS, Command
from fault_scenes import (
    FAULTS,
    Scene,
    case,
    fault,
    full,
    give_up_root,
    iterate,
    patched,
    reads,
    replaced,
    result,
    signalled,
    writes,
)

from mfgprox import atomic, claim, hdf5

__all__ = ["FAULTS"]


@fault("a value that is not accepted", case)
def _(scene: Scene, command: Command) -> None:
    replaced("epsilon = 2.0", "epsilon = -2.0")


@fault("a case that is not TOML", case)
def _(scene: Scene, command: Command) -> None:
    replaced("epsilon = 2.0", "epsilon = = 2.0")


@fault("a case that needs more memory than there is", case)
def _(scene: Scene, command: Command) -> None:
    replaced("cells = [24]", "cells = [1000000000]")


@fault("a case that names a file that is missing", case)
def _(scene: Scene, command: Command) -> None:
    replaced('kind = "gaussian"\nmean = [0.7]\nstd = [0.6]', 'kind = "array"\nfile = "data.npy"')


@fault("a case that names a file of pickled objects", case)
def _(scene: Scene, command: Command) -> None:
    replaced('kind = "gaussian"\nmean = [0.7]\nstd = [0.6]', 'kind = "array"\nfile = "data.npy"')
    np.save("data.npy", np.array([{}], object), allow_pickle=True)


@fault("no such file", reads)
def _(scene: Scene, command: Command) -> None:
    Path(scene.given).unlink()


@fault("a directory instead of a file", reads)
def _(scene: Scene, command: Command) -> None:
    Path(scene.given).unlink()
    Path(scene.given).mkdir()


@fault("a file that may not be read", reads)
def _(scene: Scene, command: Command) -> None:
    Path(scene.given).chmod(0)
    scene.before = give_up_root


@fault("a result that is cut off", result)
def _(scene: Scene, command: Command) -> None:
    os.truncate("made.h5", Path("made.h5").stat().st_size // 2)


@fault("a result with a damaged array", result)
def _(scene: Scene, command: Command) -> None:
    with h5py.File("made.h5") as file:
        rho = file["rho"]
        place = rho.id.get_chunk_info(0).byte_offset
    with Path("made.h5").open("r+b") as damaged:
        damaged.seek(place + 4)
        damaged.write(bytes(8))


@fault("a file that is not HDF5", result)
def _(scene: Scene, command: Command) -> None:
    Path("made.h5").write_text("nothing")


@fault("an HDF5 file of another program", result)
def _(scene: Scene, command: Command) -> None:
    with h5py.File("made.h5", "w") as file:
        file["rho"] = np.ones(3)


@fault("a result in a format of the future", result)
def _(scene: Scene, command: Command) -> None:
    with h5py.File("made.h5", "r+") as file:
        for group in (file, file[hdf5.TEXT]):
            if "format_version" in group.attrs:
                group.attrs["format_version"] = np.bytes_("99.0")


@fault("a checkpoint instead of a result", result)
def _(scene: Scene, command: Command) -> None:
    shutil.copy("limited.checkpoint.h5", "made.h5")


@fault(
    "a flow instead of a result", lambda c: c.words.startswith(("sample", "validate")) and result(c)
)
def _(scene: Scene, command: Command) -> None:
    shutil.copy("flow.h5", "made.h5")


@fault("a result instead of a case", lambda c: case(c) and writes(c))
def _(scene: Scene, command: Command) -> None:
    scene.given = "made.h5"


@fault("a case instead of a result", lambda c: result(c) and not c.words.startswith("validate"))
def _(scene: Scene, command: Command) -> None:
    scene.given = "case.toml"


@fault("an option that does not exist", lambda command: True)
def _(scene: Scene, command: Command) -> None:
    scene.more = [*scene.more, "--zzz"]


@fault(
    "a name of the output that ends otherwise", lambda c: writes(c) and c.suffix not in ("", ".h5")
)
def _(scene: Scene, command: Command) -> None:
    scene.out = "out.xyz"


@fault("the output is a directory", lambda c: writes(c) and c.suffix != "")
def _(scene: Scene, command: Command) -> None:
    Path(scene.out).unlink()
    Path(scene.out).mkdir()


@fault("the output is a file where a directory is needed", lambda c: c.suffix == "")
def _(scene: Scene, command: Command) -> None:
    Path(scene.out).touch()


@fault("the directory of the output is missing", writes)
def _(scene: Scene, command: Command) -> None:
    scene.out = f"missing/{scene.out}"


@fault("the directory of the output may not be written", writes)
def _(scene: Scene, command: Command) -> None:
    Path("locked").mkdir()
    Path("locked").chmod(0o555)
    scene.out = f"locked/{scene.out}"
    scene.before = give_up_root


@fault("the directory of the output vanishes during the work", writes)
def _(scene: Scene, command: Command) -> None:
    Path("gone").mkdir()
    scene.out = f"gone/{scene.out}"
    replacing = atomic.replacing

    def vanish(path: str | Path) -> contextlib.AbstractContextManager[Path]:
        shutil.rmtree("gone", ignore_errors=True)
        return replacing(path)

    scene.before = lambda: patched(atomic, "replacing", vanish)


@fault("the disk is full", writes)
def _(scene: Scene, command: Command) -> None:
    scene.before = lambda: patched(atomic, "_to_disk", full)


@fault("standard output is full", lambda c: "-q" not in c.words)
def _(scene: Scene, command: Command) -> None:
    scene.before = lambda: os.dup2(os.open("/dev/full", os.O_WRONLY), 1)


@fault("another run is writing there", lambda c: writes(c) and c.solves)
def _(scene: Scene, command: Command) -> None:
    target = Path(scene.out)
    if command.suffix == "":
        target.mkdir()
        target /= "sweep.csv"
    scene.held.enter_context(claim.claimed(target))


@fault("the output holds another case", lambda c: c is COMMANDS["run"])
def _(scene: Scene, command: Command) -> None:
    replaced("epsilon = 2.0", "epsilon = 3.0")
    shutil.copy("made.h5", scene.out)
    scene.more = []


@fault("--resume with the checkpoint of another case", lambda c: c is COMMANDS["run"])
def _(scene: Scene, command: Command) -> None:
    replaced("epsilon = 2.0", "epsilon = 3.0")
    shutil.copy("limited.checkpoint.h5", "out.checkpoint.h5")
    scene.more = ["--resume", "--force"]


@fault("not converged", lambda c: c.solves or c is COMMANDS["validate OUT.h5"])
def _(scene: Scene, command: Command) -> None:
    replaced("max_iterations = 2000", "max_iterations = 3")
    shutil.copy("limited.h5", "made.h5")


@fault("memory runs out during the work", lambda c: reads(c) and c is not COMMANDS["info"])
def _(scene: Scene, command: Command) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise MemoryError

    module, name = (iterate, "_verdict") if case(command) else (hdf5, "read_array")
    scene.before = lambda: patched(module, name, refuse)


@fault("Ctrl-C", lambda command: True)
def _(scene: Scene, command: Command) -> None:
    scene.before = lambda: signalled(command, signal.SIGINT)


@fault("SIGTERM", lambda command: True)
def _(scene: Scene, command: Command) -> None:
    scene.before = lambda: signalled(command, signal.SIGTERM)
