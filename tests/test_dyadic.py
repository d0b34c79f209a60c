"""Bounds of the distance between densities by exchanges in nested blocks."""

import numpy as np
import pytest
from scipy.optimize import linprog

from mfgprox.cost import Cost
from mfgprox.dyadic import furthest_apart

RNG = np.random.default_rng(5)


def masses(shape):
    values = RNG.random(shape) * (RNG.random(shape) < 0.7)
    values.ravel()[RNG.integers(values.size)] += 0.5
    return values / values.sum()


def exact(a, b, cost, spacing):
    """W_p between atoms at the centres, as a linear program."""
    places = np.indices(a.shape).reshape(3, -1) * np.array(spacing)[:, None]
    C = np.array(cost(list(places[:, :, None] - places[:, None, :])))
    n = a.size
    rows = np.kron(np.eye(n), np.ones(n)), np.kron(np.ones(n), np.eye(n))
    found = linprog(C.ravel(), A_eq=np.vstack(rows), b_eq=np.append(a.ravel(), b.ravel()))
    return found.fun ** (1.0 / cost.p)


@pytest.mark.parametrize("cost", [Cost(2.0), Cost(1.5), Cost(3.0, "separable")])
@pytest.mark.parametrize("shape", [(1, 1, 7), (1, 4, 5), (2, 3, 3)])
def test_it_is_a_bound(shape, cost):
    spacing = (0.5, 0.7, 0.3)
    for _ in range(5):
        a, b = masses(shape), masses(shape)
        assert furthest_apart(a, b, cost, spacing) >= exact(a, b, cost, spacing) * (1 - 1e-9)


def test_nothing_to_exchange_and_a_neighbour():
    a = masses((1, 8, 8))
    assert furthest_apart(a, a, Cost(2.0), (1.0, 0.1, 0.1)) == pytest.approx(0.0, abs=1e-7)
    b = a.copy()
    moved = 0.5 * a[0, 2, 2]
    b[0, 2, 2] -= moved
    b[0, 2, 3] += moved
    # One block of two cells an axis: its diameter.
    found = furthest_apart(a, b, Cost(2.0), (1.0, 0.1, 0.1))
    assert found == pytest.approx(np.sqrt(moved * 2.0 * 0.2**2), abs=1e-6)
