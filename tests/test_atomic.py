"""Files appear whole or not at all: failures, signals, full disks, leftovers, links."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from gaussian_solutions import gaussian_solution

from mfgprox import atomic
from mfgprox.storage import load, save


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "out.h5"
    path.write_bytes(b"old")

    def fails(*_):
        raise OSError(28, "No space left on device")

    kind = type(path)
    for target, name in ((os, "fsync"), (kind, "write_bytes"), (kind, "replace")):
        with monkeypatch.context() as patch:
            patch.setattr(target, name, fails)
            with pytest.raises(OSError, match="No space left"):
                atomic.write_bytes(path, b"new")
        assert path.read_bytes() == b"old"
        assert [p.name for p in tmp_path.iterdir()] == ["out.h5"]
    atomic.write_bytes(path, b"new")
    assert path.read_bytes() == b"new"


def test_an_error_inside_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), atomic.replacing(tmp_path / "film.gif") as temporary:
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    living = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    host = atomic._host()
    try:
        gone = [f".out.h5.{host}-{pid}.tmp.h5" for pid in (dead.pid, os.getpid())]
        kept = [
            f".out.h5.{host}-{living.pid}.tmp.h5",
            f".other.h5.{host}-{dead.pid}.tmp.h5",
            f".out.h5.{host}-{dead.pid}.tmp.gif",
            f".out.h5.elsewhere-{dead.pid}.tmp.h5",
            ".out.h5.notes.tmp.h5",
            "out.h5.tmp",
        ]
        for name in gone + kept:
            (tmp_path / name).touch()
        ancient = tmp_path / ".out.h5.elsewhere-1.tmp.h5"
        ancient.touch()
        os.utime(ancient, (0, 0))
        atomic.write_bytes(tmp_path / "out.h5", b"")
        assert {p.name for p in tmp_path.iterdir()} == {*kept, "out.h5"}
    finally:
        living.communicate(b"\n")


def test_links_are_followed_and_devices_refused(tmp_path):
    (tmp_path / "real.h5").touch()
    (tmp_path / "link.h5").symlink_to("real.h5")
    atomic.write_bytes(tmp_path / "link.h5", b"new")
    assert (tmp_path / "link.h5").is_symlink()
    assert (tmp_path / "real.h5").read_bytes() == b"new"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="regular"):
        atomic.write_bytes(tmp_path / "pipe", b"new")


KILLED = """
import sys
from gaussian_solutions import gaussian_solution
from mfgprox import storage
solution = gaussian_solution((48, 48), 16)
print("ready", flush=True)
while True:
    storage.save(solution, sys.argv[1])
"""


def test_killed_writers_leave_whole_files(tmp_path):
    path = tmp_path / "out.h5"
    random = np.random.default_rng(1)
    variables = {**os.environ, "PYTHONPATH": "tests"}
    for _ in range(4):
        command = [sys.executable, "-c", KILLED, str(path)]
        writer = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE)
        writer.stdout.readline()
        try:
            writer.wait(0.1 + 0.2 * random.random())
        except subprocess.TimeoutExpired:
            writer.kill()
        writer.communicate()
        if path.exists():
            load(path)
    save(gaussian_solution((8,)), path)
    assert [p.name for p in tmp_path.iterdir()] == ["out.h5"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("mount") is None or os.geteuid() != 0, reason="needs mount")
def test_full_disks(tmp_path):
    """Sizes of a small file system around the size of the file: written whole, or not at all."""
    solution = gaussian_solution((32, 32))
    size = save(solution, tmp_path / "measure.h5").stat().st_size
    disk = tmp_path / "disk"
    disk.mkdir()
    for kibibytes in np.linspace(4, 2.5 * size / 1024, 20).astype(int):
        options = ["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", str(disk)]
        if subprocess.run(options, capture_output=True, check=False).returncode:
            pytest.skip("mounting is not allowed")
        try:
            path = disk / "out.h5"
            path.write_bytes(b"old")
            try:
                save(solution, path)
                load(path)
            except OSError:
                assert path.read_bytes() == b"old"
            assert [p.name for p in disk.iterdir()] == ["out.h5"]
        finally:
            subprocess.run(["umount", str(disk)], check=True)
