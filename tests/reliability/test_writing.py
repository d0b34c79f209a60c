"""Where nothing can be written: exit 4, one line, the old file untouched; every command."""

import errno
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import full_disks
import numpy as np
import pytest
from shell import invoke

from mfgprox import atomic, load
from mfgprox.exits import Exit

SMALL = ["--set", "grid.cells=[24]", "--set", "grid.time_steps=2", "-q"]
# Command, its arguments before -o, and the suffix of what it writes.
COMMANDS = {
    "run": (["run", "gaussian_1d", *SMALL], ".h5"),
    "flow": (["flow", "gaussian_1d", "--steps", "2", *SMALL], ".h5"),
    "particles": (
        ["flow", "gaussian_1d", "--kind", "particles", "--steps", "1", "-n", "20", *SMALL],
        ".npy",
    ),
    "sample": (["sample", "made.h5", "-n", "20", "-q"], ".npy"),
    "report": (["report", "made.h5"], ".html"),
    "plot": (["plot", "made.h5"], ".png"),
    "animate": (["animate", "made.h5"], ".gif"),
    "export csv": (["export", "made.h5", "--to", "csv"], ".csv"),
    "export npz": (["export", "made.h5", "--to", "npz"], ".npz"),
    "export vtk": (["export", "made.h5", "--to", "vtk"], ".pvd"),
    "new": (["new", "gaussian", "--force"], ".toml"),
}
MOMENTS = ("writing", "bringing it to the disk", "renaming")
SLOW = ("animate", "plot", "report", "particles", "flow")
ALL = [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in COMMANDS]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("made") / "made.h5"
    assert invoke("run", "gaussian_1d", *SMALL, "-o", path).exit_code == Exit.OK
    return path


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch, made):
    monkeypatch.chdir(tmp_path)
    shutil.copy(made, "made.h5")


def refused(result) -> str:
    """The one line of a command that cannot write."""
    assert result.exit_code == Exit.CANNOT_WRITE, (result.exit_code, result.stderr)
    lines = result.stderr.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("mfgprox: cannot write "), lines
    return lines[0]


def temporary_files(folder=Path()):
    return [path.name for path in folder.iterdir() if ".tmp" in path.name]


@pytest.mark.compiled
@pytest.mark.parametrize("name", ALL)
def test_the_output_is_a_directory_or_its_directory_is_missing(name):
    words, suffix = COMMANDS[name]
    Path(f"taken{suffix}").mkdir()
    assert "is a directory" in refused(invoke(*words, "-o", f"taken{suffix}"))
    assert "does not exist" in refused(invoke(*words, "-o", f"missing/out{suffix}"))
    Path("file").touch()
    refused(invoke(*words, "-o", f"file/out{suffix}"))


def fill(moment, monkeypatch):
    """The disk is full from that moment of a write on."""

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if moment == "writing":
        monkeypatch.setattr(Path, "write_bytes", full)
        plain = Path.open

        def refusing(path, mode="r", *more, **how):
            return full() if "w" in mode else plain(path, mode, *more, **how)

        monkeypatch.setattr(Path, "open", refusing)
        monkeypatch.setattr(atomic, "_to_disk", full)  # where another library does the writing
    elif moment == "renaming":
        monkeypatch.setattr(Path, "replace", full)
    else:
        monkeypatch.setattr(atomic, "_to_disk", full)


@pytest.mark.compiled
@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_disk_that_is_full_at_any_moment(name, moment, monkeypatch):
    words, suffix = COMMANDS[name]
    out = Path(f"out{suffix}")
    if name == "run":
        shutil.copy("made.h5", out)
    else:
        out.write_bytes(b"old")
    old = out.read_bytes()
    with monkeypatch.context() as patches:
        fill(moment, patches)
        assert "No space left" in refused(invoke(*words, "-o", out))
    assert out.read_bytes() == old
    assert not temporary_files()


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_sweep_on_a_disk_that_is_full(moment, monkeypatch):
    """What is finished stays as it is; nothing of the rest."""
    words = ["sweep", "gaussian_1d", "--figures", "none", *SMALL, "-o", "out"]
    assert invoke(*words, "--epsilon", "1").exit_code == Exit.OK
    old = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    assert len(old) == 2
    with monkeypatch.context() as patches:
        fill(moment, patches)
        assert "No space left" in refused(invoke(*words, "--epsilon", "1,2"))
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == old
    assert invoke(*words, "--epsilon", "1,2").exit_code == Exit.OK


@pytest.mark.compiled
def test_a_sweep_where_it_cannot_write():
    words = ["sweep", "gaussian_1d", "--epsilon", "1", *SMALL]
    Path("file").touch()
    assert "a directory is needed" in refused(invoke(*words, "-o", "file"))
    assert "does not exist" in refused(invoke(*words, "-o", "missing/out"))
    assert not Path("missing").exists()


@pytest.mark.slow
@pytest.mark.skipif(not full_disks.possible(), reason="needs a mount in a namespace of its own")
def test_disks_that_are_too_small():
    """Of 20 sizes, every command that writes."""
    done = subprocess.run(
        [sys.executable, full_disks.__file__], capture_output=True, text=True, timeout=3600
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert done.stdout.count("exit 4") >= 8, done.stdout


@pytest.mark.compiled
def test_a_directory_that_is_read_only(monkeypatch):
    """Root may write anywhere: what the system would answer is put in its place."""
    Path("locked").mkdir()
    if os.geteuid() == 0:
        monkeypatch.setattr(os, "access", lambda path, mode: "locked" not in str(path))
    else:
        Path("locked").chmod(0o500)
    for words, suffix in COMMANDS.values():
        assert "no permission" in refused(invoke(*words, "-o", f"locked/out{suffix}"))
    assert not list(Path("locked").iterdir())


@pytest.mark.slow
def test_a_directory_that_vanishes_during_the_run():
    Path("gone").mkdir()
    command = [sys.executable, "-m", "mfgprox", "run", "gaussian_1d", "--solver", "primal-dual"]
    command += ["--set", "solver.rtol=1e-9", "--set", "solver.max_iterations=400"]
    process = subprocess.Popen(
        [*command, "-o", "gone/out.h5"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert any(line.startswith("grid") for line in process.stderr)
    shutil.rmtree("gone")
    said = process.communicate(timeout=120)[1].splitlines()
    assert process.returncode == Exit.CANNOT_WRITE, said
    assert said[-1].startswith("mfgprox: cannot write gone/out")
    assert not Path("gone").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of processes")
@pytest.mark.parametrize("kibibytes", np.linspace(1, 60, 20).astype(int))
def test_a_limit_of_the_size_of_files(kibibytes):
    """As a quota does: written whole, or one line and the old file."""
    shutil.copy("made.h5", "out.h5")
    old = Path("out.h5").read_bytes()
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({kibibytes * 1024},) * 2);"
        "from mfgprox.cli import main; main()"
    )
    words = ["run", "gaussian_1d", *SMALL, "-o", "out.h5"]
    # Compiled code is cached by processes without a limit: this one must not need to.
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=120
    )
    if done.returncode == Exit.OK:
        load("out.h5")
        assert Path("out.h5").stat().st_size <= kibibytes * 1024
    else:
        assert done.returncode == Exit.CANNOT_WRITE, done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert Path("out.h5").read_bytes() == old
    assert not temporary_files()


def started(out: str, *words: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "mfgprox", "run", "gaussian_1d", *SMALL, *words]
    return subprocess.Popen([*command, "-o", out], stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_two_runs_that_write_the_same_output(monkeypatch):
    """The first wins, whole; the second says so, and leaves its checkpoint alone."""
    monkeypatch.setenv("MFGPROX_CHECKPOINT_SECONDS", "0")
    long = ("--solver", "primal-dual", "--set", "solver.rtol=1e-12", "--max-time", "20")
    first = started("both.h5", *long)
    while not Path("both.checkpoint.h5").exists():
        assert first.poll() is None, first.communicate()
        time.sleep(0.01)
    for name in ("both.h5", "both"):  # which have the same checkpoint
        second = started(name, *long)
        said = second.communicate(timeout=120)[1]
        assert second.returncode == Exit.CANNOT_WRITE, said
        assert said == (
            f"mfgprox: cannot write {name}: another run is writing it (process {first.pid} on "
            f"{socket.gethostname()}); wait for it, or choose another name\n"
        )
    assert first.communicate(timeout=120) and first.returncode in (0, Exit.NOT_CONVERGED)
    assert load("both.h5").solver == "primal-dual"
    left = {path.name for path in Path().iterdir()}
    assert left <= {"both.h5", "both.checkpoint.h5", "made.h5"}, left


@pytest.mark.slow
def test_runs_that_begin_at_the_same_moment():
    """One at least ends; the others end or are refused; the file is whole."""
    for attempt in range(3):
        processes = [started("both.h5") for _ in range(4)]
        said = [process.communicate(timeout=240)[1] for process in processes]
        statuses = [process.returncode for process in processes]
        assert 0 in statuses and set(statuses) <= {0, Exit.CANNOT_WRITE}, said
        assert Path("both.h5").read_bytes() == Path("made.h5").read_bytes(), attempt
        assert sorted(path.name for path in Path().iterdir()) == ["both.h5", "made.h5"]
        Path("both.h5").unlink()
