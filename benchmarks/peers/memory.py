"""Resident memory of this process in MB: now, and the peak since it was last reset."""

from __future__ import annotations

import ctypes
import gc
import resource
import sys
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def reset_peak() -> None:
    """Give back what is free and start counting anew.

    Only Linux can; elsewhere the peak is that of the whole process.
    """
    _trim()
    try:
        CLEAR.write_text("5")
    except OSError:
        return


def peak_mb() -> float:
    return _status("VmHWM")


def resident_mb() -> float:
    _trim()
    return _status("VmRSS")


def _trim() -> None:
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)


def _status(key: str) -> float:
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) / 1024.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024.0 if sys.platform != "darwin" else peak / 2**20
