"""Does memory grow? `python tests/reliability/thousand.py [SOLVES]`: so many solves in one process,
of every solver, cost, divergence and dimension in turn, and the resident size after each hundred.

Exit status 1 if it grew by more than ALLOWED after the first two hundred, by which all kernels are
loaded and the allocator has its arenas.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from edge_problems import PLANE, SOLVERS, SPACE, problem

from mfgprox import load
from mfgprox.problem import Problem
from mfgprox.solvers import solve
from mfgprox.solvers.iterate import Unsuitable
from mfgprox.storage import save
from mfgprox.tolerance import Tolerance

LOOSE = Tolerance(rtol=1e-2, max_iterations=40)
ALLOWED = 8.0
"""MiB. One array of the plane's cells and levels left behind in every solve were 5 MiB."""
KINDS: tuple[Callable[[float], Problem], ...] = (
    lambda e: problem(epsilon=e),
    lambda e: problem(epsilon=e, p=1.5),
    lambda e: problem(epsilon=e, f_divergence="hellinger"),
    lambda e: problem(grid=PLANE, epsilon=e),
    lambda e: problem(grid=PLANE, epsilon=e, p=3.0, cost="separable"),
    lambda e: problem(grid=PLANE, epsilon=e, transport_axes=["x"]),
    lambda e: problem(grid=PLANE, epsilon=e, f_divergence="lipschitz(kl, 2.0)"),
    lambda e: problem(grid=SPACE, epsilon=e),
)


def resident() -> float:
    """MiB of this process that are in memory now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def solves(folder: Path) -> Iterator[str]:
    """Solve one problem after the other, each with every solver that takes it, and write and read
    one result in ten."""
    number = 0
    while True:
        for make in KINDS:
            for solver in SOLVERS:
                try:
                    found = solve(make(1.0 + number % 7), solver, tolerance=LOOSE)
                except Unsuitable:
                    continue
                number += 1
                if number % 10 == 0:
                    load(save(found, folder / "out.h5"))
                yield solver


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    sizes = []
    with tempfile.TemporaryDirectory() as folder:
        running = solves(Path(folder))
        for done in range(100, count + 1, 100):
            used = set(islice(running, 100))
            sizes.append(resident())
            print(f"{done} solves of {len(used)} solvers: {sizes[-1]:.1f} MiB", flush=True)
    grown = sizes[-1] - sizes[min(1, len(sizes) - 1)]
    print(f"grown by {grown:.1f} MiB after the first two hundred")
    return int(grown > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
