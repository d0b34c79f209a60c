"""Result files that somebody has tampered with: every command answers in one line, or works."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
from hostile_results import COMMANDS, FAST, QUICK, SIZES, meet, sound
from shell import invoke

from mfgprox import hdf5
from mfgprox.storage import load


@pytest.fixture(params=SIZES, ids=str)
def content(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return sound(request.param, tmp_path / "a.h5")


@pytest.mark.compiled
def test_commands_meet_damaged_results(content, tmp_path):
    for words in COMMANDS[:QUICK]:
        assert invoke(*[word.format("a.h5") for word in words]).exit_code in (0, 1)
    statuses = meet(content, tmp_path, 16, 1, ((1, FAST),))
    assert statuses[2] > statuses.get(0, 0) // 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_thousands_of_damaged_results(seed):
    """Five hundred each, in a process that must neither crash nor hang."""
    here = Path(__file__).parent
    paths = os.pathsep.join(map(str, (here, here.parent)))
    command = [sys.executable, "-c", f"from hostile_results import part; part({seed}, 500)"]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": paths})


@pytest.mark.parametrize("name", ["/dev/zero", "pipe"])
def test_a_case_that_names_what_never_ends(name, content, tmp_path):
    """The file of a result's case is hashed, which must not wait for a pipe."""
    os.mkfifo("pipe")
    cells, ends = {1: ("[12]", "[0]"), 2: ("[5, 4]", "[0, 0]")}[load("a.h5").problem.grid.dimension]
    density = f'{{ kind = "image", file = "{name}" }}'
    case = f"epsilon = 2.0\np = 2.0\nP = {density}\nQ = {density}\n"
    case += f"grid = {{ lower = {ends}, upper = {ends.replace('0', '1')}, cells = {cells} }}\n"
    with h5py.File("a.h5", "r+") as file:
        for holder in (file, file[hdf5.TEXT]):
            del holder.attrs["case"]
            hdf5.write_text(holder, "case", case)
    assert invoke("info", "a.h5").exit_code == 0
    assert load("a.h5").problem.grid.cells


def test_chunks_that_unpack_to_far_more_than_the_array(content, tmp_path):
    with h5py.File("a.h5", "r+") as file:
        values = file["R"][()]
        del file["R"]
        chunks = (2**21,) + (1,) * (values.ndim - 1)
        file.create_dataset(
            "R", data=values, chunks=chunks, compression="gzip", maxshape=(None,) * values.ndim
        )
    done = invoke("info", "--recompute", "a.h5")
    assert done.exit_code == 2
    assert "are larger than the array" in done.stderr
