"""A solution as files of one of the kinds."""

from __future__ import annotations

import io
import itertools
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from mfgprox import atomic
from mfgprox.export.arrays import IN_SPACE, IN_TIME, arrays_of, coordinates_of, numbers_of
from mfgprox.export.vtk import write_vtk
from mfgprox.solution import Solution

SUFFIXES = {"vtk": ".pvd", "npz": ".npz", "csv": ".csv"}
"""Kinds of export, and how the name of the file ends."""
ROWS = 50_000


def export(solution: Solution, path: str | Path, kind: str | None = None) -> list[Path]:
    """Write a solution for another tool; return the files that were written, the main one first.

    kind: "vtk" (a .pvd collection beside a folder of .vti images, one a time level), "npz", or
    "csv" (a table of rho and U at every time and cell, and one of P, Q, R); None: by the suffix.
    Every number is written in full. Raises ValueError for another kind or suffix, OSError where
    the system refuses.
    """
    path = Path(path)
    if kind is None:
        kind = next((k for k, suffix in SUFFIXES.items() if suffix == path.suffix.lower()), None)
    if kind not in SUFFIXES or path.suffix.lower() != SUFFIXES[kind]:
        ends = ", ".join(f"{suffix} for {k}" for k, suffix in SUFFIXES.items())
        raise ValueError(f"{path}: an export's name must end in {ends}")
    return {"vtk": write_vtk, "npz": _write_npz, "csv": _write_csv}[kind](solution, path)


def _write_npz(solution: Solution, path: Path) -> list[Path]:
    """As np.savez_compressed does, without the time of day."""
    arrays = {**arrays_of(solution), **{k: np.array(v) for k, v in numbers_of(solution).items()}}
    with atomic.replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, values in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(values), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, buffer.getvalue(), compresslevel=1)
    return [path]


def _write_csv(solution: Solution, path: Path) -> list[Path]:
    """One row for each time and cell, x fastest; and beside it what does not depend on time."""
    arrays, centres = arrays_of(solution), coordinates_of(solution)
    names = [*centres, *IN_SPACE]
    places = [c.ravel() for c in np.meshgrid(*list(centres.values())[::-1], indexing="ij")][::-1]
    beside = path.with_name(f"{path.stem}_densities{path.suffix}")
    _write_table(beside, names, [[*places, *(arrays[n].ravel() for n in IN_SPACE)]])
    levels = (
        [np.full(places[0].shape, t), *places, *(arrays[n][k].ravel() for n in IN_TIME)]
        for k, t in enumerate(solution.times)
    )
    _write_table(path, ["time", *centres, *IN_TIME], levels)
    return [path, beside]


def _write_table(path: Path, names: list[str], parts: Iterable[list[np.ndarray]]) -> None:
    """Columns part by part, each number with the digits that give it back to the bit."""
    with atomic.replacing(path) as temporary, temporary.open("w", encoding="ascii") as file:
        file.write(",".join(names) + "\n")
        for columns in parts:
            for rows in _rows(columns):
                file.writelines(rows)


def _rows(columns: list[np.ndarray]) -> Iterator[list[str]]:
    for start in itertools.count(step=ROWS):
        texts = [map(repr, column[start : start + ROWS].tolist()) for column in columns]
        rows = [",".join(row) + "\n" for row in zip(*texts, strict=True)]
        if not rows:
            return
        yield rows
