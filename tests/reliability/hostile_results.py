"""Result files that somebody has tampered with: bytes changed, or objects replaced by others.

They are shown to the commands in parts, each in a process of its own, so that a crash or a hang is
seen: `info` to each, the quick commands to every fifth, those that take seconds to every 250th.
"""

from __future__ import annotations

import dataclasses
import faulthandler
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
from gaussian_solutions import gaussian_solution
from shell import invoke
from stored_results import damaged

from mfgprox.exits import Exit
from mfgprox.storage import save

VALUES = (
    float("nan"), float("inf"), -1.0, 0.0, 1e308, 5e-324, -1, 0, 2**62, "", "text", "\x1b[2J", "é",
    "[" * 5000, "{}", "[1]", "null", b"\xff\xfe", np.zeros(0), np.full(3, np.nan), np.zeros((2, 2)),
    np.bool_(True), 1j,
)  # fmt: skip
COMMANDS = (
    ("info", "{}"),
    ("export", "{}", "--to", "csv", "-o", "out.csv"),
    ("export", "{}", "--to", "npz", "-o", "out.npz"),
    ("export", "{}", "--to", "vtk", "-o", "out.pvd"),
    ("sample", "{}", "-n", "5", "-q", "-o", "points.npy"),
    ("info", "--recompute", "{}"),
    ("report", "{}", "-o", "out.html"),
    ("plot", "{}", "-o", "out.png"),
    ("validate", "{}"),
)
FAST, QUICK = 3, 6
"""How many of the commands take milliseconds, and tens of them."""
EVERY = ((1, 1), (5, QUICK), (250, len(COMMANDS)))
"""Which mutants are shown to how many of the commands."""
SECONDS = 600
"""For a command; a process that takes longer is ended with a traceback."""
SIZES = ((12,), (5, 4))


def sound(size: tuple[int, ...], path: Path) -> bytes:
    """A result that every command accepts; saved at the path."""
    solution = gaussian_solution(size, 2)
    momentum = []
    for axis, field in enumerate(solution.momentum):  # none through the walls
        faces = np.moveaxis(field, -1 - axis, -1)
        faces[..., 0] = faces[..., -1] = 0.0
        momentum.append(field)
    solution = dataclasses.replace(solution, momentum=tuple(momentum))
    return save(solution, path, momentum=True).read_bytes()


def objects(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visit(names.append)
    return sorted(names)


def tampered(path: Path, rng: np.random.Generator) -> None:
    """Change one or two objects or attributes, with their checksums right."""
    with h5py.File(path, "r+") as file:
        for _ in range(int(rng.integers(1, 3))):
            names = objects(file)
            _tamper(file, names[int(rng.integers(len(names)))] if names else "/", rng)


def _tamper(file: h5py.File, name: str, rng: np.random.Generator) -> None:
    value = VALUES[int(rng.integers(len(VALUES)))]
    found = file.get(name)
    if found is None:
        return
    holder = found if rng.random() < 0.3 else file
    attributes = sorted(holder.attrs)
    try:
        if rng.random() < 0.5 and attributes:
            key = attributes[int(rng.integers(len(attributes)))]
            del holder.attrs[key]
            if rng.random() < 0.8:
                holder.attrs[key] = value
            return
        small = isinstance(found, h5py.Dataset) and (found.size or 0) < 10**6
        data = found[()] if small else np.zeros(3)  # not the terabyte of kind 7
        shape = np.shape(data)
        del file[name]
        _replace(file, name, shape, data, value, int(rng.integers(12)))
    except (ValueError, TypeError, KeyError, OSError, RuntimeError):
        pass  # HDF5 itself does not allow it


def _replace(file: h5py.File, name: str, shape, data, value, kind: int) -> None:
    match kind:
        case 0:
            pass
        case 1:
            file[name] = value
        case 2:
            file[name] = np.full(shape, np.nan)
        case 3:
            file[name] = -np.abs(np.asarray(data, float))
        case 4:
            file[name] = np.zeros(shape)
        case 5:
            file[name] = np.asarray(data, float)[..., :1]
        case 6:
            file[name] = np.asarray(data).astype("S8")
        case 7:  # a terabyte of which nothing is stored
            file.create_dataset(name, (10**6, 10**5), "f8", chunks=(100, 100))
        case 8:
            file[name] = h5py.SoftLink(f"/{name}")
        case 9:
            file[name] = h5py.ExternalLink("/etc/passwd", "/")
        case 10:
            file.create_group(name)
        case 11:
            file[name] = np.full(shape, 1e308)


def meet(
    content: bytes, folder: Path, count: int, seed: int, every: tuple[tuple[int, int], ...]
) -> dict[int, int]:
    """Exit statuses of the commands on so many mutants; raises AssertionError for any but 0, 1
    (a certificate that is contradicted) and 2."""
    path = folder / "mutant.h5"
    rng = np.random.default_rng(seed)
    statuses: Counter[int] = Counter()
    for number in range(count):
        path.write_bytes(damaged(content, rng) if number % 2 else content)
        if not number % 2:
            tampered(path, rng)
        commands = max(many for nth, many in every if (number + 1) % nth == 0)
        for words in COMMANDS[:commands]:
            statuses[_answer(words, path, f"mutant {number} of seed {seed}")] += 1
    return dict(statuses)


def _answer(words: tuple[str, ...], path: Path, which: str) -> int:
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    done = invoke(*[word.format(path) for word in words])
    faulthandler.cancel_dump_traceback_later()
    where = f"{which}: {' '.join(words)}: {done.stderr[-600:]}"
    assert done.exit_code in (Exit.OK, 1, Exit.BAD_INPUT), f"{done.exit_code} {where}"
    assert "Traceback" not in done.stdout + done.stderr, where
    if done.exit_code == Exit.BAD_INPUT:
        assert len(done.stderr.splitlines()) == 1, where
    return done.exit_code


def part(seed: int, count: int) -> None:
    """Meet so many mutants in this process, in a folder of its own, and print the exit statuses."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        os.chdir(folder)
        began = time.process_time()
        size = SIZES[seed % len(SIZES)]
        statuses = meet(sound(size, Path("a.h5")), Path(folder), count, seed, EVERY)
        took = time.process_time() - began
        os.chdir("/")
    print(f"seed {seed}, {size} cells, {count} mutants: exit statuses {statuses}, {took:.0f} s")
