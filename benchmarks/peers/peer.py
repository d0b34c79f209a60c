"""What a method under comparison is to the rest of the benchmark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from mfgprox.problem import Problem


@dataclass(frozen=True)
class Found:
    """What one solve returns.

    value: D as the method reports it; R: its minimiser, grid.shape, a density, None where R is an
    input; corrected: D after the usual correction of the method's known bias; values: anything
    else worth a column (bounds, iterations, …).
    """

    value: float
    R: np.ndarray | None
    corrected: float | None = None
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """One problem on one grid as a method gets it.

    R_error: the true L1 error of a density, for choosing settings outside the clock; answer_R: the
    true minimiser, for methods that need it as an input.
    """

    problem: Problem
    R_error: Callable[[np.ndarray], float]
    answer_R: np.ndarray


class Peer(Protocol):
    def prepare(self, task: Task, **setting: Any) -> Callable[[], Found]:
        """Everything that is not timed: inputs, compilation, the search for the best settings.

        The call that it returns is what is timed, as often as wanted.
        """
        ...


HOME = {
    "mfgprox": "own",
    "POT": "pot",
    "OTT-JAX": "ott_jax",
    "MultiScaleOT": "multiscale",
    "GeomLoss": "geomloss_images",
    "Clarabel": "convex",
}


def peer(name: str) -> Peer:
    """The method of that name. Raises ImportError where its package is not installed."""
    found: Peer = import_module(f"benchmarks.peers.{HOME[name]}")
    return found


def best_count(
    errors: Callable[[int], float],
    counts: Sequence[int] = (10, 20, 40, 80, 160, 320, 640),
    gain: float = 0.03,
    slack: float = 1.1,
) -> int:
    """The smallest number of iterations whose true error is near the one that it converges to.

    errors(k): the true error after k iterations. Counts are tried until a doubling gains less than
    `gain`; the answer is the first within `slack` of the smallest error seen. This knows the
    answer, which users do not: it favours the method.
    """
    seen: dict[int, float] = {}
    for k in counts:
        seen[k] = errors(k)
        past = list(seen.values())
        if len(past) > 2 and past[-1] > (1.0 - gain) * past[-2]:
            break
    least = min(seen.values())
    return next(k for k, error in seen.items() if error <= slack * least)
