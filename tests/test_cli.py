"""The commands as a user types them: results, messages, exit statuses, signals, resuming."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest
from command_client import client

from mfgprox import cli
from mfgprox.case import read_case
from mfgprox.exits import Exit

SMALL = ["--set", "grid.cells=[48]", "--set", "grid.time_steps=8", "--solver", "primal-dual"]
"""Of the solver that takes many iterations; a later --solver overrules it."""
CASE = read_case("gaussian_1d", ["grid.cells=[48]", "grid.time_steps=8"]).text


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def invoke(*arguments):
    return client().invoke(cli.app, [str(a) for a in arguments])


def shell(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "mfgprox", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=120,
    )


@pytest.mark.parametrize("solver", ["primal-dual", "fictitious-play"])
def test_run_writes_a_converged_result_and_says_so(solver):
    result = invoke("run", "gaussian_1d", *SMALL, "--solver", solver, "-o", "out.h5")
    assert result.exit_code == Exit.OK, result.stderr
    assert "converged" in result.stdout
    assert "bounds of D" in result.stdout
    with h5py.File("out.h5") as file:
        assert bool(file.attrs["converged"])
        assert file.attrs["solver"] == solver
        assert file.attrs["lower_bound"] <= file.attrs["divergence"] * (1 + 1e-2)
        assert f'method = "{solver}"' in file.attrs["case"]


def test_default_output_is_the_name_of_the_case():
    assert invoke("run", "gaussian_1d", *SMALL, "-q").exit_code == Exit.OK
    assert Path("gaussian_1d.h5").exists()


def test_dry_run_prints_every_setting_and_writes_nothing():
    result = invoke("run", "gaussian_1d", "--dry-run")
    assert result.exit_code == Exit.OK
    for word in ("epsilon", "time_steps", "rtol", "max_iterations", "memory", "time:"):
        assert word in result.stdout
    assert not list(Path().iterdir())


BAD = {
    "epsilon = 0.0": "epsilon",
    "epsilon = nan": "epsilon",
    "epsilon = inf": "epsilon",
    'epsilon = "two"': "epsilon",
    "epsilom = 2.0": "epsilom",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_names_file_line_key_and_value(line):
    Path("bad.toml").write_text(CASE.replace("epsilon = 2.0", line))
    result = invoke("run", "bad.toml")
    assert result.exit_code == Exit.BAD_INPUT
    assert "bad.toml" in result.stderr
    assert BAD[line] in result.stderr
    assert "Traceback" not in result.stderr
    assert [p.name for p in Path().iterdir()] == ["bad.toml"]


@pytest.mark.parametrize(
    "override",
    [
        "p=1.0",
        "p=0.5",
        "grid.cells=[0]",
        "grid.cells=[1000000000]",
        "grid.upper=[-3.0]",
        "P.mean=[5.9]",
        "solver.method='simplex'",
        "nonsense",
    ],
)
def test_bad_overrides_are_refused(override):
    Path("case.toml").write_text(CASE)
    result = invoke("run", "case.toml", "--set", override)
    assert result.exit_code == Exit.BAD_INPUT, result.stdout
    assert result.stderr.strip()
    assert not list(Path().glob("*.h5"))


def test_missing_case_and_missing_result_are_bad_input():
    assert invoke("run", "no_such_case").exit_code == Exit.BAD_INPUT
    assert invoke("plot", "nothing.h5").exit_code == Exit.BAD_INPUT
    assert invoke("info", "nothing.h5").exit_code == Exit.BAD_INPUT
    assert invoke("run", "gaussian_1d", *SMALL, "--start", "none.h5").exit_code == Exit.BAD_INPUT


@pytest.mark.parametrize("output", ["missing/out.h5", "."])
def test_where_nothing_can_be_written(output):
    result = invoke("run", "gaussian_1d", *SMALL, "-o", output)
    assert result.exit_code == Exit.CANNOT_WRITE
    assert len(result.stderr.strip().splitlines()) == 1


def test_iteration_limit_writes_a_marked_result():
    result = invoke("run", "gaussian_1d", *SMALL, "--set", "solver.max_iterations=3", "-o", "o.h5")
    assert result.exit_code == Exit.NOT_CONVERGED
    assert "not converged" in result.stderr
    with h5py.File("o.h5") as file:
        assert not bool(file.attrs["converged"])
        assert "iteration limit" in file.attrs["status"]


def test_time_limit_stops_and_resume_finishes_with_the_same_bytes():
    whole = ["run", "gaussian_1d", *SMALL, "-q"]
    assert invoke(*whole, "-o", "whole.h5").exit_code == Exit.OK
    assert invoke(*whole, "-o", "part.h5", "--max-time", "1e-9").exit_code == Exit.NOT_CONVERGED
    assert Path("part.checkpoint.h5").exists()
    assert invoke(*whole, "-o", "part.h5", "--resume").exit_code == Exit.OK
    assert Path("part.h5").read_bytes() == Path("whole.h5").read_bytes()
    assert not Path("part.checkpoint.h5").exists()


def test_a_result_of_another_case_is_not_overwritten():
    assert invoke("run", "gaussian_1d", *SMALL, "-q", "-o", "o.h5").exit_code == Exit.OK
    before = Path("o.h5").read_bytes()
    other = ["run", "gaussian_1d", *SMALL, "--set", "epsilon=0.7", "-q", "-o", "o.h5"]
    assert invoke(*other).exit_code == Exit.BAD_INPUT
    assert Path("o.h5").read_bytes() == before
    assert invoke(*other, "--force").exit_code == Exit.OK


def test_warm_start_needs_fewer_iterations():
    fine = ["run", "gaussian_1d", "--set", "grid.cells=[96]", "-q", "--solver", "primal-dual"]
    assert invoke(*fine, "-o", "cold.h5").exit_code == Exit.OK
    assert invoke(*fine, "-o", "warm.h5", "--start", "cold.h5").exit_code == Exit.OK
    with h5py.File("cold.h5") as cold, h5py.File("warm.h5") as warm:
        assert warm.attrs["iterations"] < cold.attrs["iterations"]
        assert abs(warm.attrs["divergence"] / cold.attrs["divergence"] - 1) < 1e-3


def test_resume_with_the_checkpoint_of_another_case_is_bad_input():
    run = ["run", "gaussian_1d", *SMALL, "-q", "-o", "o.h5"]
    assert invoke(*run, "--max-time", "1e-9").exit_code == Exit.NOT_CONVERGED
    result = invoke(*run, "--set", "epsilon=0.7", "--resume", "--force")
    assert result.exit_code == Exit.BAD_INPUT
    assert "checkpoint" in result.stderr


def test_an_internal_error_is_one_line_and_a_saved_traceback(monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("surprise")

    monkeypatch.setattr("mfgprox.case.read_case", broken)
    result = invoke("run", "gaussian_1d")
    assert result.exit_code == Exit.INTERNAL
    assert len(result.stderr.strip().splitlines()) == 1
    saved = Path(result.stderr.split("traceback is in ")[1].strip().rstrip(")"))
    assert "ZeroDivisionError" in saved.read_text()
    saved.unlink()


def test_pictures_and_info_from_a_result():
    assert invoke("run", "gaussian_1d", *SMALL, "-q", "-o", "o.h5").exit_code == Exit.OK
    assert invoke("plot", "o.h5", "-o", "o.png").exit_code == Exit.OK
    assert Path("o.png").read_bytes().startswith(b"\x89PNG")
    assert invoke("animate", "o.h5", "-o", "o.gif").exit_code == Exit.OK
    assert Path("o.gif").read_bytes().startswith(b"GIF8")
    described = invoke("info", "o.h5")
    assert described.exit_code == Exit.OK
    assert "primal-dual" in described.stdout
    for command in (["plot", "o.h5", "-o", "o.jpeg2"], ["animate", "o.h5", "-o", "o.avi"]):
        assert invoke(*command).exit_code == Exit.BAD_INPUT


def test_validate_a_case_and_a_result():
    Path("case.toml").write_text(CASE)
    result = invoke("validate", "case.toml", "--solver", "primal-dual")
    assert result.exit_code == Exit.OK, result.stdout + result.stderr
    assert "1.9" in result.stdout or "exact by" in result.stdout
    assert invoke("run", "case.toml", "-q").exit_code == Exit.OK
    assert invoke("validate", "case.h5").exit_code == Exit.OK
    assert invoke("validate", "case.toml", "--solver", "none").exit_code == Exit.BAD_INPUT


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGINT, Exit.INTERRUPTED),
        pytest.param(signal.SIGTERM, Exit.TERMINATED, marks=pytest.mark.slow),
    ],
)
def test_a_signal_leaves_a_checkpoint_that_resumes_to_the_same_bytes(number, status):
    arguments = ["run", "gaussian_1d", "--set", "grid.cells=[128]", "--set", "solver.rtol=1e-12"]
    arguments += ["--set", "solver.max_iterations=1500", "--solver", "primal-dual"]
    whole = shell(*arguments, "-o", "whole.h5")
    assert whole.returncode in (Exit.OK, Exit.NOT_CONVERGED)
    process = subprocess.Popen(
        [sys.executable, "-m", "mfgprox", *arguments, "-o", "part.h5"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert any(line.startswith("grid") for line in process.stderr)  # the solve is under way
    time.sleep(0.05)  # a run of seconds is in its first iterations
    process.send_signal(number)
    message = process.communicate(timeout=60)[1]
    assert process.returncode == status
    assert "--resume" in message
    assert not Path("part.h5").exists()
    assert shell(*arguments, "-o", "part.h5", "--resume").returncode == whole.returncode
    assert Path("part.h5").read_bytes() == Path("whole.h5").read_bytes()


@pytest.mark.parametrize(
    "solver", ["primal-dual", pytest.param("fictitious-play", marks=pytest.mark.slow)]
)
def test_the_same_bytes_for_any_number_of_threads(solver):
    found = set()
    for threads in (1, 2, 4):
        out = f"{threads}.h5"
        small = ["--set", "grid.cells=[40,36]", "--set", "grid.time_steps=8", "--solver", solver]
        ran = shell("run", "gaussian_2d", *small, "-q", "--threads", threads, "-o", out)
        assert ran.returncode == Exit.OK, ran.stderr
        found.add(Path(out).read_bytes())
    assert len(found) == 1
