"""c-transforms against minima over all pairs, minima over the box against fine lattices."""

import numpy as np
import pytest

from mfgprox.cost import Cost
from mfgprox.splines import SplinePotential, spline_coefficients
from mfgprox.transform import c_transform

SPACING = (0.3, 0.2, 0.17)
SHAPES = [(1, 1, 1), (1, 1, 40), (1, 9, 13), (1, 17, 6), (5, 6, 7), (4, 1, 9)]
COSTS = [Cost(2.0), Cost(1.5), Cost(3.0), Cost(1.5, "separable"), Cost(4.0, "separable")]


def places(shape, sub=(1, 1, 1)):
    """Centres of the divided cells, (n, 3)."""
    axes = [
        ((np.arange(n * s) + 0.5) / s - 0.5) * h
        for n, s, h in zip(shape, sub, SPACING, strict=True)
    ]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def all_pairs(x, y, psi, cost):
    """|x - y|^p - psi(y), (x, y)."""
    return cost(list(np.moveaxis(x[:, None] - y[None], -1, 0))) - psi.ravel()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cost", COSTS, ids=lambda c: f"{c.norm}-{c.p}")
@pytest.mark.parametrize("amplitude", [0.0, 0.2, 3.0])
def test_lattice_c_transform_is_the_minimum_over_all_pairs(shape, cost, amplitude):
    rng = np.random.default_rng(7)
    psi = amplitude * rng.normal(size=shape)
    psi.ravel()[1:][rng.random(psi.size - 1) < 0.3] = -np.inf
    values, argmin = c_transform(psi, cost, SPACING)
    x = places(shape)
    pairs = all_pairs(x, x, psi, cost)
    scale = 1.0 + np.abs(pairs[np.isfinite(pairs)]).max()
    assert np.abs(values.ravel() - pairs.min(axis=1)).max() <= 1e-14 * scale
    attained = pairs[np.arange(psi.size), argmin.ravel()]
    assert np.abs(attained - pairs.min(axis=1)).max() <= 1e-14 * scale
    assert np.isfinite(psi.ravel()[argmin]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_c_transform_refuses_what_has_no_minimum(bad):
    with pytest.raises(ValueError, match="finite"):
        c_transform(np.full((1, 2, 3), bad), Cost(2.0), SPACING)


def smooth_potential(shape):
    x = places(shape) - places(shape).mean(axis=0)
    wave = 0.3 * np.sin(2.0 * x[:, 0] + x[:, 1]) + 0.2 * np.cos(3.0 * x[:, 2]) * np.cos(x[:, 1])
    return (wave + 0.1 * x[:, 2]).reshape(shape)


@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 1, 3), (1, 1, 4), (1, 3, 12), (6, 7, 8)])
def test_spline_reproduces_the_polynomials_of_its_degree(shape):
    degree = min(3, min(n for n in shape if n > 1) - 1)
    rng = np.random.default_rng(3)
    weights = rng.normal(size=(3, degree + 1))

    def polynomial(x):
        return sum(
            np.polynomial.polynomial.polyval(x[:, a], weights[a]) for a in range(3) if shape[a] > 1
        )

    potential = SplinePotential(polynomial(places(shape)).reshape(shape), Cost(2.0), SPACING)
    fine = potential.refined(3)
    expected = polynomial(places(shape, potential.parts(3)))
    assert np.abs(fine.ravel() - expected).max() <= 1e-12 * np.abs(expected).max()
    assert spline_coefficients(potential.values).shape == tuple(
        n + 2 if n > 1 else 1 for n in shape
    )


@pytest.mark.compiled
@pytest.mark.parametrize("shape", [(1, 1, 40), (1, 12, 15), (6, 7, 8)])
@pytest.mark.parametrize("cost", COSTS, ids=lambda c: f"{c.norm}-{c.p}")
def test_minimum_over_the_box_lies_below_that_over_a_fine_lattice(shape, cost):
    potential = SplinePotential(smooth_potential(shape), cost, SPACING)
    values, found = potential.c_transform(2)
    fine = {1: 24, 2: 10, 3: 5}[sum(n > 1 for n in shape)]
    x = places(shape, potential.parts(2))
    pick = np.random.default_rng(0).permutation(len(x))[:100]
    y = places(shape, potential.parts(fine))
    pairs = all_pairs(x[pick], y, potential.refined(fine), cost)
    above = values[pick] - pairs.min(axis=1)
    # Two basins closer than the lattice can tell apart: rarely, and hardly above.
    assert np.mean(above > 1e-12) <= 0.04
    assert above.mean() <= 0.0
    # A parabola through its minimum: a fine lattice misses it by the square of its spacing.
    assert -above.min() <= 10.0 * max(SPACING) ** min(cost.p, 2.0) / fine
    n = np.array(shape)
    assert np.all(found >= -0.5) and np.all(found <= n - 0.5)


def test_quadratic_potential_has_the_closed_form():
    """psi = -k|y|²/2 gives psi^c = |x|² k/(2 + k) and the argmin 2x/(2 + k)."""
    shape, k = (1, 9, 11), 0.7
    x = places(shape) - places(shape).mean(axis=0)
    psi = -0.5 * k * (x**2).sum(axis=1)
    values, found = SplinePotential(psi.reshape(shape), Cost(2.0), SPACING).c_transform()
    assert np.allclose(values, (x**2).sum(axis=1) * k / (2.0 + k), rtol=0.0, atol=1e-14)
    expected = 2.0 * x / (2.0 + k) + places(shape).mean(axis=0)
    assert np.allclose(found * SPACING, expected, rtol=0.0, atol=1e-7)


@pytest.mark.compiled
@pytest.mark.parametrize("cost", [Cost(2.0), Cost(1.5)], ids=lambda c: str(c.p))
def test_same_bits_for_any_number_of_threads(cost):
    import numba

    psi = np.random.default_rng(5).normal(size=(1, 40, 45))
    before = numba.get_num_threads()
    results = []
    try:
        for threads in {1, numba.config.NUMBA_NUM_THREADS}:
            numba.set_num_threads(threads)
            potential = SplinePotential(psi, cost, SPACING)
            results.append((*c_transform(psi, cost, SPACING), *potential.c_transform(5)))
    finally:
        numba.set_num_threads(before)
    for first, other in zip(results[0], results[-1], strict=True):
        assert np.array_equal(first, other)
