"""Does mfgprox work with other versions of Python and of what it needs?

    python tests/reliability/versions.py --python python3.12 --versions oldest pinned newest
    python tests/reliability/versions.py --compare

Each makes an environment of its own below `--folder` from the commit that is checked out, runs
cases, `validate --quick` and a selection of the tests there, and adds a row to its table. `oldest`
are the versions of constraints-oldest.txt, `pinned` those of constraints.txt, `newest` whatever pip
finds. `--compare` has every environment read the results of every other and prints the table.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CONSTRAINTS = {"oldest": "constraints-oldest.txt", "pinned": "constraints.txt", "newest": None}
CASES = {
    "gaussian_1d": (),
    "mixtures_1d": ("grid.cells=[192]", "grid.time_steps=8"),
    "ring_2d": ("grid.cells=[40,40]", "grid.time_steps=4"),
    "power_cost_1d": ("grid.cells=[128]", "grid.time_steps=8"),
}
TESTS = (
    "tests/test_case.py", "tests/test_case_messages.py", "tests/test_case_overrides.py",
    "tests/test_case_shipped.py", "tests/test_storage.py", "tests/test_storage_hostile.py",
    "tests/test_atomic.py", "tests/test_checkpoint.py", "tests/test_cli.py",
    "tests/test_density.py", "tests/test_density_edges.py", "tests/kernels/test_transforms.py",
    "tests/solvers/test_newton.py", "tests/solvers/test_newton_runs.py",
)  # fmt: skip
FOR_TESTS = ("pytest", "hypothesis", "xarray", "h5netcdf", "netCDF4")
OLD = ("-W", "ignore::DeprecationWarning")
"""Old packages are deprecated by what they need themselves; of the newest ones it is an error."""
TASKS = ("install", "run", "validate --quick", "tests")
SHOWN = ("numpy", "scipy", "numba", "h5py", "matplotlib", "pydantic", "typer")
READ = """
import hashlib, json, sys
import mfgprox
found = {}
for name in sys.argv[1:]:
    solution = mfgprox.load(name)
    arrays = [solution.rho, solution.U, solution.R, solution.problem.P]
    found[name] = [solution.divergence, *(hashlib.sha256(a.tobytes()).hexdigest() for a in arrays)]
print(json.dumps(found))
"""
FAR = """
import json, sys
import numpy as np, mfgprox
one, other = (mfgprox.load(name) for name in sys.argv[1:])
gaps = [abs(one.divergence - other.divergence) / abs(one.divergence)]
for field in ("rho", "R"):
    a, b = getattr(one, field), getattr(other, field)
    gaps.append(float(np.abs(a - b).max() / np.abs(a).max()))
print(json.dumps(gaps))
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="versions.py", description=__doc__)
    parser.add_argument("--python", nargs="+", default=[sys.executable], help="interpreters")
    parser.add_argument("--versions", nargs="+", default=["oldest", "newest"], choices=CONSTRAINTS)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "versions")
    parser.add_argument("--tasks", nargs="+", default=TASKS, choices=TASKS, help="all by default")
    parser.add_argument("--compare", action="store_true", help="only compare, and print the table")
    given = parser.parse_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if not given.compare:
        for python in given.python:
            for versions in given.versions:
                row = tried(python, versions, folder, given.tasks)
                print(json.dumps(row), flush=True)
    rows = [json.loads(path.read_text()) for path in sorted(folder.glob("*/row.json"))]
    print("\n".join([*table(rows), "", *compared(rows, folder)]))
    return int(any(outcome != "passed" for row in rows for outcome in row["outcomes"].values()))


def tried(python: str, versions: str, folder: Path, tasks: Sequence[str]) -> dict[str, Any]:
    """Everything for one interpreter and one choice of versions, in a folder of its own."""
    say = "import sys; print('%d.%d' % sys.version_info[:2])"
    name = subprocess.run([python, "-c", say], capture_output=True, text=True, check=True).stdout
    place = folder / f"{name.strip()}-{versions}"
    place.mkdir(exist_ok=True)
    source, log = place / "source", (place / "log.txt").open("w")
    source.mkdir(exist_ok=True)
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(source)], input=archive.stdout, check=True)
    constraints = CONSTRAINTS[versions]
    limits = ["-c", constraints] if constraints else []
    ours = str(place / "venv" / "bin" / "python")
    install = [ours, "-m", "pip", "install", "-q", "--prefer-binary", *limits, "-e", "."]
    commands = {
        "install": [[python, "-m", "venv", "--clear", str(place / "venv")],
                    [*install, *FOR_TESTS]],
        "run": [[ours, "-m", "mfgprox", "run", case, "-q", "-o", str(place / f"{case}.h5"),
                 *(word for change in changes for word in ("--set", change))]
                for case, changes in CASES.items()],
        "validate --quick": [[ours, "-m", "mfgprox", "validate", "--quick"]],
        "tests": [[ours, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                   *(OLD if versions == "oldest" else ()), *TESTS]],
    }  # fmt: skip
    outcomes: dict[str, str] = {}
    began = time.monotonic()
    for what, lines in commands.items():
        if what not in tasks:
            continue
        good = all(_done(line, source, log) for line in lines)
        outcomes[what] = "passed" if good else "failed"
        if what == "install" and not good:
            break
    row = {"name": place.name, "versions": _versions(ours), "outcomes": outcomes}
    (place / "row.json").write_text(json.dumps(row))
    return {**row, "minutes": round((time.monotonic() - began) / 60.0, 1)}


def _done(command: list[str], where: Path, log: Any) -> bool:
    print("+", *command, file=log, flush=True)
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": ""}
    done = subprocess.run(command, cwd=where, stdout=log, stderr=log, env=environment)
    return done.returncode == 0


def _versions(python: str) -> dict[str, str]:
    code = (
        "import json, platform, sys; from importlib.metadata import version;"
        "found = {name: version(name) for name in sys.argv[1:]};"
        "print(json.dumps({'python': platform.python_version(), **found}))"
    )
    done = subprocess.run([python, "-c", code, *SHOWN], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Markdown: one row for each environment."""
    names = ("python", *SHOWN)
    head = ["versions", *names, *TASKS]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in rows:
        cells = [row["versions"].get(name, "–") for name in names]
        cells += [row["outcomes"].get(task, "–") for task in TASKS]
        lines.append(f"| {row['name'].partition('-')[2]} | {' | '.join(cells)} |")
    return lines


def compared(rows: list[dict[str, Any]], folder: Path) -> list[str]:
    """Whether every environment reads the files of all to the same bits; how far results differ."""
    files = [str(path) for row in rows for case in CASES
             if (path := folder / row["name"] / f"{case}.h5").exists()]  # fmt: skip
    if not files:
        return []
    found = [_asked(folder / row["name"], READ, *files) for row in rows]
    lines = [
        f"{len(rows)} environments read {len(files)} files of each other: "
        + ("the same bits" if all(one == found[0] for one in found) else "DIFFERENT BITS")
    ]
    for case in CASES:
        ours = [path for path in files if Path(path).stem == case]
        apart = [_asked(folder / rows[0]["name"], FAR, ours[0], other) for other in ours[1:]]
        value, rho, R = (max(column) for column in zip(*apart, strict=True)) if apart else (0, 0, 0)
        same = len({Path(path).read_bytes() for path in ours})
        lines.append(
            f"{case}: {len(ours)} results, {same} different files; D within {value:.1e}, "
            f"rho within {rho:.1e}, R within {R:.1e}, relative"
        )
    return lines


def _asked(place: Path, code: str, *words: str) -> Any:
    python = str(place / "venv" / "bin" / "python")
    done = subprocess.run(
        [python, "-c", code, *words], cwd=place, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
