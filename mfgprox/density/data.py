"""Densities given on cells, and the conservative averaging that takes them to other cells."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format

from mfgprox.density.base import DensityError, logarithm
from mfgprox.density.files import regular_file
from mfgprox.grid import Grid


class ArrayDensity:
    """Densities (not masses) given on the cells of `grid`; averaged conservatively onto others.

    values: grid.shape, x last. Other grids must have the same box, which holds all of the mass.
    Raises DensityError for a shape that does not fit, negative or non-finite values, no mass.
    """

    smooth = False

    def __init__(self, values: np.ndarray, grid: Grid) -> None:
        values = _numbers(values)
        if values.shape != grid.shape:
            raise DensityError(_other_shape(values.shape, grid.shape))
        if not np.all(np.isfinite(values)):
            raise DensityError("the array has values that are not finite")
        if np.any(values < 0.0):
            raise DensityError(f"the array has negative values, the least is {values.min():g}")
        if not values.any():
            raise DensityError("the array has no mass: all of its values are 0")
        self.values, self.grid = values, grid

    @classmethod
    def read(cls, path: str | Path, grid: Grid, dataset: str | None = None) -> ArrayDensity:
        """From .npy, .npz (`dataset`, unless it holds one array) or .h5 (`dataset`).

        Raises DensityError for what cannot be read, besides the reasons above.
        """
        path = regular_file(path)
        try:
            if path.suffix in (".h5", ".hdf5"):
                values = _from_hdf5(path, dataset, grid.shape)
            elif path.suffix == ".npz":
                values = _from_npz(path, dataset, grid.shape)
            else:
                values = _from_npy(path, grid.shape)
        except DensityError:
            raise
        except Exception as error:  # NumPy and zipfile leak what they meet in broken files
            reason = (str(error).strip("'\"").splitlines() or [type(error).__name__])[0]
            if "allow_pickle" in reason or "Python objects" in reason:
                reason = "it holds pickled Python objects, which are never read"
            raise DensityError(f"the file cannot be read as an array: {reason[:200]}") from None
        return cls(values, grid)

    def log_density(self, grid: Grid) -> np.ndarray:
        if (grid.lower, grid.upper) != (self.grid.lower, self.grid.upper):
            raise DensityError("the array belongs to a grid over another box")
        values = self.values
        for axis, cells in enumerate(grid.cells):
            values = averaged(values, grid.dimension - 1 - axis, cells)
        return logarithm(values)

    def cut_off(self, grid: Grid) -> float:
        return 0.0


def averaged(values: np.ndarray, axis: int, cells: int) -> np.ndarray:
    """Averages over `cells` equal cells along an axis of a function constant on equal old cells.

    Overlaps are counted in whole numbers, so zeros stay zeros and mass is kept to rounding.
    """
    old = values.shape[axis]
    if old == cells:
        return values
    # In units of 1/(old·cells): old cell i is [i·cells, (i+1)·cells), new j is [j·old, (j+1)·old).
    start = np.arange(cells) * old
    first = start // cells
    values = np.moveaxis(values, axis, -1)
    out = np.zeros((*values.shape[:-1], cells))
    for k in range(-(-old // cells) + 1):
        i = np.minimum(first + k, old - 1)
        overlap = np.minimum((first + k + 1) * cells, start + old) - np.maximum(
            (first + k) * cells, start
        )
        out += np.maximum(overlap, 0) / old * values[..., i]
    return np.ascontiguousarray(np.moveaxis(out, -1, axis))


def _numbers(values: Any) -> np.ndarray:
    values = np.asarray(values)
    _require_numbers(values.dtype)
    return values.astype(float)


def _require_numbers(kind: Any) -> None:
    """Before anything is read: what is no number may be of any size, or lead anywhere."""
    if kind.kind not in "biuf" or kind.itemsize > 16:
        raise DensityError(f"the array must hold real numbers; it holds {str(kind)[:60]}")


def _require_shape(found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """Before anything is read: a header may claim any size."""
    if tuple(found) != wanted:
        raise DensityError(_other_shape(tuple(found), wanted))


def _other_shape(found: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    turned = "; transpose it, so that x is the last axis" if found == wanted[::-1] else ""
    return f"the array has shape {found}, the grid {wanted} (order z, y, x){turned}"


def _from_npy(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    values = mapped(path)
    _require_shape(values.shape, shape)
    _require_numbers(values.dtype)
    return np.array(values)


def mapped(path: Path) -> np.ndarray:
    """The array of a .npy file, of which nothing has been read yet.

    Raises ValueError for another kind of file, and whatever NumPy raises for a damaged one.
    """
    with path.open("rb") as file:
        if not file.read(6).startswith(format.MAGIC_PREFIX):
            raise ValueError("it does not begin as a .npy file")
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _from_npz(path: Path, dataset: str | None, shape: tuple[int, ...]) -> np.ndarray:
    with zipfile.ZipFile(path) as archive:
        names = {n.removesuffix(".npy"): n for n in archive.namelist()}
        name = next(iter(names)) if dataset is None and len(names) == 1 else dataset
        if name is None or name not in names:
            raise DensityError(f"dataset must name one of the arrays in the file: {_listed(names)}")
        with archive.open(names[name]) as file:
            found, kind = _header(file)
            _require_shape(found, shape)
            _require_numbers(kind)
        with archive.open(names[name]) as file:
            return np.asarray(format.read_array(file, allow_pickle=False))


def _header(file: Any) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of the array that follows. Raises ValueError, and what NumPy leaks."""
    read = {(1, 0): format.read_array_header_1_0, (2, 0): format.read_array_header_2_0}
    version = format.read_magic(file)
    if version not in read:
        raise ValueError(f"it is written in version {version} of the format")
    found, _, kind = read[version](file)
    return found, kind


def _from_hdf5(path: Path, dataset: str | None, shape: tuple[int, ...]) -> np.ndarray:
    import h5py

    from mfgprox.hdf5 import require_chunks

    with h5py.File(path, "r") as file:
        found = file.get(dataset) if dataset else None
        if not isinstance(found, h5py.Dataset):
            names: list[str] = []
            file.visititems(lambda n, o: names.append(n) if isinstance(o, h5py.Dataset) else None)
            raise DensityError(
                f"dataset must name one of the datasets in the file: {_listed(names)}"
            )
        _require_shape(found.shape or (), shape)
        _require_numbers(found.dtype)
        require_chunks(found)
        return np.array(found[...])


def _listed(names: Any) -> str:
    names = list(names)
    return ", ".join(names[:10]) + (", …" if len(names) > 10 else "") or "it has none"
