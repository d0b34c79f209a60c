"""The problem that a result file belongs to.

The values of P and Q, and their logarithms, are those of the file, to the bit. Where the case text
of the file can still be built, and gives these values, the problem keeps the densities of the case,
which know themselves on any grid; where an input file has gone or has changed, the stored values
stand for them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from mfgprox.cost import Cost
from mfgprox.density import ArrayDensity, Sampled
from mfgprox.divergence import by_name
from mfgprox.grid import Grid
from mfgprox.hdf5 import HDF5Error, attribute, attribute_value, dataset, read_array
from mfgprox.problem import Problem

if TYPE_CHECKING:
    from mfgprox.case import Case

ROUNDING = 1e-12
"""Of the largest density, by which another may lie below 0."""
AGREEMENT = 1e-9
"""Relative difference up to which two machines may evaluate the same density."""


class StoredDensity:
    """A density known by its values on one grid; averaged conservatively onto others."""

    def __init__(self, sampled: Sampled, grid: Grid) -> None:
        self.sampled, self.grid, self.smooth = sampled, grid, sampled.smooth

    def log_density(self, grid: Grid) -> np.ndarray:
        if grid.cells == self.grid.cells:
            return self.sampled.log_values
        return ArrayDensity(self.sampled.values, self.grid).log_density(grid)

    def cut_off(self, grid: Grid) -> float:
        return self.sampled.cut_off


def restore_problem(file: h5py.File, folder: Path) -> Problem:
    """The problem of an open result file that lies in `folder`. Raises HDF5Error or ValueError."""
    grid = restore_grid(file)
    P, Q = (_restore_samples(file, name, grid) for name in "PQ")
    hashes = json.loads(attribute(file, "inputs", str))
    case = restore_case(file, folder, hashes)
    problem = _built(case, grid, P, Q) if case is not None else None
    if problem is None:
        problem = Problem(
            StoredDensity(P, grid),
            StoredDensity(Q, grid),
            epsilon=attribute(file, "epsilon", float),
            grid=grid,
            f_divergence=by_name(attribute(file, "f_divergence", str)),
            cost=Cost(attribute(file, "p", float), attribute(file, "cost", str)),
            title=attribute(file, "title", str),
            case=case,
            transport_axes=restore_transport_axes(file),
        )
    problem = problem.with_samples(P, Q)
    problem.inputs = {str(name): str(value) for name, value in hashes.items()}
    return problem


def restore_grid(file: h5py.File) -> Grid:
    """The grid that the root attributes lower, upper, cells and time_steps describe."""
    axes = {}
    for name in ("lower", "upper", "cells"):
        value = attribute_value(file, name)
        if not isinstance(value, np.ndarray) or value.ndim != 1:
            raise HDF5Error(f"the attribute {name!r} is not a list of numbers")
        axes[name] = tuple(value.tolist())
    return Grid(**axes, time_steps=attribute(file, "time_steps", int))


def restore_transport_axes(file: h5py.File) -> list[str] | None:
    """The axes that mass moves along; None where the file does not say, which means all."""
    if "transport_axes" not in file.attrs:
        return None
    return attribute(file, "transport_axes", str).split()


def restore_case(file: h5py.File, folder: Path, hashes: dict[str, str]) -> Case | None:
    """The case that the file was made from, or None where there is none or it cannot be read.

    The files that it names are looked for beside the result, in the working directory and among the
    shipped cases; a result does not say where they were, so that the same run gives the same bytes
    everywhere.
    """
    text = attribute(file, "case", str)
    if not text:
        return None
    from mfgprox.case import parse_case, shipped

    parsed = None
    for base in (folder, Path.cwd(), shipped.directory() or folder):
        try:
            case = parse_case(text, base, f"case in {Path(file.filename).name}")
            parsed = parsed or case
            if case.inputs() == hashes:
                return case
        except (ValueError, OSError):
            continue
    return parsed


def _built(case: Case, grid: Grid, P: Sampled, Q: Sampled) -> Problem | None:
    """The problem of the case, where it gives the values of the file."""
    try:
        problem = case.problem()
    except (ValueError, OSError):
        return None
    same_grid = (problem.grid.lower, problem.grid.upper, problem.grid.cells) == (
        grid.lower,
        grid.upper,
        grid.cells,
    )
    if not same_grid or problem.grid.time_steps != grid.time_steps:
        return None
    agree = _agree(problem.P, P.values) and _agree(problem.Q, Q.values)
    return problem if agree else None


def _agree(built: np.ndarray, stored: np.ndarray) -> bool:
    return bool(np.allclose(built, stored, rtol=AGREEMENT, atol=AGREEMENT * stored.max()))


def read_density(file: h5py.File, name: str, shape: tuple[int, ...], levels: int = 1) -> np.ndarray:
    """Densities of so many time levels, the first axis where there are several.

    Raises HDF5Error for values that are not finite or below 0 by more than rounding, which are read
    as 0, and for a level without mass or of more than can be summed.
    """
    values = read_array(file, name, shape)
    if not np.isfinite(values).all():
        raise HDF5Error(f"{name!r} has values that are not finite")
    if values.min() < -ROUNDING * values.max():
        raise HDF5Error(f"{name!r} has values below 0")
    values = np.maximum(values, 0.0)
    with np.errstate(over="ignore"):
        mass = values.reshape(levels, -1).sum(axis=1)
    if not (np.isfinite(mass).all() and mass.min() > 0.0):
        raise HDF5Error(f"{name!r} is not a density: its mass is {_odd(mass):g}")
    return values


def _odd(mass: np.ndarray) -> float:
    return float(mass[~(np.isfinite(mass) & (mass > 0.0))][0])


def _restore_samples(file: h5py.File, name: str, grid: Grid) -> Sampled:
    values = read_density(file, name, grid.shape)
    log_values = read_array(file, f"log_{name}", grid.shape)
    if np.isnan(log_values).any() or np.isposinf(log_values).any():
        raise HDF5Error(f"'log_{name}' is not the logarithm of a density")
    holder = dataset(file, name)
    return Sampled(
        values,
        log_values,
        attribute(holder, "cut_off", float),
        bool(attribute(holder, "smooth", int)),
    )
