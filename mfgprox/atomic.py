"""Whole-file writes that either happen or do not.

A file is written under a temporary name in the directory of its target, brought to the disk, and
renamed: a reader meets the old file or the new one, whatever kills the writer in between. Temporary
names carry the host and the process, so that what a killed writer has left behind can be told from
what a living one is writing; they end as the target does, for writers that go by the suffix.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

FOREIGN_LEFTOVER_SECONDS = 24 * 3600.0
_writing: set[Path] = set()


def write_bytes(path: str | Path, content: bytes) -> Path:
    """Write a file atomically. Raises OSError, leaving the target as it was."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return Path(path)


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path that takes the place of `path` when the block ends without an error.

    Leftovers of dead writers of the same target are removed first. Raises OSError where the target
    is not a regular file, or when the system refuses; the target is then as it was, and the
    temporary file is gone.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise OSError(f"{path} is not a regular file")
    remove_leftovers(target)
    temporary = _temporary(target, _host(), os.getpid())
    _writing.add(temporary)
    try:
        temporary.unlink(missing_ok=True)
        yield temporary
        _to_disk(temporary)
        temporary.replace(target)
        _to_disk(target.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        _writing.discard(temporary)


def remove_leftovers(path: str | Path) -> None:
    """Remove the temporary files that dead writers of this target have left behind."""
    target = Path(os.path.realpath(path))
    with contextlib.suppress(OSError):
        for entry in list(target.parent.glob(f".{glob.escape(target.name)}.*.tmp*")):
            found = re.match(r"(\w+)-(\d+)\.tmp", entry.name[len(target.name) + 2 :], re.ASCII)
            if found is None or entry != _temporary(target, found[1], int(found[2])):
                continue
            if not _in_use(entry, found[1], int(found[2])):
                entry.unlink(missing_ok=True)


def _temporary(target: Path, host: str, process: int) -> Path:
    return target.with_name(f".{target.name}.{host}-{process}.tmp{target.suffix}")


def _in_use(temporary: Path, host: str, process: int) -> bool:
    if host != _host():
        # A process of another machine cannot be asked; no write takes a day.
        return time.time() - temporary.stat().st_mtime < FOREIGN_LEFTOVER_SECONDS
    if process == os.getpid():
        return temporary in _writing
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", socket.gethostname()) or "host"


def _to_disk(path: Path) -> None:
    """fsync of a file or a directory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
