"""Threads over the rows or time slabs of large arrays; small ones stay on the calling thread.

A kernel that takes part is compiled with nogil and gets its range `first, last` as its first two
arguments. It writes outputs that depend on that range only through which of them it writes, so the
result has the same bits for every number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numba

WORTH_A_THREAD = 1 << 15
"""Cells of work below which handing a range to another thread costs more than it saves."""


@lru_cache(maxsize=1)
def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="mfgprox")


def over(kernel: Callable[..., None], count: int, work: int, *arguments: Any) -> None:
    """Run kernel(first, last, *arguments) over range(count); work: cells that it touches in all.

    The number of threads is Numba's (`numba.set_num_threads`, NUMBA_NUM_THREADS).
    """
    parts = min(numba.get_num_threads(), count, max(1, work // WORTH_A_THREAD))
    if parts <= 1 or not getattr(kernel, "signatures", None):
        kernel(0, count, *arguments)  # the first call compiles and must not be made twice at once
        return
    edges = [count * i // parts for i in range(parts + 1)]
    pool = _pool(max(1, numba.get_num_threads() - 1))
    others = [pool.submit(kernel, a, b, *arguments) for a, b in pairwise(edges[1:])]
    kernel(edges[0], edges[1], *arguments)
    for other in others:
        other.result()
