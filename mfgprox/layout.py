"""The layout of a result file: what is written where, in which chunks, with which scales."""

from __future__ import annotations

import json
from typing import Any

import h5py
import numpy as np

import mfgprox
from mfgprox import hdf5
from mfgprox.grid import AXES, Grid
from mfgprox.problem import Problem
from mfgprox.solution import Solution
from mfgprox.vtkhdf import write_vtkhdf

FORMAT = "mfgprox result"
FORMAT_VERSION = "1.0"
VALUES = (
    "divergence",
    "divergence_error",
    "transport_cost",
    "information_divergence",
    "primal_value",
    "dual_value",
    "gap",
    "lower_bound",
    "upper_bound",
    "mass_error",
    "terminal_mismatch",
)
NAMES = {
    "rho": "density rho_t",
    "U": "potential U_t",
    "P": "initial density P",
    "Q": "reference density Q",
    "R": "minimiser R",
    "first_variation": "first variation of D in P, U at time 0",
    "log_P": "logarithm of P",
    "log_Q": "logarithm of Q, -inf where Q has no mass",
}


def fill(file: h5py.File, solution: Solution, levels: list[int], momentum: bool) -> None:
    """Write a solution, with these of its time levels, into an empty file.

    Raises ValueError for momentum that is missing or does not fit the grid.
    """
    problem, grid = solution.problem, solution.problem.grid
    times = solution.times[levels]
    _write_attributes(file, solution)
    _write_scale(file, "time", times, "T", "time")
    for axis, letter in enumerate(AXES[: grid.dimension]):
        _write_scale(file, letter, grid.centers(axis), letter.upper(), f"cell centres, {letter}")
    for name, field in (("rho", solution.rho), ("U", solution.U)):
        _write_field(file, name, field[levels], grid.dimension)
    fields = {
        "P": problem.P,
        "Q": problem.Q,
        "R": solution.R,
        "first_variation": solution.first_variation,
        "log_P": problem.log_P,
        "log_Q": problem.log_Q,
    }
    for name, field in fields.items():
        _write_field(file, name, field, grid.dimension)
    for name, sampled in zip("PQ", problem.samples, strict=True):
        file[name].attrs["cut_off"] = sampled.cut_off
        file[name].attrs["smooth"] = np.int8(sampled.smooth)
    if momentum:
        _write_momentum(file, solution)
    _write_history(file, solution.history)
    write_vtkhdf(file, grid, times, ("rho", "U"))


def _write_attributes(file: h5py.File, solution: Solution) -> None:
    problem, grid, case = solution.problem, solution.problem.grid, solution.problem.case
    attributes: dict[str, Any] = {
        "Conventions": "CF-1.10",
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "mfgprox_version": mfgprox.__version__,
        "title": problem.title,
        "case": case.text if case is not None else "",
        "inputs": json.dumps(_inputs(problem), sort_keys=True),
        "solver": solution.solver,
        "converged": np.int8(solution.converged),
        "status": solution.status.value,
        "status_name": solution.status.name,
        "iterations": np.int64(solution.iterations),
        "certificate": solution.certificate.statement,
        "notes": json.dumps(solution.notes),
        "epsilon": problem.epsilon,
        "p": problem.p,
        "cost": problem.cost.norm,
        "f_divergence": problem.divergence.name,
        "lower": np.array(grid.lower),
        "upper": np.array(grid.upper),
        "cells": np.array(grid.cells, "i8"),
        "time_steps": np.int64(grid.time_steps),
    }
    if problem.split is not None:
        attributes["transport_axes"] = " ".join(problem.transport_axes)
    attributes |= {name: np.float64(getattr(solution, name)) for name in VALUES}
    copies = file.create_group(hdf5.TEXT)
    for name, value in attributes.items():
        if isinstance(value, str):
            hdf5.write_string(file, name, value)
            hdf5.write_text(copies, name, value)
        else:
            file.attrs[name] = value


def _inputs(problem: Problem) -> dict[str, str]:
    """Hashes of the input files; none where one has gone since it was read: the result counts."""
    if problem.inputs is not None or problem.case is None:
        return problem.inputs or {}
    try:
        return problem.case.inputs()
    except (ValueError, OSError):
        return {}


def _write_scale(
    group: h5py.Group, name: str, values: np.ndarray, axis: str, long_name: str
) -> None:
    scale = hdf5.write_array(group, name, np.asarray(values), None)
    scale.make_scale(name)
    hdf5.write_string(scale, "units", "1")
    hdf5.write_string(scale, "long_name", long_name)
    if axis:
        hdf5.write_string(scale, "axis", axis)


def axes_of(name: str, dimension: int) -> tuple[str, ...]:
    """The scales of a dataset, in the order of its axes; none for what is a scale itself."""
    space = AXES[:dimension][::-1]
    if name in ("rho", "U"):
        return ("time", *space)
    if name in NAMES:
        return tuple(space)
    if name in ("mx", "my", "mz"):
        return ("time_interval", *(f"{a}_face" if a == name[1] else a for a in space))
    return ()


def _write_field(file: h5py.File, name: str, data: np.ndarray, dimension: int) -> None:
    """A float64 dataset with its scales, in chunks of one time level."""
    scales = axes_of(name, dimension)
    data = np.ascontiguousarray(data, "f8")
    in_time = scales[0].startswith("time")
    chunks = (1, *data.shape[1:]) if in_time else data.shape
    field = hdf5.write_array(file, name, data, chunks, **hdf5.COMPRESSION)
    for axis, scale in zip(field.dims, scales, strict=True):
        axis.attach_scale(file[scale])
    hdf5.write_string(field, "units", "1")
    hdf5.write_string(field, "long_name", NAMES.get(name, f"momentum along {name[-1]}"))


def _write_momentum(file: h5py.File, solution: Solution) -> None:
    grid = solution.problem.grid
    if len(solution.momentum) != grid.dimension:
        raise ValueError("there is no momentum to write")
    _write_scale(file, "time_interval", 0.5 * (grid.times[1:] + grid.times[:-1]), "", "mid-times")
    for axis, (letter, field) in enumerate(zip(AXES, solution.momentum, strict=False)):
        if field.shape != momentum_shape(grid, axis):
            raise ValueError(
                f"the momentum along {letter} has shape {field.shape}, not "
                f"{momentum_shape(grid, axis)}"
            )
        _write_scale(file, f"{letter}_face", grid.edges(axis), "", f"cell faces, {letter}")
        _write_field(file, f"m{letter}", field, grid.dimension)


def momentum_shape(grid: Grid, axis: int) -> tuple[int, ...]:
    """Shape of the momentum along an axis, 0 for x: on the faces of that axis."""
    cells = [n + (a == axis) for a, n in enumerate(grid.cells)]
    return (grid.time_steps, *cells[::-1])


def _write_history(file: h5py.File, history: dict[str, np.ndarray]) -> None:
    group = file.create_group("history")
    rows = len(next(iter(history.values()))) if history else 0
    iteration = hdf5.write_array(group, "iteration", np.arange(1, rows + 1), None)
    iteration.make_scale("iteration")
    for name, column in history.items():
        data = np.asarray(column, "f8")
        column_set = hdf5.write_array(group, name, data, data.shape, **hdf5.COMPRESSION)
        column_set.dims[0].attach_scale(iteration)
