"""What a benchmark ran on, without names of hosts or people; and how fast that is."""

from __future__ import annotations

import importlib.metadata as metadata
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.fft import dctn

PACKAGES = (
    "mfgprox",
    "numpy",
    "scipy",
    "numba",
    "POT",
    "ott-jax",
    "jax",
    "MultiScaleOT",
    "geomloss",
    "pykeops",
    "torch",
    "cvxpy",
    "clarabel",
)
PUBLISHED_MS = {
    "c-transform": {128: 0.42, 256: 1.9, 512: 10.0},
    "cosine transform": {256: 0.44, 512: 2.4, 1024: 12.0},
}
"""Milliseconds of two kernels on the machine on which the published figures were measured."""


def description() -> dict[str, Any]:
    """Processor, cores, memory, operating system and versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def factor() -> dict[str, Any]:
    """This machine's time of each kernel over the published one.

    One thread, processor time, fastest of several calls. The factor is the geometric mean over the
    cosine transforms, SciPy's in both: our c-transform also keeps the argmin, which the published
    times leave out, and would make this machine look slower than it is.
    """
    from mfgprox.cost import Cost
    from mfgprox.transform import c_transform

    def transform(n: int) -> Callable[[], object]:
        x = np.linspace(-1.0, 1.0, n)
        psi = (x[:, None] ** 2 + 0.3 * np.cos(3.0 * x))[None]
        return lambda: c_transform(psi, Cost(2.0), (1.0, 2.0 / n, 2.0 / n))

    def cosines(n: int) -> Callable[[], object]:
        values = np.random.default_rng(0).standard_normal((n, n))
        return lambda: dctn(values)

    measured = {
        "c-transform": {n: _fastest(transform(n)) for n in PUBLISHED_MS["c-transform"]},
        "cosine transform": {n: _fastest(cosines(n)) for n in PUBLISHED_MS["cosine transform"]},
    }
    ratios = {
        kernel: [1e3 * seconds / PUBLISHED_MS[kernel][n] for n, seconds in times.items()]
        for kernel, times in measured.items()
    }
    return {
        "milliseconds": {k: {n: 1e3 * s for n, s in v.items()} for k, v in measured.items()},
        "ratios": ratios,
        "factor": float(np.exp(np.mean(np.log(ratios["cosine transform"])))),
    }


def _fastest(call: Callable[[], object], seconds: float = 0.3) -> float:
    call()
    best, began = np.inf, time.perf_counter()
    while time.perf_counter() - began < seconds:
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return float(best)


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
