"""How much memory is free for this process: machine, control groups, ulimit."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

CONTROL_GROUPS, OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
SECOND = ("memory.max", "memory.current", "inactive_file")
"""Files of a control group of the second version: most, used, and the row of memory.stat that tells
how much of the latter is files that are given up when memory is needed."""
FIRST = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def free() -> int | None:
    """Bytes that are free for this process, or None where the system does not say."""
    try:
        own = OWN_GROUPS.read_text(encoding="utf-8")
    except (OSError, ValueError):
        own = ""
    found = [_available(), _address_space(), *allowed(CONTROL_GROUPS, own)]
    return min((n for n in found if n is not None), default=None)


def allowed(root: Path, own: str) -> Iterator[int]:
    """Bytes that are left within each control group that a process belongs to, from the outermost
    one on: containers, batch systems and services set such limits.

    root: where the groups are mounted; own: lines `number:controllers:path`, of /proc/self/cgroup.
    """
    yield from _left_in(root, SECOND)
    for line in own.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        second = not controllers
        if not second and "memory" not in controllers.split(","):
            continue
        folder = root if second else root / "memory"
        if not second:
            yield from _left_in(folder, FIRST)
        for part in path.split("/"):
            if part and part != "..":
                folder = folder / part
                yield from _left_in(folder, SECOND if second else FIRST)


def _left_in(folder: Path, files: tuple[str, str, str]) -> Iterator[int]:
    """Nothing where the folder is no group or has no limit."""
    most, used, given_up = files
    try:
        limit = int((folder / most).read_text())
        held = int((folder / used).read_text())
    except (OSError, ValueError):  # no such group, or the word "max"
        return
    with contextlib.suppress(OSError, ValueError):
        for row in (folder / "memory.stat").read_text().splitlines():
            name, _, size = row.partition(" ")
            if name == given_up:
                held -= int(size)
    yield max(limit - max(held, 0), 0)


def _available() -> int | None:
    """Of the machine, with what files hold that need not stay in memory."""
    try:
        with Path("/proc/meminfo").open(encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _address_space() -> int | None:
    """What `ulimit -v` allows in all: resident memory is at most that."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit
