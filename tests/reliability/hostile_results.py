"""Result files that somebody has tampered with: bytes changed, or objects replaced by others."""

from __future__ import annotations

import faulthandler
from pathlib import Path

import h5py
import numpy as np
from shell import invoke
from test_storage import damaged

from mfgprox.exits import Exit

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
    ("validate", "{}"),
    ("report", "{}", "-o", "out.html"),
    ("plot", "{}", "-o", "out.png"),
)
FAST = 3
"""How many of the commands take milliseconds."""
SECONDS = 120
"""For a command; a process that takes longer is ended with a traceback."""


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
        shape = getattr(found, "shape", ())
        data = found[()] if isinstance(found, h5py.Dataset) else np.zeros(3)
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


def meet(content: bytes, folder: Path, count: int, seed: int, commands: int) -> dict[int, int]:
    """Exit statuses of the commands on so many mutants; raises AssertionError for any but 0, 1
    (a certificate that is contradicted), 2 and 3."""
    path = folder / "mutant.h5"
    rng = np.random.default_rng(seed)
    statuses: dict[int, int] = {}
    for number in range(count):
        path.write_bytes(damaged(content, rng) if number % 2 else content)
        if not number % 2:
            tampered(path, rng)
        for words in COMMANDS[:commands]:
            faulthandler.dump_traceback_later(SECONDS, exit=True)
            done = invoke(*[word.format(path) for word in words])
            faulthandler.cancel_dump_traceback_later()
            status = done.exit_code
            statuses[status] = statuses.get(status, 0) + 1
            where = f"mutant {number} of seed {seed}: {' '.join(words)}: {done.stderr[-600:]}"
            assert status in (Exit.OK, 1, Exit.BAD_INPUT), f"{status} {where}"
            assert "Traceback" not in done.stdout + done.stderr, where
            if status == Exit.BAD_INPUT:
                assert len(done.stderr.splitlines()) == 1, where
    return statuses
