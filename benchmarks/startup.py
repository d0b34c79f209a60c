"""What the first use costs: imports, and compilation with an empty cache: `… startup`."""

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

NAME = "startup"
COMMANDS = {
    "import mfgprox": ("-c", "import mfgprox"),
    "mfgprox --help": ("-m", "mfgprox", "--help"),
    "mfgprox run gaussian_1d --dry-run": ("-m", "mfgprox", "run", "gaussian_1d", "--dry-run"),
}
REPEAT = 5
SOLVERS = (
    ("newton", True),
    ("newton", False),
    ("primal-dual", False),
    ("fictitious-play", False),
)
"""Solver, and whether only the static problem is solved."""
SHOWN = 0.5
"""Seconds of its own from which a function is named."""


def run(output: Path, quick: bool) -> Path:
    """Measure; returns the JSON file in the folder `output`. Quick: one solver only."""
    with tempfile.TemporaryDirectory() as elsewhere:
        commands = {name: _fastest(words, elsewhere) for name, words in COMMANDS.items()}
    compiled = [_compiled(*solver) for solver in SOLVERS[: 1 if quick else None]]
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{NAME}.json"
    found = {"machine": description(), "commands": commands, "compiled": compiled}
    path.write_text(json.dumps(found, indent=1))
    return path


def _fastest(words: tuple[str, ...], folder: str) -> float:
    """Wall seconds of a Python process, the fastest of some."""
    best = float("inf")
    for _ in range(REPEAT):
        began = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, capture_output=True, cwd=folder)
        best = min(best, time.perf_counter() - began)
    return best


def _compiled(solver: str, static: bool) -> dict[str, Any]:
    """The first solve of a process with an empty cache of kernels."""
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.startup", json.dumps([solver, static])],
            env=dict(os.environ, NUMBA_CACHE_DIR=cache, NUMBA_NUM_THREADS="1"),
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {"solver": solver, "static": static, **found}


def first_solve(solver: str, static: bool) -> dict[str, Any]:
    """In the child: seconds of compilation, and those of each function without what it calls."""
    from numba.core import event

    from benchmarks.workloads import TOLERANCE, product_of_mixtures
    from mfgprox.solvers import solve

    clock = _clock(event.Listener)()
    problem = product_of_mixtures((80, 80), 8)
    with event.install_listener("numba:compile", clock):
        began = time.process_time(), time.perf_counter()
        solve(problem, solver, tolerance=TOLERANCE, static=static)
        cpu, wall = time.process_time() - began[0], time.perf_counter() - began[1]
    own = sorted(clock.own.items(), key=lambda item: -item[1])
    compiling = sum(clock.own.values())
    return {"cpu": cpu, "wall": wall, "compiling": compiling, "functions": own}


def _clock(listener: type) -> type:
    class Clock(listener):
        """Seconds of its own that the compilation of each function takes; they are nested."""

        def __init__(self) -> None:
            self.open: list[list[float]] = []
            self.own: dict[str, float] = {}

        def on_start(self, event: Any) -> None:
            self.open.append([time.process_time(), 0.0])

        def on_end(self, event: Any) -> None:
            began, inside = self.open.pop()
            seconds = time.process_time() - began
            function = event.data["dispatcher"].py_func
            name = f"{function.__module__.removeprefix('mfgprox.kernels.')}.{function.__name__}"
            self.own[name] = self.own.get(name, 0.0) + seconds - inside
            if self.open:
                self.open[-1][1] += seconds

    return Clock


def table(path: Path) -> str:
    """Markdown."""
    found = json.loads(path.read_text())
    lines = ["| command | wall s |", "|---|---|"]
    lines += [f"| `{name}` | {seconds:.2f} |" for name, seconds in found["commands"].items()]
    lines += [
        "",
        "| first solve | compiling, CPU s | wall s | most expensive |",
        "|---|---|---|---|",
    ]
    for row in found["compiled"]:
        dear = [f"`{n}` {s:.1f}" for n, s in row["functions"] if s >= SHOWN][:8]
        name = row["solver"] + (" --static" if row["static"] else "")
        lines.append(f"| {name} | {row['compiling']:.1f} | {row['wall']:.1f} | {', '.join(dear)} |")
    return "\n".join(lines) + "\n"


def plot(path: Path) -> list[Path]:
    """Nothing that a table does not show better."""
    return []


if __name__ == "__main__":
    print(json.dumps(first_solve(*json.loads(sys.argv[1]))))
