"""What is free is the least of what the machine, control groups and `ulimit -v` leave."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from mfgprox.case import free_memory
from mfgprox.case.free_memory import allowed

GIB = 2**30


def group(folder, most, used, files, names=free_memory.SECOND):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{most}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {files}\nslab 7\n")


def test_files_that_memory_holds_count_as_free(tmp_path):
    group(tmp_path, 4 * GIB, 3 * GIB, 2 * GIB)
    assert list(allowed(tmp_path, "0::/\n")) == [3 * GIB]


def test_every_group_around_the_process_counts(tmp_path):
    group(tmp_path / "batch", 8 * GIB, GIB, 0)
    group(tmp_path / "batch" / "job", "max", GIB, 0)
    group(tmp_path / "batch" / "job" / "step", 2 * GIB, GIB, 0)
    assert list(allowed(tmp_path, "0::/batch/job/step\n")) == [7 * GIB, GIB]


def test_groups_of_the_first_version(tmp_path):
    group(tmp_path / "memory", 2**63 - 4096, 9 * GIB, GIB, free_memory.FIRST)
    group(tmp_path / "memory" / "a b", 2 * GIB, 3 * GIB, 0, free_memory.FIRST)
    own = "5:cpu,cpuacct:/x\n4:memory:/a b\n1:name=systemd:/\n"
    assert list(allowed(tmp_path, own)) == [2**63 - 4096 - 8 * GIB, 0]


@pytest.mark.parametrize("own", ["", "0::/", "4:memory:/gone/../..", "no line of that kind\n:\n"])
def test_no_limits_no_answer(tmp_path, own):
    assert list(allowed(tmp_path, own)) == []


def test_the_least_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(free_memory, "CONTROL_GROUPS", tmp_path)
    monkeypatch.setattr(free_memory, "OWN_GROUPS", tmp_path / "own")
    whole = free_memory.free()
    assert whole is None or whole > 0
    group(tmp_path, 3 * 2**20, 2**20, 0)
    assert free_memory.free() == 2 * 2**20


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="needs Linux")
def test_a_limit_of_the_shell_refuses_the_run_with_the_estimate():
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30));"
        "from mfgprox.cli import main; main()"
    )
    words = ("run", "gaussian_2d", "--dry-run", "--set", "grid.cells=[2000,2000]")
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "GiB are free" in done.stderr and "1 GiB are" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert resource.getrlimit(resource.RLIMIT_AS)[0] != 2**30
