"""Where a solve stands, in a file from which it continues to the same bits.

A checkpoint holds `iterate.Progress`: the tree of the solver's state and the history. It names its
case and solver, and is refused by any other. It is written atomically beside the result.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

import mfgprox
from mfgprox import atomic, hdf5
from mfgprox.tree import TreeError, put_together, take_apart

if TYPE_CHECKING:
    from mfgprox.solvers.iterate import Progress

FORMAT = "mfgprox checkpoint"
FORMAT_VERSION = "1.0"


class CheckpointError(hdf5.HDF5Error):
    """A checkpoint that cannot be used; the message names the file and what is wrong."""


def path_for(output: str | Path) -> Path:
    """The checkpoint that belongs to a result file: OUT.h5 → OUT.checkpoint.h5 beside it."""
    output = Path(output)
    return output.with_name(f"{output.name.removesuffix('.h5')}.checkpoint.h5")


def save(
    progress: Progress,
    path: str | Path,
    *,
    case_text: str,
    solver: str,
    settings: Any = None,
) -> Path:
    """Write a checkpoint atomically and return its path.

    case_text, solver, settings (a dict or a dataclass): whose progress it is. Raises
    CheckpointError for a state that holds what cannot be stored, OSError where the system refuses.
    """
    try:
        document, arrays = take_apart(progress)
    except TreeError as error:
        raise CheckpointError(f"{path}: {error}") from error
    attributes = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "mfgprox_version": mfgprox.__version__,
        "case": case_text,
        "solver": solver,
        "settings": _canonical(settings),
    }

    def fill(file: h5py.File) -> None:
        for name, value in attributes.items():
            hdf5.write_text(file, name, value)
        file.attrs["iterations"] = np.int64(progress.iterations)
        text = np.frombuffer(json.dumps(document).encode(), "u1")
        hdf5.write_array(file, "tree", text, text.shape, **hdf5.COMPRESSION)
        group = file.create_group("arrays")
        for number, array in enumerate(arrays):
            _write(group, str(number), array)

    return atomic.write_bytes(path, hdf5.image(fill))


def load(path: str | Path, *, case_text: str, solver: str, settings: Any = None) -> Progress:
    """The progress in a checkpoint, to the bit.

    Raises CheckpointError where it belongs to another case, solver or settings, and where it is
    missing, foreign, cut off or damaged.
    """
    with hdf5.reading(path, CheckpointError) as file:
        if hdf5.format_of(file) != FORMAT:
            raise CheckpointError("not a checkpoint of mfgprox")
        for name, wanted in (
            ("format_version", FORMAT_VERSION),
            ("mfgprox_version", mfgprox.__version__),
            ("solver", solver),
            ("case", hdf5.plain(case_text)),
            ("settings", _canonical(settings)),
        ):
            _require_same(name, hdf5.attribute(file, name, str), wanted)
        length = hdf5.dataset(file, "tree").shape
        document = json.loads(hdf5.read_array(file, "tree", length, "u1").tobytes())
        group = file.get("arrays")
        if not isinstance(group, h5py.Group):
            raise CheckpointError("the group 'arrays' is missing")
        progress = put_together(document, [_read(group, str(n)) for n in range(len(group))])
        if type(progress).__name__ != "Progress":
            raise CheckpointError("it does not hold the progress of a solve")
        return progress


def _require_same(name: str, found: str, wanted: str) -> None:
    if found != wanted:
        detail = f": {found}, not {wanted}" if len(found) + len(wanted) < 80 else ""
        raise CheckpointError(f"the checkpoint is of another {name.replace('_', ' ')}{detail}")


def _canonical(settings: Any) -> str:
    if dataclasses.is_dataclass(settings) and not isinstance(settings, type):
        settings = dataclasses.asdict(settings)
    return json.dumps(settings or {}, sort_keys=True, default=repr)


def _write(group: h5py.Group, name: str, array: np.ndarray) -> None:
    """An array as it lies in memory: sums over it depend on the order, to the last bit."""
    columns_first = array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous
    stored = array.T if columns_first else array
    chunks = _chunks(stored) if stored.ndim else None
    hdf5.write_array(group, name, stored, chunks)
    group[name].attrs["columns_first"] = np.int8(columns_first)


def _chunks(array: np.ndarray) -> tuple[int, ...]:
    """The largest chunks that HDF5 takes (below 4 GiB), split along the first axis."""
    rows = max(1, min(len(array), (2**31 * len(array)) // max(array.nbytes, 1)))
    return (rows, *array.shape[1:])


def _read(group: h5py.Group, name: str) -> np.ndarray:
    found = hdf5.dataset(group, name)
    if found.dtype.kind not in "biufc":
        raise CheckpointError(f"'arrays/{name}' does not hold numbers")
    array = hdf5.read_array(group, name, found.shape, found.dtype)
    array = np.asarray(array)
    return array.T if hdf5.attribute(found, "columns_first", int) else array
