"""Estimated beside measured memory: `python tests/reliability/memory_runs.py [--other] [WORD …]`.

Every run is a process of its own, whose kernels another such run has compiled, and its measured
size is the largest that it had in memory: interpreter, libraries, kernels and arrays. With words,
only runs whose name contains them all. The model was adjusted to RUNS; --other measures OTHERS
instead, other cases and grids. Exit status 1 if an estimate is further off than a fifth.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from mfgprox.case import estimate_memory, memory, read_case

ALLOWED = 1.2
FLOW_STEPS = 6
Run = tuple[str, str, tuple[str, ...]]
BASIC = ("solver.rtol=1e-3",)


def _run(case: str, cells: str, steps: int, *more: str, command: str = "run") -> Run:
    return command, case, (f"grid.cells=[{cells}]", f"grid.time_steps={steps}", *BASIC, *more)


def _of(method: str) -> str:
    return f"solver.method={method}"


STATIC, MOMENTUM = "output.path=false", "output.momentum=true"
FEW = "output.snapshots=3"
P3, LOW = "p=3.0", "p=1.5"
RUNS: dict[str, Run] = {
    "newton 1-D": _run("gaussian_1d", "6000", 60, _of("newton")),
    "newton 1-D momentum": _run("gaussian_1d", "6000", 60, _of("newton"), MOMENTUM),
    "newton 1-D p 3": _run("gaussian_1d", "5000", 50, _of("newton"), P3),
    "newton 2-D static": _run("gaussian_2d", "700,600", 1, _of("newton"), STATIC),
    "newton 2-D": _run("gaussian_2d", "320,200", 24, _of("newton")),
    "newton 2-D momentum": _run("gaussian_2d", "320,200", 24, _of("newton"), MOMENTUM),
    "newton 2-D three levels": _run("gaussian_2d", "320,200", 24, _of("newton"), FEW),
    "newton 2-D pearson": _run(
        "gaussian_2d", "320,200", 12, _of("newton"), "f_divergence='pearson'"
    ),
    "newton 3-D": _run("gaussian_3d", "40,36,44", 10, _of("newton")),
    "newton 3-D static": _run("gaussian_3d", "56,56,56", 1, _of("newton"), STATIC),
    "semi-discrete 1-D": _run("mixtures_1d", "6000", 20, _of("semi-discrete")),
    "semi-discrete 2-D": _run("ring_2d", "150,150", 12, _of("semi-discrete")),
    "semi-discrete 2-D static": _run("ring_2d", "300,200", 1, _of("semi-discrete"), STATIC),
    "semi-discrete 2-D image": _run("image_2d", "160,160", 8, _of("semi-discrete")),
    "auto 2-D four bumps": _run("four_bumps_2d", "180,140", 8, _of("auto")),
    "auto 2-D samples": _run("samples_2d", "128,160", 8, _of("auto")),
    "auto 2-D p 3": _run("gaussian_2d", "90,90", 8, _of("auto"), P3),
    "back-and-forth 1-D p 1.5": _run("mixtures_1d", "8000", 20, _of("back-and-forth"), LOW),
    "back-and-forth 2-D": _run("ring_2d", "150,150", 12, _of("back-and-forth")),
    "back-and-forth 2-D p 3": _run("gaussian_2d", "100,100", 8, _of("back-and-forth"), P3),
    "back-and-forth 2-D by axes": _run(
        "gaussian_2d", "120,120", 8, _of("back-and-forth"), LOW, "cost='separable'"
    ),
    "back-and-forth 2-D hellinger": _run(
        "ring_2d", "140,120", 8, _of("back-and-forth"), "f_divergence='hellinger'"
    ),
    "back-and-forth 3-D": _run("gaussian_3d", "20,22,20", 8, _of("back-and-forth")),
    "back-and-forth 3-D p 3": _run("gaussian_3d", "18,18,18", 4, _of("back-and-forth"), P3),
    "primal-dual 1-D": _run("mixtures_1d", "900", 60, _of("primal-dual")),
    "primal-dual 2-D": _run("ring_2d", "90,100", 20, _of("primal-dual")),
    "primal-dual 2-D p 3": _run("gaussian_2d", "80,80", 20, _of("primal-dual"), P3),
    "primal-dual 2-D momentum": _run("ring_2d", "90,100", 20, _of("primal-dual"), MOMENTUM),
    "primal-dual 3-D": _run("gaussian_3d", "20,18,22", 10, _of("primal-dual")),
    "fictitious-play 1-D": _run("gaussian_1d", "1500", 20, _of("fictitious-play")),
    "fictitious-play 2-D": _run("gaussian_2d", "100,90", 20, _of("fictitious-play")),
    "fictitious-play 2-D boxes": _run("ring_2d", "100,100", 12, _of("fictitious-play")),
    "fictitious-play 3-D": _run("gaussian_3d", "20,20,22", 8, _of("fictitious-play")),
    "lipschitz 2-D": _run("lipschitz_circle_2d", "110,120", 12),
    "lipschitz 2-D static": _run("lipschitz_circle_2d", "150,150", 1, STATIC),
    "conditional 2-D": _run("bayesian_inverse_2d", "200,160", 24),
    "conditional 2-D momentum": _run("bayesian_inverse_2d", "200,160", 24, MOMENTUM),
    "conditional 2-D long": _run("bayesian_inverse_2d", "900,100", 40),
    "conditional 3-D": _run("gaussian_3d", "24,24,20", 8, "transport.axes=['x','y']"),
    "flow jko 1-D": _run("gaussian_1d", "4000", 4, command="flow"),
    "flow jko 2-D": _run("gaussian_2d", "256,200", 4, command="flow"),
    "flow jko 2-D rough": _run("ring_2d", "100,100", 4, command="flow"),
    "flow jko 3-D": _run("gaussian_3d", "32,32,32", 4, command="flow"),
    "auto 2-D letters": _run("image_letters_2d", "192,192", 12, _of("auto")),
    "lipschitz 2-D fine": _run("lipschitz_circle_2d", "200,180", 20),
    "flow jko 2-D fine": _run("gaussian_rotated_2d", "600,440", 4, command="flow"),
}  # fmt: skip

OTHERS: dict[str, Run] = {
    "newton 1-D": _run("mixture_1d", "40000", 30, _of("newton")),
    "newton 2-D": _run("gaussian_rotated_2d", "900,500", 20, _of("newton")),
    "newton 3-D": _run("gaussian_3d", "80,56,72", 14, _of("newton")),
    "semi-discrete 1-D": _run("mixtures_1d", "20000", 60, _of("semi-discrete")),
    "semi-discrete 2-D": _run("ring_2d", "260,240", 16, _of("semi-discrete")),
    "back-and-forth 2-D": _run("ring_2d", "240,220", 20, _of("back-and-forth")),
    "back-and-forth 3-D": _run("gaussian_3d", "30,26,28", 12, _of("back-and-forth")),
    "primal-dual 2-D": _run("gaussian_2d", "150,160", 24, _of("primal-dual")),
    "fictitious-play 2-D": _run("gaussian_2d", "140,130", 20, _of("fictitious-play")),
    "auto 2-D image": _run("image_2d", "220,200", 16, _of("auto")),
    "lipschitz 2-D": _run("lipschitz_circle_2d", "130,180", 24, "P.std=[0.3, 0.2]"),
    "flow jko 2-D": _run("gaussian_2d", "420,500", 4, command="flow"),
}  # fmt: skip


def measured(run: Run) -> float:
    """MiB that the process held at most. Raises RuntimeError with its last line if it fails."""
    command, case, changes = run
    with tempfile.TemporaryDirectory() as folder:
        words = [word for change in changes for word in ("--set", change)]
        steps = ("--steps", str(FLOW_STEPS)) if command == "flow" else ()
        start = (sys.executable, "-m", "mfgprox", command, case, "-q", "-o", f"{folder}/out.h5")
        done = subprocess.Popen(
            [*start, *steps, *words],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        assert done.stderr is not None
        message = done.stderr.read()
        _, status, usage = os.wait4(done.pid, 0)
        done.returncode = os.waitstatus_to_exitcode(status)
        if done.returncode not in (0, 3):
            raise RuntimeError(message.splitlines()[-1] if message else f"exit {done.returncode}")
    return usage.ru_maxrss / 1024.0


def estimated(run: Run) -> float:
    """MiB that `--dry-run` tells, or with which a flow is refused."""
    command, case, changes = run
    asked = read_case(case, changes)
    if command == "flow":
        return memory.estimate_flow(asked.settings, FLOW_STEPS) / 2**20
    return estimate_memory(asked, asked.problem()) / 2**20


def main() -> int:
    words = sys.argv[1:]
    runs = OTHERS if "--other" in words else RUNS
    words = [word for word in words if word != "--other"]
    off = 0
    print("| run | cells | steps | measured MiB | estimated | ratio |\n|---|---|---|---|---|---|")
    for name, run in runs.items():
        if not all(word in name for word in words):
            continue
        cells, steps = (change.partition("=")[2].strip("[]") for change in run[2][:2])
        try:
            measured(run)  # compiles what is not yet
            peak = measured(run)
        except RuntimeError as error:
            print(f"| {name} | {cells} | {steps} | {error} | | |", flush=True)
            off += 1
            continue
        ratio = estimated(run) / peak
        bad = not 1.0 / ALLOWED <= ratio <= ALLOWED
        off += bad
        print(
            f"| {name} | {cells.replace(',', ' × ')} | {steps} | {peak:.0f} | "
            f"{estimated(run):.0f} | {ratio:.2f}{' (off)' if bad else ''} |",
            flush=True,
        )
    return int(off > 0)


if __name__ == "__main__":
    sys.exit(main())
