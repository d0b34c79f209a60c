"""Fluxes between two densities: exact whatever the guess, small in the tails, blind to rounding."""

import numpy as np
import pytest

from mfgprox.dynamic.fluxes import Fluxes
from mfgprox.grid import Grid


def taken(cells, before, after, speed):
    """The flux of one step, per cell mass, axes x, y, z."""
    grid = Grid([0.0] * len(cells), [float(n) for n in cells], cells, 1)
    fluxes = Fluxes(grid)
    fluxes.step(0, before.ravel(), after.ravel(), speed, speed)
    return [m[0] for m in fluxes.momentum()]


def defect(before, after, flux):
    out = after - before
    for axis, m in enumerate(flux):
        out = out + np.diff(m, axis=before.ndim - 1 - axis)
    return np.abs(out).max()


@pytest.mark.parametrize("cells", [[9], [7, 6], [5, 4, 6], [1, 8], [4, 1, 5]])
def test_any_guess_becomes_exact(cells):
    rng = np.random.default_rng(len(cells))
    before, after = rng.random((2, *cells[::-1]))
    before, after = before / before.sum(), after / after.sum()
    flux = taken(cells, before, after, rng.normal(size=(3, before.size)))
    assert defect(before, after, flux) < 1e-15
    for axis, m in enumerate(flux):
        assert not m.take([0, -1], before.ndim - 1 - axis).any()


def test_what_passes_the_tails_is_as_small_as_they_are():
    x, y = np.meshgrid(np.arange(40.0), np.arange(36.0))

    def bump(a, b):
        rho = np.exp(-0.15 * ((x - a) ** 2 + (y - b) ** 2))
        return rho / rho.sum()

    before, after = bump(17.0, 16.0), bump(17.4, 16.3)
    speed = np.repeat([[0.4], [0.3], [0.0]], x.size, axis=1)
    for axis, m in enumerate(taken([40, 36], before, after, speed)):
        inner = np.moveaxis(m, 1 - axis, -1)[..., 1:-1]
        mass = np.moveaxis(before + after, 1 - axis, -1)
        near = mass[..., 1:] + mass[..., :-1]
        assert near.min() < 1e-50
        assert np.abs(inner / near).max() < 5.0


def test_rounding_does_not_cross_a_gap():
    before = np.zeros(30)
    before[3:8], before[20:27] = 0.3 / 5, 0.7 / 7
    before[8:20] = 1e-40
    after = np.roll(before, 1)
    after[4:9] *= 1.0 + 1e-15
    (flux,) = taken([30], before, after, np.zeros((3, 30)))
    assert np.abs(flux[10:19]).max() < 1e-36
    assert defect(before, after, [flux]) < 1e-15
