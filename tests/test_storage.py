"""Result files: the same bits back, the same bytes twice, readable elsewhere."""

import dataclasses
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
import xarray
from gaussian_solutions import gaussian_solution
from stored_results import FIELDS, same_bits

from mfgprox import hdf5, storage
from mfgprox.density import ArrayDensity
from mfgprox.grid import Grid
from mfgprox.info import describe
from mfgprox.problem import Problem
from mfgprox.storage import StorageError, kept_levels, load, same_case, save

CELLS = [(64,), (12, 17), (6, 5, 7), (4, 1)]
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


def test_a_file_that_xarray_has_open_is_read_all_the_same(tmp_path):
    path = save(gaussian_solution((32,)), tmp_path / "out.h5")
    with xarray.open_dataset(path, engine="h5netcdf") as data:
        assert np.array_equal(load(path).R, data.R)


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


def test_describe(tmp_path):
    stored = save(gaussian_solution((24, 16)), tmp_path / "out.h5")
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


def test_storage_module_is_light():
    code = "import sys, mfgprox.storage; print({'numba', 'matplotlib'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
    assert storage.FORMAT == "mfgprox result"
