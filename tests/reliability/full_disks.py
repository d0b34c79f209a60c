"""Commands on disks that are too small: `python tests/reliability/full_disks.py [COMMAND …]`.

Each command that writes, on 20 sizes of a file system in memory, which grows from a page to what an
old and a new output need together. Either the output is written whole, or the command says in one
line that it cannot (exit 4) and the old file is as it was. Needs `unshare`, for a mount of its own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    os.environ |= {"NUMBA_NUM_THREADS": "1", "NUMBA_THREADING_LAYER": "workqueue"}
    os.environ["MFGPROX_CHECKPOINT_SECONDS"] = "0"

from exits_page import made_in, preload
from fault_commands import COMMANDS, Command, answer

from mfgprox import hdf5
from mfgprox.exits import Exit

INSIDE = "MFGPROX_INSIDE_NAMESPACE"
SIZES, PAGE = 20, 4096
OLD = b"an older file\n" * 400
"""More than a page."""


def possible() -> bool:
    """Whether this machine lets us mount."""
    words = ["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", "/mnt"]
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(words, capture_output=True).returncode == 0


def mounted(size: int, disk: Path) -> None:
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    subprocess.run(words, check=True)


def tried(command: Command, given: str, size: int, disk: Path) -> int:
    """The exit status on a disk of this size. Raises AssertionError where it leaves a mess."""
    mounted(size, disk)
    try:
        out = disk / f"out{command.suffix}"
        if command.suffix:
            out.write_bytes(OLD)
        force = ["--force"] if command is COMMANDS["run"] else []
        found = answer([*command.line(given, str(out)), *force])
        lines = found.err.splitlines()
        names = {path.name for path in disk.rglob("*") if path.is_file()}
        assert not [n for n in names if ".tmp" in n or ".lock" in n], names
        if found.status == Exit.CANNOT_WRITE:
            # A sweep has a line for each case whose result has found no room, and one for all.
            assert len(lines) == (1 if command.suffix or len(lines) == 1 else 2), lines
            assert "cannot write" in lines[0], lines
            assert not command.suffix or out.read_bytes() == OLD, "the old file is gone"
        else:
            assert found.status == Exit.OK, found
            assert not lines, lines
        for name in names:
            if name.endswith(".h5") and (disk / name).is_file() and name != out.name:
                with hdf5.reading(disk / name, hdf5.HDF5Error):
                    pass
        return found.status
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def used(command: Command, given: str, disk: Path) -> int:
    """Bytes that the files of a command take where there is room."""
    mounted(2**26, disk)
    try:
        assert answer(command.line(given, str(disk / f"out{command.suffix}"))).status == Exit.OK
        return sum(p.stat().st_size + PAGE for p in disk.rglob("*") if p.is_file())
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def main() -> int:
    writers = {name: command for name, command in COMMANDS.items() if command.suffix is not None}
    parser = argparse.ArgumentParser(prog="full_disks.py", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="COMMAND", help="default: all that write")
    given = parser.parse_args()
    if unknown := set(given.names) - set(writers):
        parser.error(f"no such command: {', '.join(sorted(unknown))}; there are {set(writers)}")
    if INSIDE not in os.environ:
        if not possible():
            parser.error("this machine does not let us mount a file system in memory")
        words = ["unshare", "-rm", sys.executable, *sys.argv]
        return subprocess.run(words, env=os.environ | {INSIDE: "1"}).returncode
    preload()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        made_in(Path(folder))
        disk = Path(folder, "disk")
        disk.mkdir()
        for name in given.names or writers:
            command = writers[name]
            source = {"case": "case.toml", "result": "made.h5"}.get(command.reads, "")
            most = used(command, source, disk) + len(OLD) + 4 * PAGE
            sizes = [3 * PAGE + (most - 3 * PAGE) * k // (SIZES - 1) for k in range(SIZES)]
            statuses = [tried(command, source, size, disk) for size in sizes]
            assert statuses[-1] == Exit.OK, f"{name}: nothing is written where there is room"
            print(
                f"{name:12} {sizes[0] // 1024} to {sizes[-1] // 1024} KiB: "
                + ", ".join(f"exit {s}: {statuses.count(s)}" for s in sorted(set(statuses))),
                flush=True,
            )
        os.chdir("/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
