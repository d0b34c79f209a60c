"""How much memory a solve will need, known before any array is made."""

from __future__ import annotations

import math
import os
from pathlib import Path

from mfgprox.case.schema import CaseSettings

# Space-time arrays of float64 that a solver holds at once, as constant + per axis, counted
# generously: unknowns, their extrapolations, multipliers, multigrid levels, the written result
# and the image of the file that is assembled in memory.
ARRAYS = {"primal-dual": (30, 10), "fictitious-play": (20, 8)}
SPATIAL_ARRAYS = 60
BASE = 300 * 2**20  # interpreter, libraries and compiled kernels


def estimate(settings: CaseSettings) -> int:
    """Bytes that the whole process will need, rounded up generously."""
    cells = math.prod(settings.grid.cells)
    axes = len(settings.grid.cells)
    constant, per_axis = ARRAYS.get(settings.solver.method, (30, 10))
    levels = settings.grid.time_steps + 1
    return BASE + 8 * cells * ((constant + per_axis * axes) * levels + SPATIAL_ARRAYS)


def free() -> int | None:
    """Bytes that are free for this process, or None where the system does not say."""
    limits = [n for n in (_available(), _control_group()) if n is not None]
    return min(limits) if limits else None


def _available() -> int | None:
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


def _control_group() -> int | None:
    """What a container still allows."""
    root = Path("/sys/fs/cgroup")
    try:
        most = int((root / "memory.max").read_text())
        used = int((root / "memory.current").read_text())
    except (OSError, ValueError):  # no container, or the word "max"
        return None
    return max(most - used, 0)


def in_words(size: int) -> str:
    """1.5 GiB."""
    for unit, scale in (("EiB", 60), ("PiB", 50), ("TiB", 40), ("GiB", 30)):
        if size >= 2**scale:
            return f"{size / 2**scale:.3g} {unit}"
    return f"{size / 2**20:.0f} MiB"
