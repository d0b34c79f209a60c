"""The benchmarks of our own speed, on tiny sizes, and the estimates that were fitted to them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mfgprox.case import estimate_memory, read_case
from mfgprox.estimate import estimate_seconds

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.mark.compiled
def test_kernels_are_timed_where_they_are_called_and_left_as_they_were():
    from benchmarks.meter import metered
    from mfgprox.cost import Cost
    from mfgprox.kernels import transforms
    from mfgprox.transform import c_transform

    kernel = transforms.quadratic_axis
    psi = np.zeros((1, 20, 30))
    c_transform(psi, Cost(), (1.0, 1.0, 1.0))
    count = {"transforms.quadratic_axis": lambda a: (a.f.size, 20 * a.f.size)}
    with metered(count) as called:
        c_transform(psi, Cost(), (1.0, 1.0, 1.0))
    timed = called["transforms.quadratic_axis"]
    assert timed.calls == 2
    assert timed.largest[:2] == (600, 12000)
    assert 0.0 < timed.largest[2] <= timed.seconds
    assert transforms.quadratic_axis is kernel


def test_every_counted_kernel_exists():
    from importlib import import_module

    from benchmarks.traffic import TRAFFIC

    for name in TRAFFIC:
        module, function = name.split(".")
        assert hasattr(import_module(f"mfgprox.kernels.{module}"), function), name


def test_slopes_are_those_of_power_laws():
    from benchmarks.scaling import slope

    rows = [{"cells": [n, n], "cpu": 3e-6 * n**3.0} for n in (32, 64, 128, 256)]
    assert slope(rows, "cpu") == pytest.approx(1.5, abs=1e-12)


@pytest.mark.compiled
def test_a_task_is_measured_in_a_process_of_its_own():
    from benchmarks.measure import measured

    row = measured("static newton", (32,), 4, 1)
    assert row["cpu"] > 0.0
    assert 0.0 < row["imports"] < row["compiled"] <= row["peak"] < 4096.0
    assert "time_steps" not in row


def test_estimates_follow_what_is_asked_for():
    whole, static = read_case("gaussian_2d"), read_case("gaussian_2d", ["output.path=false"])
    other = read_case("gaussian_2d", ["solver.method=primal-dual"])
    assert estimate_memory(static) < estimate_memory(whole) < estimate_memory(other)
    assert estimate_seconds(static) < estimate_seconds(whole) < estimate_seconds(other)
    rough = read_case("ring_2d", ["solver.method=auto"])
    named = read_case("ring_2d", ["solver.method=semi-discrete"])
    assert estimate_memory(rough) == estimate_memory(named)


def test_estimates_load_no_compiler():
    code = (
        "import sys; from mfgprox.case import estimate_memory, read_case;"
        "from mfgprox.estimate import estimate_seconds;"
        "case = read_case('gaussian_2d'); estimate_memory(case), estimate_seconds(case);"
        "assert not {'numba', 'scipy', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize("which", range(11))
def test_memory_is_estimated_within_a_fifth(which):
    from benchmarks.runs import ALLOWED, RUNS, measured_run

    method, path, sizes = RUNS[which]
    cells, time_steps = sizes[-1]
    measured_run(method, cells, time_steps, path)  # compiles
    row = measured_run(method, cells, time_steps, path)
    ratio = row["peak_estimate"] / row["peak"]
    assert ratio > 1.0 / ALLOWED
    # Fictitious play is estimated for mass that crosses the whole box.
    assert ratio < (2.5 if method == "fictitious-play" else ALLOWED), json.dumps(row)
