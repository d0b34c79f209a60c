"""Chains that somebody else solves: submitted, watched, and submitted again where they die.

Results are written by whoever solves them into the directory of the sweep, and found there.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mfgprox.problem import Problem
from mfgprox.sweeps.chain import BEGUN, ENDED, Event, Report, finished
from mfgprox.sweeps.local import MOST_DEATHS
from mfgprox.sweeps.plan import Chain, member
from mfgprox.sweeps.rows import Row, row_of

POLL_SECONDS = 0.1
LOOK_SECONDS = 1.0
"""How often the directory is looked through for results."""


class Task(Protocol):
    """A chain under way, as Dask and submitit have it."""

    def done(self) -> bool: ...

    def result(self) -> list[Row]: ...

    def cancel(self) -> Any: ...


@dataclass
class _Underway:
    """A chain that somebody solves, and what has been said of it."""

    chain: Chain
    task: Task
    reported: set[float] = field(default_factory=set)

    def look(self, problem: Problem, report: Report) -> None:
        """Report the cases whose results have appeared since."""
        before: list[float] = []
        for epsilon in self.chain.epsilons:
            path, case = self.chain.path(epsilon), member(problem, epsilon, self.chain.p)
            if epsilon not in self.reported:
                if not finished(path, case, self.chain.identity(before)):
                    return
                self.say(row_of(path), report)
            before.append(epsilon)

    def say(self, row: Row, report: Report) -> None:
        """Report a case once."""
        if row.epsilon not in self.reported:
            self.reported.add(row.epsilon)
            report(Event(ENDED, row.epsilon, row.p, row=row))


def follow(
    chains: Sequence[Chain],
    submit: Callable[[Chain], Task],
    report: Report,
    interrupted: Callable[[], bool],
    most: int,
) -> None:
    """Submit the chains, at most `most` at a time, and report cases as they are finished."""
    problem = chains[0].recipe.problem()
    waiting, running = deque((chain, set[float]()) for chain in chains), list[_Underway]()
    deaths: Counter[Path] = Counter()
    looked = time.monotonic()
    try:
        while waiting or running:
            while waiting and len(running) < most:
                chain, reported = waiting.popleft()
                report(Event(BEGUN, chain.epsilons[0], chain.p))
                running.append(_Underway(chain, submit(chain), reported))
            for one in [one for one in running if one.task.done()]:
                running.remove(one)
                waiting.extend((chain, one.reported) for chain in _ended(one, deaths, report))
            if time.monotonic() - looked >= LOOK_SECONDS:
                looked = time.monotonic()
                for one in running:
                    one.look(problem, report)
            if interrupted():
                from mfgprox.solvers.iterate import Interrupted

                raise Interrupted
            time.sleep(POLL_SECONDS if running else 0.0)
    finally:
        for one in running:
            one.task.cancel()


def _ended(one: _Underway, deaths: Counter[Path], report: Report) -> list[Chain]:
    """Report what a task has found; the chain to submit again where its worker died."""
    chain = one.chain
    try:
        rows = one.task.result()
    except Exception as error:
        at = next((e for e in chain.epsilons if not _there(chain, e)), chain.epsilons[-1])
        deaths[chain.path(at)] += 1
        if deaths[chain.path(at)] < MOST_DEATHS:
            return [chain]
        return [chain.without(at, f"its worker failed {MOST_DEATHS} times: {first_line(error)}")]
    for row in rows:
        one.say(row, report)
    return []


def _there(chain: Chain, epsilon: float) -> bool:
    return epsilon in chain.lost or chain.path(epsilon).exists()


def first_line(error: BaseException) -> str:
    """What an error says, short and on one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
