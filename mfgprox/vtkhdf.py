"""The group /VTKHDF: the same fields under the names that VTK's readers (ParaView) look for.

Nothing is stored twice: cell data are soft links to the fields of three space axes, and virtual
datasets of the same file where axes of one cell are missing. Time is that of the written levels.
"""

from __future__ import annotations

from collections.abc import Iterable

import h5py
import numpy as np

from mfgprox import hdf5
from mfgprox.grid import Grid

VERSION = (2, 2)


def write_vtkhdf(file: h5py.File, grid: Grid, times: np.ndarray, names: Iterable[str]) -> None:
    """Describe the datasets `names` of the root, (time, [z,] [y,] x), as temporal ImageData.

    An axis that the case does not have is one cell wide, centred at 0, as wide as the narrowest
    cell.
    """
    missing = 3 - grid.dimension
    width = min(grid.spacing)
    group = file.create_group("VTKHDF")
    group.attrs["Version"] = np.array(VERSION, "i8")
    group.attrs.create("Type", b"ImageData", dtype=h5py.string_dtype("ascii", 9))
    group.attrs["WholeExtent"] = np.array(
        [bound for n in grid.cells + (1,) * missing for bound in (0, n)], "i8"
    )
    group.attrs["Origin"] = np.array(grid.lower + (-0.5 * width,) * missing)
    group.attrs["Spacing"] = np.array(grid.spacing + (width,) * missing)
    group.attrs["Direction"] = np.eye(3).ravel()
    steps = group.create_group("Steps")
    steps.attrs["NSteps"] = np.int64(len(times))
    hdf5.write_array(steps, "Values", times, None)
    offsets, cell_data = steps.create_group("CellDataOffsets"), group.create_group("CellData")
    for name in names:
        hdf5.write_array(offsets, name, np.arange(len(times)), None)
        if missing:
            _add_axes(cell_data, file[name], missing)
        else:
            cell_data[name] = h5py.SoftLink(f"/{name}")


def _add_axes(group: h5py.Group, source: h5py.Dataset, missing: int) -> None:
    """A virtual dataset that shows `source` with axes of length one behind time."""
    name = source.name.encode()
    shape = (source.shape[0], *(1,) * missing, *source.shape[1:])
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    # The high-level call would note the time of day.
    settings.set_obj_track_times(False)
    space = h5py.h5s.create_simple(shape)
    settings.set_virtual(space, b".", name, h5py.h5s.create_simple(source.shape))
    h5py.h5d.create(group.id, name.lstrip(b"/"), source.id.get_type(), space, settings)
