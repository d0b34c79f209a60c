"""Solutions as HDF5 result files, and back.

Layout: coordinates `time`, `x` (`y`, `z`) as dimension scales; `rho` and `U` (time, [z,] [y,] x);
`P`, `Q`, `R`, `first_variation`; `/history`; `/VTKHDF` for ParaView; everything else in root
attributes. The same solution gives the same bytes: no dates, no durations, no directories.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import h5py
import numpy as np

from mfgprox import atomic, hdf5
from mfgprox.grid import AXES, Grid
from mfgprox.layout import FORMAT, FORMAT_VERSION, VALUES, fill, momentum_shape
from mfgprox.restore import read_density, restore_problem
from mfgprox.solution import HISTORY_COLUMNS, Certificate, Solution
from mfgprox.tolerance import Status

OTHERS = {
    FORMAT: "the result of a run",
    "mfgprox flow": "a flow",
    "mfgprox checkpoint": "a checkpoint, from which `mfgprox run` goes on with --resume",
}
"""What else this package writes, by its format."""


class StorageError(hdf5.HDF5Error):
    """A result file that cannot be used; the message names the file and what is wrong."""


def save(
    solution: Solution,
    path: str | Path,
    *,
    force: bool = True,
    snapshots: int | None = None,
    momentum: bool | None = None,
) -> Path:
    """Write a result file atomically and return its path.

    force: replace whatever the file holds; otherwise a file that does not hold the same case is
    refused. snapshots: how many time levels of rho and U to write, at least the first and the
    last. momentum: write the momentum too, on all time intervals, so that with rho at time 0 the
    continuity equation gives every level. Defaults are those of the case, else all levels and no
    momentum. Raises StorageError (refused, nothing written), ValueError for a momentum of another
    shape, OSError where the system refuses.
    """
    path = Path(path)
    case = solution.problem.case
    if snapshots is None and case is not None:
        snapshots = case.output.snapshots
    if momentum is None:
        momentum = case is not None and case.output.momentum and len(solution.momentum) > 0
    if not force and path.exists() and not same_case(path, case.text if case else ""):
        raise StorageError(f"{path}: exists and does not hold the same case")
    levels = kept_levels(len(solution.times), snapshots)
    content = hdf5.image(lambda file: fill(file, solution, levels, momentum))
    return atomic.write_bytes(path, content)


def load(path: str | Path) -> Solution:
    """The solution in a result file, to the bit; see `mfgprox.restore` for its problem.

    Raises StorageError for what is missing, foreign, cut off or damaged.
    """
    with hdf5.reading(path, StorageError) as file:
        require_format(file, FORMAT, "a result file of mfgprox")
        problem = restore_problem(file, Path(path).resolve().parent)
        grid = problem.grid
        times = _read_times(file, grid)
        rho = read_density(file, "rho", (len(times), *grid.shape), len(times))
        U = hdf5.read_array(file, "U", (len(times), *grid.shape))
        R = read_density(file, "R", grid.shape)
        values = {name: hdf5.attribute(file, name, float) for name in VALUES}
        return Solution(
            problem=problem,
            solver=hdf5.attribute(file, "solver", str),
            status=_read_status(file),
            iterations=hdf5.attribute(file, "iterations", int),
            rho=rho,
            U=U,
            R=R,
            momentum=_read_momentum(file, grid),
            certificate=Certificate(
                values["primal_value"],
                values["dual_value"],
                values["lower_bound"],
                values["upper_bound"],
                hdf5.attribute(file, "certificate", str),
            ),
            divergence=values["divergence"],
            divergence_error=values["divergence_error"],
            transport_cost=values["transport_cost"],
            information_divergence=values["information_divergence"],
            history=_read_history(file),
            notes=tuple(map(str, json.loads(hdf5.attribute(file, "notes", str)))),
            written_times=None if np.array_equal(times, grid.times) else times,
        )


def same_case(path: str | Path, text: str) -> bool:
    """Whether a file holds a result of the case with this text, and so may be written over."""
    try:
        with hdf5.reading(path, StorageError) as file:
            require_format(file, FORMAT, "a result file of mfgprox")
            return bool(text) and hdf5.attribute(file, "case", str) == hdf5.plain(text)
    except StorageError:
        return False


def kept_levels(levels: int, snapshots: int | None) -> list[int]:
    """Which of the time levels are written: evenly spread, the first and the last among them."""
    last = levels - 1
    if snapshots is None or snapshots >= levels:
        return list(range(levels))
    gaps = max(snapshots, 2) - 1
    return [(i * last + gaps // 2) // gaps for i in range(gaps + 1)]


def require_format(file: h5py.File, name: str, called: str) -> None:
    """Raise HDF5Error unless the file says that it is of this format, in a version known here."""
    found = hdf5.format_of(file)
    if found != name and found in OTHERS:
        raise hdf5.HDF5Error(f"{OTHERS[found]}, not {called}")
    if found != name:
        raise hdf5.HDF5Error(f"not {called}")
    version = hdf5.attribute(file, "format_version", str)
    if version.split(".")[0] != FORMAT_VERSION.split(".")[0]:
        raise hdf5.HDF5Error(f"written in format {version}; this version reads {FORMAT_VERSION}")


def _read_times(file: h5py.File, grid: Grid) -> np.ndarray:
    shape = hdf5.dataset(file, "time").shape
    if len(shape) != 1 or not 2 <= shape[0] <= grid.time_steps + 1:
        raise StorageError(f"'time' of shape {shape} does not fit {grid.time_steps} time steps")
    times = hdf5.read_array(file, "time", shape)
    if times[0] != 0.0 or times[-1] != 1.0 or not (np.diff(times) > 0.0).all():
        raise StorageError("'time' does not increase from 0 to 1")
    return times


def _read_status(file: h5py.File) -> Status:
    name = hdf5.attribute(file, "status_name", str)
    if name not in Status.__members__:
        raise StorageError(f"the status {name!r} is not known")
    return Status[name]


def _read_momentum(file: h5py.File, grid: Grid) -> tuple[np.ndarray, ...]:
    letters = AXES[: grid.dimension]
    if not all(f"m{letter}" in file for letter in letters):
        return ()
    return tuple(
        hdf5.read_array(file, f"m{letter}", momentum_shape(grid, axis))
        for axis, letter in enumerate(letters)
    )


def _read_history(file: h5py.File) -> dict[str, np.ndarray]:
    group = file.get("history")
    if not isinstance(group, h5py.Group):
        raise StorageError("the group 'history' is missing")
    rows = hdf5.dataset(group, "iteration").shape
    if len(rows) != 1 or math.prod(rows) > 10**9:
        raise StorageError("'history/iteration' is not a list of iterations")
    known = [name for name in HISTORY_COLUMNS if name in group]
    others = sorted(set(group) - set(known) - {"iteration"})
    return {name: hdf5.read_array(group, name, rows) for name in known + others}
