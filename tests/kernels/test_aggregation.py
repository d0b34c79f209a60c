"""Aggregation multigrid against dense solves, on graphs as power diagrams have them."""

import numpy as np
import pytest

from mfgprox.solvers.semi_discrete.linear import solved


def graph(n, seed, spread):
    rng = np.random.default_rng(seed)
    number = np.arange(n * n).reshape(n, n)
    j = np.concatenate([number[:, 1:].ravel(), number[1:].ravel(), number[1:, 1:].ravel()])
    k = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel(), number[:-1, :-1].ravel()])
    return rng, j, k, 10.0 ** rng.uniform(-spread, spread, j.size)


@pytest.mark.parametrize("spread", [0.0, 3.0])
@pytest.mark.parametrize("size", [1e-4, 1.0])
def test_solves_what_a_dense_solver_does(spread, size):
    n = 6
    rng, j, k, coupling = graph(n, 3, spread)
    shift = size * rng.random(n * n)
    right = rng.normal(size=n * n)
    A = np.diag(shift)
    for a, b, w in zip(j, k, coupling, strict=True):
        A[a, a] += w
        A[b, b] += w
        A[a, b] -= w
        A[b, a] -= w
    x, _ = solved(j, k, coupling, shift, right, 1e-10)
    exact = np.linalg.solve(A, right)
    error = x - exact
    assert error @ A @ error <= 1e-16 * (exact @ A @ exact)


def test_rows_without_couplings_and_without_anything():
    none = np.empty(0, np.int64)
    x, _ = solved(none, none, np.empty(0), np.array([2.0, 0.0, 4.0]), np.ones(3), 1e-8)
    np.testing.assert_array_equal(x, [0.5, 0.0, 0.25])


@pytest.mark.compiled
def test_iterations_do_not_grow_with_the_graph():
    counts = []
    for n in (32, 64, 128):
        _, j, k, coupling = graph(n, 1, 0.0)
        right = np.random.default_rng(0).normal(size=n * n)
        counts.append(solved(j, k, coupling, np.full(n * n, 1e-6), right, 1e-8)[1])
    assert max(counts) <= 20  # 13 to 15 where this was written
