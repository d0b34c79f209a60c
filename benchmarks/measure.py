"""One measurement in a process of its own: `measured(...)` starts it, `main` is what runs there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

MIB = 2**20
ENOUGH = 1.0
"""Seconds after which a call is not repeated."""


def measured(task: str, cells: tuple[int, ...], time_steps: int, threads: int) -> dict[str, Any]:
    """Processor and wall seconds of a task once compiled, and its memory in MiB.

    peak: the largest resident size while it ran; imports: the size before anything was made;
    compiled: with the compiled kernels, after the task was done on a small grid.
    Raises subprocess.CalledProcessError if the process fails.
    """
    argument = json.dumps([task, cells, time_steps])
    environment = dict(os.environ, NUMBA_NUM_THREADS=str(threads), OMP_NUM_THREADS="1")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.measure", argument],
        env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    steps = {"time_steps": time_steps} if found.pop("in_time") else {}
    return {"task": task, "cells": cells, **steps, "threads": threads, **found}


def resident(field: str) -> float:
    """VmRSS (now) or VmHWM (peak) of this process in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024.0
    raise OSError(f"the system does not tell {field}")


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def main(argument: str) -> None:
    name, cells, time_steps = json.loads(argument)
    from benchmarks.workloads import TASKS, product_of_mixtures

    task, cells = TASKS[name], tuple(cells)
    # More cells than the coarsest grid has, so that all that is called has been compiled.
    small = {1: 300, 2: 80, 3: 36}[len(cells)]
    imports = resident("VmRSS")
    task.prepare(product_of_mixtures(tuple(min(n, small) for n in cells), min(time_steps, 8)))()
    compiled = resident("VmRSS")
    call = task.prepare(product_of_mixtures(cells, time_steps))
    forget_peak()
    cpu: list[float] = []
    wall: list[float] = []
    began = time.perf_counter()
    while not wall or (time.perf_counter() - began < ENOUGH and len(wall) < 20):
        start = time.process_time(), time.perf_counter()
        call()
        cpu.append(time.process_time() - start[0])
        wall.append(time.perf_counter() - start[1])
    found = {
        "in_time": task.in_time,
        "cpu": min(cpu),
        "wall": min(wall),
        "imports": imports,
        "compiled": compiled,
        "peak": resident("VmHWM"),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
