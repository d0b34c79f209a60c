"""Kernels timed where solvers call them, on the arrays that they are called with.

`metered()` puts a stopwatch around every compiled kernel that Python calls. Nothing is called
twice and nothing is copied: caches are in the state in which a solve finds them.
"""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from numba.core.dispatcher import Dispatcher

Count = Callable[[SimpleNamespace], tuple[int, float]]
"""From the arguments of a call, by name: elements worked on, bytes to be moved."""


@dataclass
class Timed:
    """A kernel and the processor time of its calls.

    fastest: seconds of the fastest call by what the call works on (elements, bytes); only the
    largest kind of call tells about memory.
    """

    kernel: Dispatcher
    count: Count | None
    seconds: float = 0.0
    calls: int = 0
    fastest: dict[tuple[int, float], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.parameters = inspect.signature(self.kernel.py_func)

    def __call__(self, *arguments: Any) -> Any:
        began = time.process_time()
        result = self.kernel(*arguments)
        seconds = time.process_time() - began
        self.seconds += seconds
        self.calls += 1
        if self.count is not None:
            named = self.parameters.bind(*arguments)
            named.apply_defaults()
            size = self.count(SimpleNamespace(**named.arguments))
            self.fastest[size] = min(seconds, self.fastest.get(size, seconds))
        return result

    @property
    def largest(self) -> tuple[int, float, float]:
        """Elements, bytes and seconds of the fastest of the largest calls."""
        size = max(self.fastest, key=lambda s: s[1])
        return *size, self.fastest[size]


def name_of(kernel: Dispatcher) -> str:
    """module.function, without the package."""
    function = kernel.py_func
    return f"{function.__module__.removeprefix('mfgprox.kernels.')}.{function.__name__}"


@contextmanager
def metered(counts: dict[str, Count]) -> Iterator[dict[str, Timed]]:
    """Times all kernels of the package inside the block; by name, those that were called.

    Everything that the block runs must have been compiled before: a stopwatch cannot be compiled.
    Threads over ranges of a kernel are not used meanwhile.
    """
    found: dict[str, Timed] = {}
    replaced = []
    for module in [m for n, m in sys.modules.items() if n.startswith("mfgprox")]:
        for attribute, value in list(vars(module).items()):
            if isinstance(value, Dispatcher):
                name = name_of(value)
                timed = found.setdefault(name, Timed(value, counts.get(name)))
                replaced.append((module, attribute, value))
                setattr(module, attribute, timed)
    called: dict[str, Timed] = {}
    try:
        yield called
    finally:
        for module, attribute, value in replaced:
            setattr(module, attribute, value)
        called.update((n, t) for n, t in found.items() if t.calls)
