"""A handful of quick solves for pytest-benchmark: `python -m benchmarks.history`."""

import pytest

from benchmarks.workloads import TASKS, product_of_mixtures
from mfgprox.cost import Cost
from mfgprox.transform import c_transform

CASES = {
    "static newton 1-D 4096": ("static newton", (4096,), 1),
    "static newton 128^2": ("static newton", (128, 128), 1),
    "static newton 32^3": ("static newton", (32, 32, 32), 1),
    "dynamic pair 64^2 x 16": ("dynamic pair", (64, 64), 16),
    "certificate 64^2": ("certificate", (64, 64), 1),
    "primal-dual 32^2 x 16": ("primal-dual", (32, 32), 16),
    "fictitious-play 64^2 x 16": ("fictitious-play", (64, 64), 16),
}
ROUNDS = 5


@pytest.mark.parametrize("case", CASES)
def test_task(benchmark, case):
    task, cells, time_steps = CASES[case]
    call = TASKS[task].prepare(product_of_mixtures(cells, time_steps))
    benchmark.pedantic(call, rounds=ROUNDS, warmup_rounds=1)


def test_c_transform_256(benchmark):
    problem = product_of_mixtures((256, 256))
    psi = problem.log_P.reshape(problem.grid.kernel_shape)
    benchmark(c_transform, psi, Cost(), problem.grid.kernel_spacing)
