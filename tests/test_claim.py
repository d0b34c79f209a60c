"""One run at a time writes an output; the other is told; no claim outlives its process."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mfgprox import claim
from mfgprox.claim import Claimed, claimed, lock_path

HOLD = """
import sys, time
from mfgprox.claim import claimed
with claimed(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that has claimed out.h5."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "out.h5")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_one_is_told_by_whom(holder, tmp_path):
    for name in ("out.h5", "out"):  # which share a checkpoint
        with pytest.raises(Claimed, match=rf"\(process {holder.pid} on "), claimed(tmp_path / name):
            pass
    with claimed(tmp_path / "other.h5"):
        pass


def test_what_a_killed_one_leaves_claims_nothing_and_goes(holder, tmp_path):
    holder.kill()
    holder.wait()
    assert [path.name for path in tmp_path.iterdir()] == [".out.lock"]
    with claimed(tmp_path / "out.h5"):
        assert str(os.getpid()) in (tmp_path / ".out.lock").read_text()
    assert not list(tmp_path.iterdir())


def test_a_link_claims_what_it_leads_to(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link.h5").symlink_to("there/out.h5")
    with (
        claimed(tmp_path / "link.h5"),
        pytest.raises(Claimed),
        claimed(tmp_path / "there" / "out.h5"),
    ):
        pass
    assert not list((tmp_path / "there").iterdir())


def test_a_foreign_link_in_place_of_the_claim_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("kept")
    lock_path(tmp_path / "out.h5").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError), claimed(tmp_path / "out.h5"):
        pass
    assert (tmp_path / "precious").read_text() == "kept"


def test_never_two_at_a_time(tmp_path):
    """Threads that claim and let go as fast as they can: removal and creation cross each other."""
    inside, most, successes = [0], [0], [0]
    counting = threading.Lock()
    end = time.monotonic() + 0.5

    def work():
        while time.monotonic() < end:
            try:
                with claimed(tmp_path / "out.h5"):
                    with counting:
                        inside[0] += 1
                        most[0] = max(most[0], inside[0])
                        successes[0] += 1
                    with counting:
                        inside[0] -= 1
            except Claimed:
                pass

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert successes[0] > 100
    assert not list(tmp_path.iterdir())


def test_a_file_system_without_locks_is_written_to_all_the_same(tmp_path, monkeypatch):
    def unsupported(descriptor, operation):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(claim.fcntl, "flock", unsupported)
    with claimed(tmp_path / "out.h5"):
        assert not list(tmp_path.iterdir())


def test_a_directory_that_vanishes_or_is_missing(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    with claimed(folder / "out.h5"):
        lock_path(folder / "out.h5").unlink()
        folder.rmdir()
    with pytest.raises(FileNotFoundError), claimed(Path(folder, "out.h5")):
        pass
