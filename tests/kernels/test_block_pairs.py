"""Pairs of small slack by blocks, against all pairs; the cost that is linear beyond a distance."""

import numpy as np
import pytest

from mfgprox.capped_cost import CappedCost, distances, flattened, transform
from mfgprox.kernels.block_pairs import block_pairs
from mfgprox.solvers.back_and_forth.pairs import _blocks

SPACING = (0.7, 0.5, 0.4)


def every(psi, table):
    """c(x, y) - psi(y) for all pairs of cells, flat."""
    place = np.array(np.unravel_index(np.arange(psi.size), psi.shape))
    return table[tuple(np.abs(place[:, :, None] - place[:, None, :]))] - psi.ravel()


@pytest.mark.parametrize("p", [1.5, 2.0, 3.0])
@pytest.mark.parametrize("steepness", [0.3, 2.0, 50.0])
def test_the_cost_is_the_least_way_by_another_place(p, steepness):
    cost = CappedCost(p, steepness)
    z = np.linspace(-4.0, 4.0, 80_001)
    for d in (0.0, 0.2, 1.0, 2.7):
        least = (np.abs(z) ** p + steepness * np.abs(d - z)).min()
        assert cost([np.array(d)]) == pytest.approx(least, abs=1e-7)
        assert cost([np.array(0.6 * d), np.array(-0.8 * d)]) == pytest.approx(least, abs=1e-7)
    assert p * cost.reach ** (p - 1.0) == pytest.approx(steepness, rel=1e-12)


@pytest.mark.parametrize("shape", [(1, 1, 9), (1, 4, 5), (3, 2, 4)])
def test_transform_is_the_minimum_over_all_pairs(shape):
    psi = np.random.default_rng(1).standard_normal(shape)
    psi.ravel()[2] = -np.inf
    table = CappedCost(2.0, 0.8).of(distances(shape, SPACING))
    values, argmin = transform(psi, table)
    pairs = every(psi, table)
    np.testing.assert_allclose(values.ravel(), pairs.min(axis=1), rtol=0, atol=1e-14)
    attained = pairs[np.arange(psi.size), argmin.ravel()]
    np.testing.assert_allclose(attained, values.ravel(), rtol=0, atol=1e-14)
    for wrong in (np.full(shape, -np.inf), np.full(shape, np.nan)):
        with pytest.raises(ValueError, match="finite somewhere"):
            transform(wrong, table)


@pytest.mark.parametrize("shape", [(1, 1, 9), (1, 4, 5), (3, 2, 4)])
def test_flattened_is_the_largest_that_is_nowhere_too_steep(shape):
    U = np.random.default_rng(2).standard_normal(shape)
    U.ravel()[0] = np.inf
    flat = flattened(U, 0.6, SPACING)
    place = np.array(np.unravel_index(np.arange(U.size), shape))
    away = distances(shape, SPACING)[tuple(np.abs(place[:, :, None] - place[:, None, :]))]
    rise = np.abs(flat.ravel()[:, None] - flat.ravel())
    assert (rise <= 0.6 * away + 1e-14).all()
    np.testing.assert_allclose(flat.ravel(), (U.ravel() + 0.6 * away).min(axis=1), atol=1e-14)


@pytest.mark.parametrize("shape", [(1, 1, 9), (1, 4, 5), (3, 2, 4)])
def test_pairs_by_blocks_are_those_of_all(shape):
    rng = np.random.default_rng(3)
    psi = 0.3 * rng.standard_normal(shape)
    psi.ravel()[1] = -np.inf
    nodes = np.array([0, 2, psi.size - 1])
    blur, log_mass = np.array([0.2, 0.05, 0.1]), np.log([0.5, 0.3, 0.2])
    log_R = np.log(rng.random(shape) * 1e-2)
    limits = np.array([1.0, 4.0, 0.5])
    table = CappedCost(2.0, 0.8).of(distances(shape, SPACING))
    phi, _ = transform(psi, table)
    arguments = (nodes, *_blocks(psi, 2), psi, phi, table, blur, log_mass, log_R, limits)
    starts = np.zeros(nodes.size + 1, np.int64)
    block_pairs(0, nodes.size, *arguments, False, starts, np.empty(0, np.int64), np.empty(0))
    starts = np.cumsum(starts)
    targets, slack = np.empty(starts[-1], np.int64), np.empty(starts[-1])
    block_pairs(0, nodes.size, *arguments, True, starts, targets, slack)
    whole = every(psi, table) - phi.reshape(-1, 1)
    some = False
    for k, x in enumerate(nodes):
        unit = whole[x] / blur[k]
        matters = unit <= log_mass[k] - log_R.ravel() + limits[2]
        wanted = np.flatnonzero((unit <= limits[0]) | ((unit <= limits[1]) & matters))
        here = slice(starts[k], starts[k + 1])
        order = np.argsort(targets[here])
        np.testing.assert_array_equal(targets[here][order], wanted)
        np.testing.assert_allclose(slack[here][order], whole[x][wanted], rtol=0, atol=1e-14)
        some = some or 0 < wanted.size < psi.size - 1
    assert some
