"""What a sweep consists of: its cases, and the chains in which each starts from its neighbour.

A chain goes through the values of epsilon upwards at one p. What a case starts from is fixed by the
sweep, never by who is free, so that chains may run anywhere, in any order and at the same time.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfgprox.problem import Problem
from mfgprox.sweeps.values import SweepError, file_name, label
from mfgprox.tolerance import Tolerance

if TYPE_CHECKING:
    from mfgprox.case import Case


@dataclass(frozen=True, eq=False)
class Recipe:
    """A problem as it travels: by its case, which is short, or whole where it has none."""

    whole: Problem | None
    text: str = ""
    base_path: Path = Path()
    name: str = ""
    path: Path | None = None
    inputs: dict[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, problem: Problem) -> Recipe:
        """By the case, where there is one; else the whole problem."""
        case = problem.case
        if case is None:
            return cls(problem, inputs={"P and Q": _digest(problem)})
        inputs = problem.inputs if problem.inputs is not None else case.inputs()
        return cls(None, case.text, case.base_path.resolve(), case.name, case.path, inputs)

    def problem(self) -> Problem:
        """The problem again. Raises CaseError, SweepError where a file is not as it was."""
        if self.whole is not None:
            return self.whole
        problem = self._case().problem()
        if problem.inputs != self.inputs:
            raise SweepError("an input file has changed since the sweep began")
        return problem

    def _case(self) -> Case:
        from mfgprox.case import parse_case

        return parse_case(self.text, self.base_path, self.name, path=self.path)


@dataclass(frozen=True, eq=False)
class Chain:
    """Cases that are solved one after the other; the unit of parallel work.

    solver, tolerance, static: as for `solve`; None for what the case says. lost: cases at which a
    process has died more than once, with the reason; they are not tried again.
    """

    recipe: Recipe
    p: float
    epsilons: tuple[float, ...]
    directory: Path
    solver: str | None = None
    tolerance: Tolerance | None = None
    static: bool | None = None
    lost: dict[float, str] = dataclasses.field(default_factory=dict)

    def path(self, epsilon: float) -> Path:
        """Where the result of a case lies."""
        return self.directory / file_name(epsilon, self.p)

    def identity(self, before: Sequence[float]) -> str:
        """What, beside the text of a case, decides its result to the bit.

        before: the cases of the chain that have a result and were solved before it.
        """
        limits: Any = self.tolerance and dataclasses.astuple(self.tolerance)
        facts = {
            "before": list(before),
            "inputs": self.recipe.inputs,
            "solver": self.solver,
            "static": self.static,
            "tolerance": limits,
        }
        return json.dumps(facts, sort_keys=True)

    def without(self, epsilon: float, reason: str) -> Chain:
        """The chain that leaves a case out."""
        return dataclasses.replace(self, lost=self.lost | {epsilon: reason})


def chains(
    problem: Problem,
    epsilons: Sequence[float],
    ps: Sequence[float],
    directory: Path,
    longest: int | None = None,
    **options: Any,
) -> list[Chain]:
    """The chains of a sweep, in the order of p, then of epsilon.

    epsilons, ps: ascending. longest: cases of a chain at most; the first of each starts cold.
    options: solver, tolerance, static. Raises SweepError for a value that the case does not take.
    """
    for p in ps:
        for epsilon in epsilons:
            member(problem, epsilon, p)
    recipe = Recipe.of(problem)
    return [
        Chain(recipe, p, tuple(part), directory.resolve(), **options)
        for p in ps
        for part in _parts(epsilons, longest or len(epsilons))
    ]


def member(problem: Problem, epsilon: float, p: float) -> Problem:
    """The problem with another epsilon and p. Raises SweepError naming the one that is wrong."""
    other = copy.copy(problem)
    try:
        other.cost = dataclasses.replace(problem.cost, p=p)
        other.epsilon = float(epsilon)
        if problem.case is not None:
            other.case = problem.case.changed([f"epsilon={float(epsilon)!r}", f"p={float(p)!r}"])
    except ValueError as error:
        where, _, reason = str(error).splitlines()[0].rpartition(": ")
        name = "--epsilon" if "epsilon" in where else "--p"
        value = label(epsilon if name == "--epsilon" else p)
        raise SweepError(f"{name}: {value!r} {reason}") from error
    return other


def _parts(values: Sequence[float], longest: int) -> Iterator[Sequence[float]]:
    for first in range(0, len(values), longest):
        yield values[first : first + longest]


def _digest(problem: Problem) -> str:
    """Of everything that is not epsilon or p: what a case text would say."""
    said = [repr(problem.grid), problem.cost.norm, problem.divergence.name]
    said += problem.transport_axes
    found = hashlib.sha256(json.dumps(said).encode())
    for sampled in problem.samples:
        found.update(sampled.log_values.tobytes())
    return found.hexdigest()
