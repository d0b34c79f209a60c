"""Damaged, foreign and hostile result files: refused in a sentence, or the same fields."""

import faulthandler

import h5py
import numpy as np
import pytest
from gaussian_solutions import gaussian_solution
from stored_results import FIELDS, damaged, same_bits

from mfgprox import hdf5
from mfgprox.info import describe
from mfgprox.storage import StorageError, load, same_case, save


@pytest.fixture
def stored(tmp_path):
    return save(gaussian_solution((24, 16)), tmp_path / "out.h5")


def test_foreign_files_are_refused_in_one_sentence(tmp_path, stored):
    text, folder, plain = tmp_path / "text.h5", tmp_path / "folder.h5", tmp_path / "plain.h5"
    text.write_text("not HDF5")
    folder.mkdir()
    with h5py.File(plain, "w") as file:
        file["rho"] = np.ones(3)
    (tmp_path / "empty.h5").touch()
    cut = tmp_path / "cut.h5"
    for name in ("missing.h5", "text.h5", "folder.h5", "plain.h5", "empty.h5"):
        for use in (load, describe):
            with pytest.raises(StorageError, match=name) as caught:
                use(tmp_path / name)
            assert "\n" not in str(caught.value)
    content = stored.read_bytes()
    for length in (10, 100, len(content) // 2, len(content) - 1):
        cut.write_bytes(content[:length])
        with pytest.raises(StorageError, match=r"cut\.h5"):
            load(cut)


def edit_missing(file):
    del file["rho"]


def edit_shape(file):
    del file["R"]
    file["R"] = np.ones((3, 3))


def edit_negative(file):
    file["Q"][0, 0] = -1.0


def edit_nan(file):
    file["rho"][2, 0, 0] = np.nan


def edit_empty(file):
    file["R"][...] = 0.0


def edit_empty_level(file):
    file["rho"][1] = 0.0


def edit_below(file):
    file["R"][0, 0] = -1e-11 * file["R"][...].max()


def edit_heavy(file):
    file["R"][...] = 1e308


def edit_link(file):
    del file["U"]
    file["U"] = h5py.ExternalLink("/etc/hostname", "/U")


def edit_external(file):
    del file["R"]
    file.create_dataset("R", (16, 24), "f8", external=[("/dev/zero", 0, 16 * 24 * 8)])


def edit_virtual(file):
    layout = h5py.VirtualLayout((16, 24), "f8")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "R", (16, 24))
    del file["R"]
    file.create_virtual_dataset("R", layout)


def edit_bomb(file):
    file.attrs["cells"] = np.array([2**20, 2**20])
    for name in ("P", "log_P"):
        del file[name]
        made = file.create_dataset(name, (2**20, 2**20), "f8", chunks=(2**10, 2**10))
        made.attrs["cut_off"], made.attrs["smooth"] = 0.0, 1


def edit_attribute(file):
    del file.attrs["epsilon"]


def edit_kind(file):
    hdf5.write_text(file, "epsilon", "two")


def edit_heap(file):
    file["text"].attrs["certificate"] = "text of any length, in a heap without a checksum"


def edit_epsilon(file):
    file.attrs["epsilon"] = -2.0


def edit_version(file):
    hdf5.write_text(file["text"], "format_version", "2.0")


def edit_status(file):
    hdf5.write_text(file["text"], "status_name", "FINE")


def edit_times(file):
    file["time"][3] = 0.9


def edit_divergence(file):
    hdf5.write_text(file["text"], "f_divergence", "none")


def edit_history(file):
    del file["history"]


@pytest.mark.parametrize(
    "edit",
    [f for n, f in list(globals().items()) if n.startswith("edit_")],
    ids=lambda f: f.__name__,
)
def test_damaged_and_hostile_files_are_refused_in_one_sentence(edit, stored):
    with h5py.File(stored, "r+") as file:
        edit(file)
    with pytest.raises(StorageError) as caught:
        load(stored)
    message = str(caught.value)
    assert message.startswith(f"{stored}: ")
    assert "\n" not in message


def test_a_density_below_0_by_rounding_is_read_as_0(stored):
    with h5py.File(stored, "r+") as file:
        file["R"][0, 0] = -1e-15 * file["R"][...].max()
    assert load(stored).R[0, 0] == 0.0


def meet_damaged_files(folder, count: int, seed: int) -> int:
    """Load, describe and compare damaged copies; how many of them were refused."""
    path = folder / "out.h5"
    save(gaussian_solution((12,) if seed % 2 else (8, 6), 2), path, momentum=True)
    written, content, random = load(path), path.read_bytes(), np.random.default_rng(seed)
    refused = 0
    for number in range(count):
        path.write_bytes(damaged(content, random))
        faulthandler.dump_traceback_later(60, exit=True)
        try:
            describe(path)
            same_case(path, "epsilon = 2.0")
            back = load(path)
        except StorageError as error:
            assert "\n" not in str(error)
            refused += 1
            continue
        finally:
            faulthandler.cancel_dump_traceback_later()
        for name in FIELDS:
            assert same_bits(getattr(back, name), getattr(written, name)), (number, name)
    return refused


def test_damaged_files_are_refused_or_give_the_same_fields(tmp_path):
    assert meet_damaged_files(tmp_path, 150, seed=1) > 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_thousands_of_damaged_files(seed, tmp_path):
    assert meet_damaged_files(tmp_path, 500, seed) > 300
