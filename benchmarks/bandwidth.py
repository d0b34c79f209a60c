"""What the memory and the exponential of this machine can do, measured in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numba import njit

WORDS = 1 << 24
"""128 MiB an array: more than any cache."""


@njit(cache=True)
def copy(a, out):
    for i in range(a.size):
        out[i] = a[i]


@njit(cache=True)
def triad(a, b, out):
    for i in range(a.size):
        out[i] = a[i] + 3.0 * b[i]


@njit(cache=True)
def exponentials(a, out):
    for i in range(a.size):
        out[i] = np.exp(a[i])


def fastest(kernel: Callable, *arguments: np.ndarray, repeat: int = 7) -> float:
    """Processor seconds of the fastest of some calls, one thread."""
    kernel(*(a[:8] for a in arguments))
    best = np.inf
    for _ in range(repeat):
        began = time.process_time()
        kernel(*arguments)
        best = min(best, time.process_time() - began)
    return best


def machine() -> dict[str, float]:
    """GB/s of copy (2 words moved) and triad (3), ns of an exponential; one thread.

    The words that a store first fetches are not counted, neither here nor for the kernels.
    """
    a, b, out = (np.full(WORDS, 0.5) for _ in range(3))
    near = np.linspace(-20.0, 0.0, 1 << 16)
    return {
        "copy": 16e-9 * WORDS / fastest(copy, a, out),
        "triad": 24e-9 * WORDS / fastest(triad, a, b, out),
        "exp_ns": 1e9 * fastest(exponentials, near, np.empty_like(near)) / near.size,
    }
