"""Pairs of parts and cells, and the plan that they carry, against all pairs."""

import numpy as np
import pytest

from mfgprox.cost import Cost
from mfgprox.kernels.part_pairs import cost_of_pairs, part_pairs, spread_pairs
from mfgprox.transform import c_transform

SPACING = np.array([0.7, 0.5, 0.4])
LIMITS = np.array([2.0, 8.0, 1.0])


def places(nodes, shape, sub):
    """Of parts, in cells, (m, 3)."""
    index = np.array(np.unravel_index(nodes, np.array(shape) * sub)).T
    return (index + 0.5) / sub - 0.5


def cost(away, p, separable):
    return sum(np.abs(away.T) ** p) if separable else (away**2).sum(axis=1) ** (0.5 * p)


def pairs(psi, nodes, sub, blur, log_mass, log_R, p, separable):
    argmin = c_transform(psi, Cost(p), tuple(SPACING))[1]
    before = (
        nodes,
        sub,
        argmin,
        psi,
        SPACING,
        p,
        separable,
        np.array(psi.shape),
        blur,
        log_mass,
        log_R,
        LIMITS,
    )
    lowest, starts = np.empty(nodes.size), np.zeros(nodes.size + 1, np.int64)
    none = np.empty(0, np.int32), np.empty(0, np.float32)
    part_pairs(0, nodes.size, *before, False, lowest, starts, *none)
    starts = np.cumsum(starts)
    targets, slack = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.float32)
    part_pairs(0, nodes.size, *before, True, lowest, starts, targets, slack)
    return starts, targets, slack


@pytest.mark.parametrize("shape", [(1, 1, 9), (1, 5, 4), (3, 2, 4)])
@pytest.mark.parametrize(("p", "separable"), [(1.5, False), (2.0, False), (3.0, True)])
def test_all_pairs_of_small_slack_or_that_matter_to_their_target(shape, p, separable):
    rng = np.random.default_rng(3)
    psi = 0.3 * rng.standard_normal(shape)
    psi.ravel()[1] = -np.inf
    sub = np.where(np.array(shape) > 1, 2, 1)
    nodes = np.array([0, 5, psi.size * int(sub.prod()) - 1])
    blur = np.array([0.2, 0.05, 0.3])
    log_mass, log_R = np.log([0.5, 0.3, 0.2]), np.log(rng.random(shape) * 1e-2)
    starts, targets, slack = pairs(psi, nodes, sub, blur, log_mass, log_R, p, separable)
    cells = places(np.arange(psi.size), shape, np.ones(3, int))
    for k, x in enumerate(places(nodes, shape, sub)):
        s = cost(SPACING * (cells - x), p, separable) - psi.ravel()
        s = (s - s.min()) / blur[k]
        wanted = (s <= 2.0) | ((s <= 8.0) & (s <= log_mass[k] - log_R.ravel() + 1.0))
        part = slice(starts[k], starts[k + 1])
        assert sorted(targets[part]) == list(np.flatnonzero(wanted))
        np.testing.assert_allclose(slack[part], s[targets[part]], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("p", "separable"), [(1.5, False), (2.0, False), (3.0, False), (3.0, True)]
)
def test_mass_and_cost_of_a_plan(p, separable):
    rng = np.random.default_rng(5)
    shape, sub = (1, 3, 4), np.array([1, 2, 2])
    nodes, mass = np.array([3, 17, 40]), np.array([0.2, 0.5, 0.3])
    starts, targets = np.array([0, 2, 5, 6]), np.array([1, 7, 0, 4, 11, 5], np.int32)
    weights, scale = rng.random(6).astype(np.float32), rng.random(12)
    offset, spread = 0.05 * rng.standard_normal((12, 3)), np.array([0.0, 0.1, 0.2])
    R, costs = np.zeros(12), np.empty(3)
    spread_pairs(starts, targets, weights, mass, scale, R)
    cost_of_pairs(
        0,
        3,
        nodes,
        sub,
        starts,
        targets,
        weights,
        scale,
        np.array(shape),
        SPACING,
        p,
        separable,
        offset,
        spread,
        costs,
    )
    x, y = places(nodes, shape, sub), places(np.arange(12), shape, np.ones(3, int))
    expected, paid = np.zeros(12), np.zeros(3)
    signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T
    for k in range(3):
        to = targets[starts[k] : starts[k + 1]]
        share = weights[starts[k] : starts[k + 1]] * scale[to]
        share /= share.sum()
        expected[to] += mass[k] * share
        away = SPACING * (y[to] - x[k]) + offset[to]
        if p > 2.0:
            each = sum(cost(away + sign * spread, p, separable) for sign in signs) / 8.0
        else:
            each = cost(np.sqrt(away**2 + spread**2), p, separable)
        paid[k] = (share * each).sum()
    np.testing.assert_allclose(R, expected, rtol=1e-6)
    np.testing.assert_allclose(costs, paid, rtol=1e-6)
