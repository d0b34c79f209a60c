"""Pairs of small slack, against all pairs."""

from itertools import pairwise

import numpy as np
import pytest

from mfgprox.cost import Cost
from mfgprox.kernels.active_pairs import active_pairs
from mfgprox.transform import c_transform


def costs(shape, spacing, p):
    steps = [h * np.arange(n) for h, n in zip(spacing, shape, strict=True)]
    return sum(np.square(s) for s in np.meshgrid(*steps, indexing="ij")) ** (0.5 * p)


def found(psi, nodes, margin, blur, log_mass, log_R, limits, spacing, p):
    phi, argmin = c_transform(psi, Cost(p), spacing)
    arguments = (
        nodes, argmin, psi, phi, costs(psi.shape, spacing, p), margin, blur, log_mass, log_R, limits
    )  # fmt: skip
    starts = np.zeros(nodes.size + 1, np.int64)
    active_pairs(0, nodes.size, *arguments, False, starts, np.empty(0, np.int64), np.empty(0))
    starts = np.cumsum(starts)
    targets, slack = np.empty(starts[-1], np.int64), np.empty(starts[-1])
    active_pairs(0, nodes.size, *arguments, True, starts, targets, slack)
    return phi, starts, targets, slack


@pytest.mark.parametrize("shape", [(1, 1, 9), (1, 5, 4), (3, 2, 4)])
@pytest.mark.parametrize("p", [1.5, 2.0, 3.0])
def test_all_pairs_within_a_window_of_the_whole_box(shape, p):
    rng = np.random.default_rng(3)
    spacing = (0.7, 0.5, 0.4)
    psi = 0.3 * rng.standard_normal(shape)
    psi.ravel()[1] = -np.inf
    nodes = np.array([0, 2, psi.size - 1])
    blur = np.array([0.2, 0.05, 0.3])
    log_mass, log_R = np.log([0.5, 0.3, 0.2]), np.log(rng.random(shape) * 1e-2)
    limits = np.array([2.0, 8.0, 1.0])
    phi, starts, targets, slack = found(
        psi, nodes, np.array(shape), blur, log_mass, log_R, limits, spacing, p
    )
    table = costs(shape, spacing, p)
    for k, node in enumerate(nodes):
        here = np.array(np.unravel_index(node, shape))
        expected = {}
        for flat in range(psi.size):
            there = np.array(np.unravel_index(flat, shape))
            s = table[tuple(np.abs(here - there))] - psi.ravel()[flat] - phi.ravel()[node]
            far = s <= 8.0 * blur[k] and s <= blur[k] * (log_mass[k] - log_R.ravel()[flat] + 1.0)
            if s <= 2.0 * blur[k] or far:
                expected[flat] = s
        part = slice(starts[k], starts[k + 1])
        assert sorted(targets[part]) == sorted(expected)
        np.testing.assert_allclose(slack[part], [expected[t] for t in targets[part]], atol=1e-14)


def test_a_tear_is_spanned_and_no_pair_is_counted_twice():
    # Two cells of psi draw the halves apart: the middle cell sees both, once, and what is between.
    psi = np.full((1, 1, 21), -3.0)
    psi[0, 0, [2, 18]] = 0.0
    nodes = np.arange(21)
    blur, nothing = np.full(21, 100.0), np.full((1, 1, 21), np.inf)
    margin = np.array([0, 0, 1])
    _, starts, targets, _ = found(
        psi,
        nodes,
        margin,
        blur,
        np.zeros(21),
        nothing,
        np.array([9.0, 9.0, 0.0]),
        (1.0, 1.0, 0.1),
        2.0,
    )
    middle = targets[starts[10] : starts[11]]
    assert sorted(middle) == list(range(1, 20))
    assert all(np.unique(targets[a:b]).size == b - a for a, b in pairwise(starts))
