"""Data of a case file → settings, or everything that is wrong with it at once."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mfgprox.case import schema
from mfgprox.case.errors import Fault, Path, dotted, shortened
from mfgprox.case.schema import CaseSettings, GridSettings


def validate(data: dict[str, Any]) -> tuple[CaseSettings | None, list[Fault]]:
    """The settings and no faults, or None and the faults."""
    try:
        settings = CaseSettings.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True, include_input=False)
        return None, [_fault(detail, data) for detail in details[:50]]
    faults = [*_grid(settings), *_output(settings)]
    for name in ("P", "Q"):
        faults += _density(getattr(settings, name), (name,), settings.grid)
    return (None, faults) if faults else (settings, [])


def value_at(data: Any, path: Path) -> Any:
    """What the data hold there; raises KeyError or IndexError where there is nothing."""
    for part in path:
        if not isinstance(data, dict | list):
            raise KeyError(part)
        data = data[part]  # type: ignore[index]
    return data


def _fault(detail: ErrorDetails, data: dict[str, Any]) -> Fault:
    path = _path_in(data, detail["loc"])
    kind = detail["type"]
    if kind == "extra_forbidden":
        return Fault(path, _unknown_key(path, data))
    if kind == "missing":
        parent = dotted(path[:-1]) or "the case"
        return Fault(path, f"is missing; {parent} requires {_required(path[:-1], data)}")
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        kinds = list(schema.DENSITIES if len(path) == 1 else schema.DENSITIES.keys() - {"mixture"})
        listed = ", ".join(f'"{k}"' for k in sorted(kinds, key=list(schema.DENSITIES).index))
        return Fault((*path, "kind"), f"must be one of {listed}{_meant(_kind(data, path), kinds)}")
    if kind in ("model_type", "model_attributes_type"):
        return Fault(path, "must be a table")
    if kind == "tuple_type":
        return Fault(path, "must be a list of tables")
    return Fault(path, detail["msg"])


def _path_in(data: Any, loc: tuple[str | int, ...]) -> Path:
    """pydantic's location without the names of union members that it puts in."""
    path: list[str | int] = []
    node = data
    for i, part in enumerate(loc):
        tag = isinstance(node, dict) and part not in node and part == node.get("kind")
        if tag and i < len(loc):
            continue
        path.append(part)
        try:
            node = value_at(node, (part,))
        except (KeyError, IndexError, TypeError):
            node = None
    return tuple(path)


def _kind(data: Any, path: Path) -> str:
    try:
        return str(value_at(data, (*path, "kind")))
    except (KeyError, IndexError, TypeError, ValueError):
        return ""


def _unknown_key(path: Path, data: dict[str, Any]) -> str:
    if path in schema.LATER_KEYS:
        return "is not available in this version"
    accepted = list(_table(path[:-1], data).model_fields)
    parent = dotted(path[:-1]) or "the case"
    meant = _meant(str(path[-1]), accepted)
    return f"is not a key of {parent}{meant}; accepted: {', '.join(accepted)}"


def _meant(word: str, names: list[str]) -> str:
    close = difflib.get_close_matches(word[:50], names, 1)
    return f' (did you mean "{close[0]}"?)' if close else ""


def _required(path: Path, data: dict[str, Any]) -> str:
    fields = _table(path, data).model_fields
    return ", ".join(name for name, field in fields.items() if field.is_required())


def _table(path: Path, data: dict[str, Any]) -> type[BaseModel]:
    """The schema of the table at a path."""
    tables: dict[str, type[BaseModel]] = {
        "grid": schema.GridSettings,
        "f_divergence": schema.DivergenceSettings,
        "solver": schema.SolverSettings,
        "output": schema.OutputSettings,
    }
    if not path:
        return CaseSettings
    return tables.get(str(path[0])) or schema.DENSITIES[_kind(data, path)]


def _grid(settings: CaseSettings) -> Iterator[Fault]:
    grid = settings.grid
    if not len(grid.lower) == len(grid.upper) == len(grid.cells):
        yield Fault(
            ("grid",),
            "lower, upper and cells must have one entry per axis; they have "
            f"{len(grid.lower)}, {len(grid.upper)} and {len(grid.cells)}",
        )
        return
    for a, b, n in zip(grid.lower, grid.upper, grid.cells, strict=True):
        if not a < b:
            yield Fault(
                ("grid", "upper"), f"must be above grid.lower on every axis; {a} is not below {b}"
            )
        elif (b - a) / n < 1e-12 * max(abs(a), abs(b), 1e-100):
            yield Fault(("grid", "cells"), "must leave cells that are wider than rounding errors")
    width = math.dist(grid.lower, grid.upper)
    if width > 0.0 and not abs(settings.p * math.log10(width)) < 100.0:
        yield Fault(
            ("grid", "upper"),
            f"must leave |upper - lower|^p within 1e±100; |{width:g}|^{settings.p:g} is not",
        )


def _output(settings: CaseSettings) -> Iterator[Fault]:
    most = settings.grid.time_steps + 1
    if settings.output.snapshots is not None and settings.output.snapshots > most:
        yield Fault(
            ("output", "snapshots"), f"must be a whole number from 2 to {most}, grid.time_steps + 1"
        )


def _density(density: Any, path: Path, grid: GridSettings) -> Iterator[Fault]:
    axes = len(grid.cells)
    for name in ("mean", "std", "cov", "lower", "upper", "center"):
        value = getattr(density, name, None)
        if value is not None and len(value) != axes:
            yield Fault((*path, name), f"must have one entry per axis of the grid, {axes}")
        elif name == "cov" and value is not None and any(len(row) != axes for row in value):
            yield Fault((*path, name), f"must have {axes} rows of {axes} numbers")
        elif name == "cov" and value is not None and not _positive_definite(value):
            yield Fault((*path, name), "must be symmetric and positive definite")
    if isinstance(density, schema.GaussianSettings) and (density.std is None) == (
        density.cov is None
    ):
        yield Fault(path, "must have either std or cov")
    if isinstance(density, schema.UniformSettings):
        yield from _uniform(density, path)
    if isinstance(density, schema.RingSettings) and not density.inner < density.outer:
        yield Fault((*path, "outer"), f"must be above inner, {density.inner:g}")
    if isinstance(density, schema.ImageSettings) and axes != 2:
        yield Fault((*path, "kind"), f"needs a grid with 2 axes; this one has {axes}")
    if isinstance(density, schema.ArraySettings):
        hdf = density.file.endswith((".h5", ".hdf5"))
        if hdf and density.dataset is None:
            yield Fault(
                (*path, "file"), "needs the key dataset beside it: an HDF5 file holds many arrays"
            )
    if isinstance(density, schema.ExpressionSettings):
        yield from _formula(density, path, axes)
    if isinstance(density, schema.MixtureSettings):
        if density.weights is not None and len(density.weights) != len(density.components):
            yield Fault(
                (*path, "weights"), f"must have one number per component, {len(density.components)}"
            )
        for i, component in enumerate(density.components):
            yield from _density(component, (*path, "components", i), grid)


def _uniform(density: schema.UniformSettings, path: Path) -> Iterator[Fault]:
    if len(density.lower) != len(density.upper):
        return
    if not all(a < b for a, b in zip(density.lower, density.upper, strict=True)):
        yield Fault((*path, "upper"), "must be above lower on every axis")


def _formula(density: schema.ExpressionSettings, path: Path, axes: int) -> Iterator[Fault]:
    from mfgprox.density.expression import FormulaError, parse

    try:
        parse(density.formula, axes)
    except FormulaError as error:
        yield Fault(
            (*path, "formula"), shortened(str(error)) if len(str(error)) > 300 else str(error)
        )


def _positive_definite(rows: tuple[tuple[float, ...], ...]) -> bool:
    """Symmetric to rounding, and every pivot of the elimination well above it."""
    n = len(rows)
    scale = max(abs(v) for row in rows for v in row)
    if any(abs(rows[i][j] - rows[j][i]) > 1e-12 * scale for i in range(n) for j in range(n)):
        return False
    a = [list(row) for row in rows]
    for k in range(n):
        if not a[k][k] > 1e-14 * rows[k][k] or not rows[k][k] > 0.0:
            return False
        for i in range(k + 1, n):
            factor = a[i][k] / a[k][k]
            for j in range(k, n):
                a[i][j] -= factor * a[k][j]
    return True
