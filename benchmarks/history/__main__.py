"""Measure, store, and compare with what was stored last: `python -m benchmarks.history`.

What is stored stays on this machine, in .benchmarks/; further options go to pytest, for example
`--benchmark-compare=0003` or `-k newton`.
"""

import os
import sys
from pathlib import Path

import pytest

STORAGE = Path(".benchmarks")
OPTIONS = [
    "-q",
    "-p", "no:cacheprovider",
    "--benchmark-timer=time.process_time",
    f"--benchmark-storage=file://{STORAGE}",
    "--benchmark-columns=min,median,rounds",
    "--benchmark-group-by=name",
    "--benchmark-autosave",
]  # fmt: skip


def main() -> int:
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")
    before = any(STORAGE.glob("*/*.json"))
    compare = ["--benchmark-compare"] if before else []
    return pytest.main([str(Path(__file__).parent), *OPTIONS, *compare, *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
