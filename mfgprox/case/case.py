"""A case: what a case file asks for, validated, and the problem that it describes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfgprox.case import build, memory, overrides, toml
from mfgprox.case.errors import CaseError, Fault
from mfgprox.case.errors import Path as Place
from mfgprox.case.locator import Locator
from mfgprox.case.schema import CaseSettings, OutputSettings, SolverSettings
from mfgprox.case.validate import validate

if TYPE_CHECKING:
    from mfgprox.grid import Grid
    from mfgprox.problem import Problem
    from mfgprox.tolerance import Tolerance


@dataclass(frozen=True)
class Solver:
    """Which solver a case asks for, and how exactly it wants the answer."""

    settings: SolverSettings

    @property
    def method(self) -> str:
        """The name of the method, "auto" by default."""
        return self.settings.method

    def options(self) -> dict[str, Any]:
        """Keyword arguments for `mfgprox.solvers.make_solver`."""
        return dict(self.settings.options)

    def tolerance(self) -> Tolerance:
        """When the solve is done."""
        from mfgprox.tolerance import Tolerance

        return Tolerance(self.settings.rtol, self.settings.atol, self.settings.max_iterations)


@dataclass(frozen=True, eq=False)
class Case:
    """A validated case.

    text: the TOML text as run, overrides applied; `parse_case` gives the same case back.
    path: the file, or None for a text from elsewhere; base_path: what file names are relative to.
    """

    text: str
    name: str
    path: Path | None
    base_path: Path
    settings: CaseSettings
    locator: Locator = field(repr=False)

    @property
    def title(self) -> str:
        """The title of the case, or the name of its file without the suffix."""
        return self.settings.title or Path(self.name).stem

    @property
    def solver(self) -> Solver:
        """What the case says of the solver."""
        return Solver(self.settings.solver)

    @property
    def output(self) -> OutputSettings:
        """path, snapshots (None: all time levels) and momentum."""
        return self.settings.output

    def grid(self) -> Grid:
        """The grid of the case."""
        from mfgprox.grid import Grid

        g = self.settings.grid
        return Grid(g.lower, g.upper, g.cells, g.time_steps)

    def problem(self) -> Problem:
        """The problem on the case's grid.

        Raises CaseError if a density cannot be made: a file that is missing or unreadable, negative
        values, no mass on the grid, more than 1 % of its mass outside the box.
        """
        from mfgprox.density import DensityError
        from mfgprox.problem import Problem

        grid, s = self.grid(), self.settings
        densities, faults = [], []
        for name in ("P", "Q"):
            try:
                densities.append(build.density(getattr(s, name), self.base_path, grid))
            except DensityError as error:
                faults.append(self._density_fault((name,), str(error)))
        if faults:
            raise self.locator.error(faults)
        try:
            problem = Problem(
                *densities,
                epsilon=s.epsilon,
                p=s.p,
                f_divergence=s.f_divergence.name,
                cost=s.cost,
                grid=grid,
                title=self.title,
                case=self,
                transport_axes=None if s.transport is None else s.transport.axes,
            )
        except DensityError as error:
            name, _, reason = str(error).partition(": ")
            raise self.locator.error([self._density_fault((name,), reason)]) from None
        # Taken now: a file that changes during the solve is not the one that was read.
        problem.inputs = self.inputs()
        return problem

    def _density_fault(self, path: Place, reason: str) -> Fault:
        """At the key of the file if the density has one, else at the table."""
        named = [place for place, _ in build.files(self.settings) if place[: len(path)] == path]
        single = named and len(named) == 1 and len(named[0]) == len(path) + 1
        return Fault(named[0] if single else path, reason)

    def inputs(self) -> dict[str, str]:
        """SHA-256 of each file that the case names, by the name used there.

        Raises CaseError for a file that cannot be read.
        """
        hashes, faults = {}, []
        for place, name in build.files(self.settings):
            try:
                hashes[name] = build.sha256(self.base_path / name)
            except (OSError, ValueError) as error:
                faults.append(
                    Fault(place, f"cannot be read: {getattr(error, 'strerror', None) or error}")
                )
        if faults:
            raise self.locator.error(faults)
        return hashes

    def changed(self, overrides: Iterable[str]) -> Case:
        """The case with further overrides. Raises CaseError if they do not fit."""
        return parse_case(self.text, self.base_path, self.name, overrides, self.path)

    def error(self, key: str, message: str) -> CaseError:
        """A fault found elsewhere, say by a solver in its options, at the line of that key."""
        return self.locator.error([Fault(tuple(key.split(".")) if key else (), message)])

    def settings_table(self) -> list[tuple[str, str, bool]]:
        """All effective settings: key, value as TOML, and whether the case sets it itself."""
        return list(_rows(self.settings.model_dump(), self.locator.data, ""))


def _rows(table: dict[str, Any], data: Any, prefix: str) -> Iterator[tuple[str, str, bool]]:
    for key, value in table.items():
        given = isinstance(data, dict) and key in data
        if isinstance(value, dict) and value and key != "options":
            yield from _rows(value, data[key] if given else {}, f"{prefix}{key}.")
        elif value is not None or key == "snapshots":
            text = "all" if value is None else toml.in_toml(_lists(value))
            yield prefix + key, text, given or (isinstance(data, str) and key == "kind")


def _lists(value: Any) -> Any:
    """Tuples as lists, and without the keys that are not set."""
    if isinstance(value, dict):
        return {k: _lists(v) for k, v in value.items() if v is not None}
    return [_lists(v) for v in value] if isinstance(value, list | tuple) else value


def estimate_memory(case: Case, problem: Problem | None = None) -> int:
    """Bytes that solving the case will need.

    problem: that of the case, once it has been made: without it, a P from a file is taken to have
    mass everywhere, and the estimate may be half as much again.
    """
    if problem is None:
        return memory.estimate(case.settings)
    return memory.estimate(case.settings, memory.share(problem.P))


def parse_case(
    text: str,
    base_path: str | Path = ".",
    name: str = "case",
    override: Iterable[str] = (),
    path: Path | None = None,
) -> Case:
    """A case from its text. `name` is what messages call it.

    Raises CaseError, one line for each thing that is wrong.
    """
    data = toml.parse(text, name)
    changed, sources = overrides.apply(data, override)
    locator = Locator(name, changed, text, sources)
    settings, faults = validate(changed)
    if settings is None:
        raise locator.error(faults)
    need, free = memory.estimate(settings), memory.free()
    if free is not None and need > free:
        raise locator.error([Fault(("grid", "cells"), _too_large(settings, need, free))])
    if sources:
        text = toml.dump(changed)
    return Case(text, name, path, Path(base_path), settings, locator)


def _too_large(settings: CaseSettings, need: int, free: int) -> str:
    cells = " × ".join(f"{n:,}" for n in settings.grid.cells)
    return (
        f"{cells} cells and {settings.grid.time_steps:,} time steps need about "
        f"{memory.in_words(need)} of memory, {memory.in_words(free)} are free; take fewer cells or "
        "time steps"
    )
