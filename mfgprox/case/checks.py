"""What no single key can tell: whether the settings of a case fit each other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from mfgprox.case import schema
from mfgprox.case.errors import Fault, Path
from mfgprox.case.schema import CaseSettings, GridSettings
from mfgprox.split import moving_axes


def faults(settings: CaseSettings) -> Iterator[Fault]:
    """Everything that does not fit."""
    yield from _grid(settings)
    yield from _divergence(settings.f_divergence)
    yield from _transport(settings)
    yield from _output(settings)
    yield from _options(settings.solver)
    for name in ("P", "Q"):
        yield from _density(getattr(settings, name), (name,), settings.grid)


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


def _divergence(divergence: schema.DivergenceSettings) -> Iterator[Fault]:
    if divergence.kind == "alpha" and divergence.alpha is None:
        yield Fault(
            ("f_divergence",), 'must be a table { kind = "alpha", alpha = … }: α is missing'
        )
    elif divergence.kind != "alpha" and divergence.alpha is not None:
        yield Fault(("f_divergence", "alpha"), f"is not a key of {divergence.kind}")


def _transport(settings: CaseSettings) -> Iterator[Fault]:
    if settings.transport is None:
        return
    try:
        moving_axes(settings.transport.axes, len(settings.grid.cells))
    except ValueError as error:
        yield Fault(
            ("transport", "axes"), "must" + str(error).partition("must")[2].partition(";")[0]
        )


def _output(settings: CaseSettings) -> Iterator[Fault]:
    most = settings.grid.time_steps + 1
    if settings.output.snapshots is not None and settings.output.snapshots > most:
        yield Fault(
            ("output", "snapshots"), f"must be a whole number from 2 to {most}, grid.time_steps + 1"
        )


def _options(solver: schema.SolverSettings) -> Iterator[Fault]:
    known = schema.SOLVER_OPTIONS[solver.method]
    for name, value in solver.options.items():
        path = ("solver", "options", name)
        if name not in known:
            accepted = f"; accepted: {', '.join(known)}" if known else ", which has none"
            yield Fault(path, f"is not an option of {solver.method}{accepted}")
        elif value not in known[name]:
            yield Fault(path, f"must be one of {', '.join(known[name])}")


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
    from mfgprox.density.formula import FormulaError, parse

    try:
        parse(density.formula, axes)
    except FormulaError as error:
        yield Fault((*path, "formula"), str(error))


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
