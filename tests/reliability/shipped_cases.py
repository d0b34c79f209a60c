"""Mass and sign of what shipped cases write: `python tests/reliability/shipped_cases.py [CASE …]`.

Each case at its full size by its own method, and the flows that start from its P, one after the
other through the command line; then every time level in the file is looked at.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from shell import invoke

from mfgprox import load, load_flow
from mfgprox.case import shipped
from mfgprox.exits import Exit

MASS = 1e-13
"""Relative: what is promised of the mass at every time level."""
STEPS = 2
KINDS = ("run", "jko", "gradient")


@dataclass(frozen=True)
class Found:
    """Of one file: how many levels it has, the largest error of the mass, the least value."""

    levels: int
    mass_error: float
    least: float
    status: int
    refused: str = ""

    @property
    def sound(self) -> bool:
        return self.mass_error <= MASS and self.least >= 0.0


def written(name: str, kind: str, overrides: tuple[str, ...] = ()) -> Found:
    """What a run or a flow of a case writes. Raises AssertionError where it writes nothing.

    refused: why, where a flow cannot start from this case.
    """
    words = ["run", name] if kind == "run" else ["flow", name, "--kind", kind, "--steps", STEPS]
    for override in overrides:
        words += ["--set", override]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out.h5")
        answer = invoke(*words, "-q", "-o", out)
        if answer.exit_code == Exit.BAD_INPUT and kind != "run":
            return Found(0, 0.0, 0.0, answer.exit_code, answer.stderr.strip())
        assert answer.exit_code in (Exit.OK, Exit.NOT_CONVERGED), answer.stderr
        found = load(out) if kind == "run" else load_flow(out)
    volume = found.problem.grid.cell_volume
    # Exactly rounded sums: no error of the mass comes from here.
    densities = [*found.rho, found.problem.P] + ([found.R] if kind == "run" else [])
    errors = [abs(math.fsum(rho.ravel()) * volume - 1.0) for rho in densities]
    least = min(float(rho.min()) for rho in densities)
    assert np.isfinite(found.rho).all()
    return Found(len(found.rho), max(errors), least, answer.exit_code)


def main() -> int:
    parser = argparse.ArgumentParser(prog="shipped_cases.py", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="CASE", help="default: all that are shipped")
    given = parser.parse_args()
    if unknown := set(given.names) - set(shipped.names()):
        parser.error(f"no such cases: {', '.join(sorted(unknown))}")
    rows: list[Found] = []
    for name in given.names or shipped.names():
        for kind in KINDS:
            began = time.monotonic()
            found = written(name, kind)
            said = found.refused or (
                f"{found.levels} levels, mass {found.mass_error:.1e}, least {found.least:.1e}"
                f"{'' if found.sound else '  NOT SOUND'}"
            )
            print(f"{name:24}{kind:10}{time.monotonic() - began:6.1f} s  {said}", flush=True)
            rows += [] if found.refused else [found]
    print(
        f"{len(rows)} files, {sum(row.levels for row in rows)} levels: mass within "
        f"{max(row.mass_error for row in rows):.1e}, least value {min(row.least for row in rows):g}"
    )
    return int(not all(row.sound for row in rows))


if __name__ == "__main__":
    sys.exit(main())
