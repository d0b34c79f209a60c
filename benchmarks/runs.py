"""Whole runs of `mfgprox run` beside what was estimated for them: `python -m benchmarks runs`.

Every run is a process of its own, with compiled kernels, and its largest resident size is that of
the process. The constants of `mfgprox.case.memory` and `mfgprox.estimate` were fitted to these.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import description
from benchmarks.measure import MIB, forget_peak, resident
from benchmarks.workloads import EPSILON, HALF_WIDTH, P_AXES, Q_AXES, bumps

NAME = "runs"
# Method, whether with the path, and (cells, time steps) in full; the quick run takes the first.
RUNS: tuple[tuple[str, bool, tuple[tuple[tuple[int, ...], int], ...]], ...] = (
    ("newton", False, (((4096,), 1), ((256, 256), 1), ((512, 512), 1), ((1024, 1024), 1))),
    ("newton", False, (((32, 32, 32), 1), ((48, 48, 48), 1), ((64, 64, 64), 1))),
    ("newton", True, (((1024,), 32), ((4096,), 32), ((128, 128), 32), ((256, 256), 32))),
    ("newton", True, (((24, 24, 24), 16), ((48, 48, 48), 16))),
    ("semi-discrete", False, (((2048,), 1), ((128, 128), 1), ((384, 384), 1), ((256, 256), 1))),
    ("back-and-forth", False, (((16384,), 1), ((128, 128), 1), ((256, 256), 1))),
    ("back-and-forth", False, (((16, 16, 16), 1), ((24, 24, 24), 1))),
    ("primal-dual", True, (((256,), 32), ((1024,), 32), ((64, 64), 32), ((128, 128), 32))),
    ("primal-dual", True, (((16, 16, 16), 16), ((24, 24, 24), 16))),
    ("fictitious-play", True, (((512,), 32), ((2048,), 32), ((64, 64), 32), ((128, 128), 32))),
    ("fictitious-play", True, (((16, 16, 16), 16), ((24, 24, 24), 16))),
)
ALLOWED = 1.2
"""Ratio of estimate and measured peak up to which an estimate counts as good."""
WARM_CELLS = 24


def run(output: Path, quick: bool) -> Path:
    """Measure; returns the JSON file in the folder `output`."""
    rows = [
        measured_run(method, cells, time_steps, path)
        for method, path, sizes in RUNS
        for cells, time_steps in sizes[: 1 if quick else None]
    ]
    output.mkdir(parents=True, exist_ok=True)
    file = output / f"{NAME}.json"
    file.write_text(json.dumps({"machine": description(), "quick": quick, "rows": rows}, indent=1))
    return file


def table(path: Path) -> str:
    """Markdown."""
    lines = [
        "| run | grid | peak MiB | estimated | ratio | CPU s | estimated |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in json.loads(path.read_text())["rows"]:
        ratio = row["peak_estimate"] / row["peak"]
        mark = "" if 1.0 / ALLOWED <= ratio <= ALLOWED else " (off)"
        lines.append(
            f"| {row['method']}{'' if row['path'] else ' --static'} | {_grid(row)} "
            f"| {row['peak']:.0f} | {row['peak_estimate']:.0f} | {ratio:.2f}{mark} "
            f"| {row['seconds']:.2g} | {row['seconds_estimate']:.2g} |"
        )
    return "\n".join(lines) + "\n"


def _grid(row: dict[str, Any]) -> str:
    cells = " × ".join(str(n) for n in row["cells"])
    return f"{cells} × {row['time_steps']}" if row["path"] else cells


def plot(path: Path) -> list[Path]:
    """Nothing that a table does not show better."""
    return []


def case_text(method: str, cells: tuple[int, ...], time_steps: int, path: bool) -> str:
    """The product of mixtures as a case file."""
    d = len(cells)
    lines = [
        f"epsilon = {EPSILON}",
        "p = 2.0",
        "[grid]",
        f"lower = {[-HALF_WIDTH] * d}",
        f"upper = {[HALF_WIDTH] * d}",
        f"cells = {list(cells)}",
        f"time_steps = {time_steps}",
        "[solver]",
        f'method = "{method}"',
        "rtol = 1e-3",
        "[output]",
        f"path = {'true' if path else 'false'}",
    ]
    for name, axes in (("P", P_AXES), ("Q", Q_AXES)):
        lines += [f"[{name}]", 'kind = "mixture"']
        weights, parts = [], []
        for weight, mean, std in bumps(axes[:d]):
            weights.append(weight)
            parts.append(f'{{ kind = "gaussian", mean = {mean}, std = {std} }}')
        lines += [f"weights = {weights}", f"components = [{', '.join(parts)}]"]
    return "\n".join(lines) + "\n"


def measured_run(
    method: str, cells: tuple[int, ...], time_steps: int, path: bool = True
) -> dict[str, Any]:
    """Peak MiB and seconds of a run whose kernels are compiled, and their estimates.

    Raises subprocess.CalledProcessError if the process fails.
    """
    argument = json.dumps([method, cells, time_steps, path])
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.runs", argument],
        env=dict(os.environ, NUMBA_NUM_THREADS="1", OMP_NUM_THREADS="1"),
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {"method": method, "cells": cells, "time_steps": time_steps, "path": path, **found}


def main(argument: str) -> None:
    method, cells, time_steps, path = json.loads(argument)
    from mfgprox.case import estimate_memory, read_case
    from mfgprox.estimate import estimate_seconds
    from mfgprox.run import RunOptions, run

    small = [min(n, WARM_CELLS) for n in cells]
    with tempfile.TemporaryDirectory() as folder:
        for which, (n, steps) in enumerate(((small, 4), (cells, time_steps))):
            case = Path(folder, f"{which}.toml")
            case.write_text(case_text(method, tuple(n), steps, path))
            forget_peak()
            began = time.process_time()
            run(RunOptions(str(case), output=case.with_suffix(".h5"), quiet=True))
            seconds = time.process_time() - began
        asked = read_case(case)
        found = {
            "peak": resident("VmHWM"),
            "peak_estimate": estimate_memory(asked) / MIB,
            "seconds": seconds,
            "seconds_estimate": estimate_seconds(asked),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
