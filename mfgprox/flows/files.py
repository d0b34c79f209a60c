"""Flows as HDF5 files: the layout of a result file, with the times of the flow and its energy.

`time`, `x`, …, `rho`, `U`, `P`, `Q`, `R` (the last density) and /VTKHDF are those of a result;
/flow holds `energy` (time levels); the format is "mfgprox flow", since time need not end at 1.
"""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np

from mfgprox import atomic, hdf5
from mfgprox.flows.flow import KINDS, Flow
from mfgprox.layout import fill
from mfgprox.restore import read_density, restore_problem
from mfgprox.storage import StorageError, require_format
from mfgprox.tolerance import Status

FLOW_FORMAT = "mfgprox flow"
MOST_LEVELS = 10**6


def save_flow(flow: Flow, path: str | Path) -> Path:
    """Write a flow atomically. Raises OSError where the system refuses."""
    return atomic.write_bytes(path, hdf5.image(lambda file: _fill(file, flow)))


def _fill(file: h5py.File, flow: Flow) -> None:
    fill(file, flow.as_solution(), list(range(len(flow.times))), momentum=False)
    texts = {
        "format": FLOW_FORMAT,
        "kind": flow.kind,
        "inner_solver": flow.solver,
        "statuses": json.dumps([status.name for status in flow.statuses]),
    }
    for name, text in texts.items():
        hdf5.write_string(file, name, text)
        hdf5.write_text(file[hdf5.TEXT], name, text)
    group = file.create_group("flow")
    energy = hdf5.write_array(group, "energy", flow.energy, flow.energy.shape, **hdf5.COMPRESSION)
    energy.dims[0].attach_scale(file["time"])


def load_flow(path: str | Path) -> Flow:
    """The flow in a file. Raises StorageError for what is missing, foreign or damaged."""
    path = Path(path)
    with hdf5.reading(path, StorageError) as file:
        require_format(file, FLOW_FORMAT, "a flow of mfgprox")
        problem = restore_problem(file, path.resolve().parent)
        shape = hdf5.dataset(file, "time").shape
        if len(shape) != 1 or not 2 <= shape[0] <= MOST_LEVELS:
            raise StorageError(f"'time' of shape {shape} is not a list of time levels")
        times = hdf5.read_array(file, "time", shape)
        if times[0] != 0.0 or not (np.diff(times) > 0.0).all():
            raise StorageError("'time' does not increase from 0")
        rho = read_density(file, "rho", (*shape, *problem.grid.shape), len(times))
        U = hdf5.read_array(file, "U", (*shape, *problem.grid.shape))
        kind = hdf5.attribute(file, "kind", str)
        names = json.loads(hdf5.attribute(file, "statuses", str))
        if kind not in KINDS or not all(name in Status.__members__ for name in names):
            raise StorageError("the kind of the flow or a status is not known")
        return Flow(
            kind,
            problem,
            hdf5.attribute(file, "inner_solver", str),
            times,
            rho,
            U,
            hdf5.read_array(file["flow"], "energy", shape),
            hdf5.read_array(file["history"], "gap", (len(names),)),
            tuple(Status[name] for name in names),
        )
