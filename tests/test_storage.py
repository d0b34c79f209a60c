"""Result files: the same bits back, the same bytes twice, readable elsewhere, safe to meet."""

import dataclasses
import faulthandler
import os
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest
import xarray
from gaussian_solutions import gaussian_solution

from mfgprox import atomic, hdf5, storage
from mfgprox.density import ArrayDensity
from mfgprox.grid import Grid
from mfgprox.info import describe
from mfgprox.problem import Problem
from mfgprox.storage import StorageError, kept_levels, load, same_case, save

CELLS = [(64,), (12, 17), (6, 5, 7), (4, 1)]
FIELDS = ("rho", "U", "R", "first_variation", "times")
NUMBERS = (
    "divergence",
    "divergence_error",
    "transport_cost",
    "information_divergence",
    "primal_value",
    "dual_value",
    "lower_bound",
    "upper_bound",
    "mass_error",
    "terminal_mismatch",
)


@pytest.fixture(params=CELLS, ids=str)
def solution(request):
    return gaussian_solution(request.param)


def same_bits(a, b) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def test_round_trip_to_the_bit(solution, tmp_path):
    path = save(solution, tmp_path / "out.h5", momentum=True)
    back = load(path)
    for name in FIELDS:
        assert same_bits(getattr(back, name), getattr(solution, name)), name
    for name in ("P", "Q", "log_P", "log_Q"):
        assert same_bits(getattr(back.problem, name), getattr(solution.problem, name)), name
    for found, written in zip(back.momentum, solution.momentum, strict=True):
        assert same_bits(found, written)
    assert list(back.history) == list(solution.history)
    for name, column in solution.history.items():
        assert same_bits(back.history[name], column), name
    for name in NUMBERS:
        assert getattr(back, name) == getattr(solution, name), name
    assert back.problem.grid == solution.problem.grid
    assert back.problem.cost == solution.problem.cost
    assert (back.problem.epsilon, back.problem.title) == (2.0, solution.problem.title)
    assert back.problem.cut_off == solution.problem.cut_off
    assert back.problem.smooth == solution.problem.smooth
    for name in ("solver", "status", "iterations", "notes"):
        assert getattr(back, name) == getattr(solution, name), name
    assert back.certificate.statement == solution.certificate.statement


def test_saving_what_was_loaded_gives_the_same_bytes(solution, tmp_path):
    first = save(solution, tmp_path / "a.h5", momentum=True)
    second = save(load(first), tmp_path / "b.h5", momentum=True)
    assert first.read_bytes() == second.read_bytes()


def test_bytes_depend_neither_on_the_clock_nor_on_stale_memory(tmp_path):
    script = (
        "import sys; from gaussian_solutions import gaussian_solution as g; from mfgprox import "
        "storage; [storage.save(g(c), f'{sys.argv[1]}{len(c)}', momentum=True) "
        "for c in [(64,), (12, 17), (6, 5, 7)]]"
    )
    for name, perturb in (("a", "0"), ("b", "165")):
        variables = {**os.environ, "MALLOC_PERTURB_": perturb, "PYTHONPATH": "tests"}
        command = [sys.executable, "-c", script, str(tmp_path / name)]
        subprocess.run(command, env=variables, check=True, timeout=60)
    for d in "123":
        with h5py.File(tmp_path / f"a{d}") as file:
            times = []
            file.visititems(
                lambda _, found, times=times: times.append(h5py.h5g.get_objinfo(found.id).mtime)
            )
            assert not any(times)
        assert (tmp_path / f"a{d}").read_bytes() == (tmp_path / f"b{d}").read_bytes()


def test_zeros_keep_their_support(tmp_path):
    grid = Grid((0.0,), (1.0,), (8,), 2)
    Q = ArrayDensity(np.array([0.0, 0, 1, 2, 3, 0, 1e-300, 0]), grid)
    problem = Problem(np.ones(8), Q, epsilon=1.0, grid=grid, p=1.5, cost="separable")
    solution = dataclasses.replace(
        gaussian_solution((8,), 2), problem=problem, written_times=None, momentum=()
    )
    back = load(save(solution, tmp_path / "out.h5")).problem
    assert same_bits(back.log_Q, problem.log_Q)
    assert np.isneginf(back.log_Q).sum() == 4
    assert back.cost == problem.cost
    # A density that is known by its cells only is averaged onto another grid.
    coarse = back.on(grid.coarsened())
    averages = problem.Q.reshape(4, 2).mean(axis=1)
    assert np.allclose(coarse.Q, averages, rtol=1e-14)


@pytest.mark.parametrize("levels", [2, 3, 9, 33])
@pytest.mark.parametrize("snapshots", [None, 1, 2, 3, 5, 8, 9, 100])
def test_kept_levels(levels, snapshots):
    kept = kept_levels(levels, snapshots)
    assert kept[0] == 0
    assert kept[-1] == levels - 1
    assert (np.diff(kept) > 0).all()
    assert len(kept) == min(levels, max(2, snapshots or levels))
    assert np.ptp(np.diff(kept)) <= 1


def test_fewer_snapshots(tmp_path):
    solution = gaussian_solution((16, 12))
    back = load(save(solution, tmp_path / "out.h5", snapshots=4))
    assert back.times.tolist() == [0.0, 0.375, 0.625, 1.0]
    assert same_bits(back.rho, solution.rho[[0, 3, 5, 8]])
    assert same_bits(back.first_variation, solution.first_variation)
    assert back.problem.grid == solution.problem.grid
    assert back.momentum == ()
    again = load(save(back, tmp_path / "again.h5", snapshots=3))
    assert again.times.tolist() == [0.0, 0.625, 1.0]


def test_momentum_that_does_not_fit_is_refused(tmp_path):
    solution = gaussian_solution((6, 5))
    for momentum in [(), solution.momentum[::-1]]:
        broken = dataclasses.replace(solution, momentum=momentum)
        with pytest.raises(ValueError, match="momentum"):
            save(broken, tmp_path / "out.h5", momentum=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("cells", [(64,), (12, 17), (6, 5, 7)], ids=str)
def test_opens_in_xarray_with_labels(cells, tmp_path):
    solution = gaussian_solution(cells)
    path = save(solution, tmp_path / "out.h5", momentum=True)
    grid = solution.problem.grid
    axes = "xyz"[: len(cells)]
    with xarray.open_dataset(path, engine="h5netcdf") as data:
        assert data.rho.dims == ("time", *axes[::-1])
        assert data.R.dims == tuple(axes[::-1])
        assert np.array_equal(data.rho.values, solution.rho)
        assert np.array_equal(data.time, grid.times)
        for axis, letter in enumerate(axes):
            assert np.array_equal(data[letter], grid.centers(axis))
            assert f"{letter}_face" in data[f"m{letter}"].dims
        middle = data.U.sel(time=0.5).sel({axes[0]: 0.1}, method="nearest")
        assert middle.shape == grid.shape[:-1]
        assert data.attrs["divergence"] == solution.divergence
        assert data.attrs["converged"] == 1
        assert data.attrs["solver"] == "primal-dual"
    with xarray.open_dataset(path, engine="h5netcdf", group="history") as history:
        assert history.gap.dims == ("iteration",)
        assert history.iteration.values[0] == 1


@pytest.mark.parametrize("cells", [(64,), (12, 17), (6, 5, 7)], ids=str)
def test_vtkhdf_group_shows_the_same_fields(cells, tmp_path):
    solution = gaussian_solution(cells)
    with h5py.File(save(solution, tmp_path / "out.h5")) as file:
        group = file["VTKHDF"]
        assert group.attrs["Version"].tolist() == [2, 2]
        kind = group.attrs.get_id("Type")
        assert kind.dtype == "S9"
        assert not kind.get_type().is_variable_str()
        extent = group.attrs["WholeExtent"].reshape(3, 2)[:, 1]
        assert extent.tolist() == [*cells, 1, 1][:3]
        assert group["Steps"].attrs["NSteps"] == 9
        assert np.array_equal(group["Steps/Values"], solution.times)
        for name in ("rho", "U"):
            shown = group["CellData"][name]
            assert shown.shape == (9, *extent[::-1])
            assert np.array_equal(shown[()].ravel(), getattr(solution, name).ravel())
            assert group["Steps/CellDataOffsets"][name][()].tolist() == list(range(9))


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


def damaged(content: bytes, random: np.random.Generator) -> bytes:
    """The content with some of its bytes changed, moved, or cut off."""
    made, size = bytearray(content), len(content)
    start, length = int(random.integers(size)), int(random.integers(1, 300))
    match random.integers(5):
        case 0:
            made[start] ^= 1 << int(random.integers(8))
        case 1:
            made[start : start + length] = random.bytes(min(length, size - start))
        case 2:
            made[start : start + length] = b"\xff" * min(length, size - start)
        case 3:
            other = int(random.integers(size - length))
            made[start : start + length] = made[other : other + length]
        case 4:
            made[start:] = bytes(random.integers(2) * (size - start))
    return bytes(made)


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


def test_who_may_write_over_what(tmp_path):
    solution = gaussian_solution((16,))
    path = save(solution, tmp_path / "out.h5", force=False)
    assert not same_case(path, "")
    with pytest.raises(StorageError, match="same case"):
        save(solution, path, force=False)
    with h5py.File(path, "r+") as file:
        hdf5.write_text(file["text"], "case", "epsilon = 2.0")
    assert same_case(path, "epsilon = 2.0")
    assert not same_case(path, "epsilon = 3.0")
    (tmp_path / "thesis.h5").write_text("years of work")
    assert not same_case(tmp_path / "thesis.h5", "epsilon = 2.0")


def test_describe(stored):
    text = describe(stored)
    solution = load(stored)
    for part in (
        "Two Gaussians, 2-D",
        "24×16 cells",
        "primal-dual, 40 iterations",
        solution.status.value,
        f"{solution.divergence:.10g}",
        "rho",
        "(time 9, y 16, x 24)",
        "made from a closed form",
    ):
        assert part in text, part
    with h5py.File(stored, "r+") as file:
        hdf5.write_text(file["text"], "title", "\x1b[2J\x07 cleared")
    assert "\x1b" not in describe(stored)


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


def test_storage_module_is_light():
    code = "import sys, mfgprox.storage; print({'numba', 'matplotlib'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
    assert storage.FORMAT == "mfgprox result"


def test_a_file_that_xarray_has_open_is_read_all_the_same(tmp_path):
    path = save(gaussian_solution((32,)), tmp_path / "out.h5")
    with xarray.open_dataset(path, engine="h5netcdf") as data:
        assert np.array_equal(load(path).R, data.R)
