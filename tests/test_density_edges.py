"""Boxes, rings and arrays, each against an oracle that shares no code with it."""

from itertools import pairwise

import numpy as np
import pytest
from density_grids import GRIDS
from scipy import integrate

from mfgprox.density import ArrayDensity, DensityError, Ring, Uniform, sample
from mfgprox.grid import Grid


@pytest.mark.parametrize("d", [1, 2, 3])
def test_uniform_averages_are_overlaps(d):
    grid = GRIDS[d]
    lower, upper = np.array([-1.13, -0.71, 0.2])[:d], np.array([0.77, 1.9, 1.05])[:d]
    found = sample(Uniform(lower, upper), grid)
    share = 1.0
    for i in range(d):
        cdf = np.clip((grid.edges(i) - lower[i]) / (upper[i] - lower[i]), 0.0, 1.0)
        share = np.multiply.outer(np.diff(cdf), share)
    assert np.abs(found.values * grid.cell_volume - share).max() < 1e-14
    assert np.array_equal(found.values == 0.0, share < 1e-14)
    assert np.array_equal(np.isneginf(found.log_values), share < 1e-14)
    assert not found.smooth
    assert found.cut_off == 0.0 or abs(found.cut_off) < 1e-15


def test_uniform_that_ends_on_cell_edges_has_no_slivers():
    grid = Grid((0.0,), (1.0,), (10,))
    found = sample(Uniform([0.3], [0.7]), grid)
    assert np.array_equal(found.values > 0.0, [0, 0, 0, 1, 1, 1, 1, 0, 0, 0])
    assert np.ptp(found.values[3:7]) < 1e-12


def test_uniform_cut_off_is_the_share_outside():
    grid = Grid((0.0, 0.0), (1.0, 1.0), (10, 10))
    assert Uniform([0.5, 0.5], [1.5, 0.9]).cut_off(grid) == pytest.approx(0.5)
    assert Uniform([2.0, 2.0], [3.0, 3.0]).cut_off(grid) == 1.0
    with pytest.raises(DensityError, match="no mass"):
        sample(Uniform([2.0, 2.0], [3.0, 3.0]), grid)


def ring_share(center, inner, outer, x0, x1, y0, y1):
    """Area of the ring in a rectangle by quadrature over chords."""

    def chord(x, r):
        s = np.sqrt(max(r * r - (x - center[0]) ** 2, 0.0))
        return max(min(y1, center[1] + s) - max(y0, center[1] - s), 0.0)

    def area(r):
        kinks = [center[0] - r, center[0] + r]
        for y in (y0, y1):
            bend = np.sqrt(max(r * r - (y - center[1]) ** 2, 0.0))
            kinks += [center[0] - bend, center[0] + bend]
        ends = sorted({x0, x1, *(k for k in kinks if x0 < k < x1)})
        pieces = list(pairwise(ends))
        return sum(integrate.quad(chord, a, b, args=(r,), epsabs=1e-13)[0] for a, b in pieces)

    return area(outer) - area(inner)


@pytest.mark.parametrize(("inner", "outer"), [(0.6, 1.1), (0.0, 0.9), (0.05, 0.12), (0.9, 0.95)])
def test_ring_cell_averages_in_the_plane(inner, outer):
    grid, center = Grid((-1.5, -1.4), (1.4, 1.6), (13, 17)), (0.07, -0.03)
    found = sample(Ring(center, inner, outer), grid)
    area = np.pi * (outer**2 - inner**2)
    ex, ey = grid.edges(0), grid.edges(1)
    exact = np.array(
        [
            [
                ring_share(center, inner, outer, ex[i], ex[i + 1], ey[j], ey[j + 1]) / area
                for i in range(13)
            ]
            for j in range(17)
        ]
    )
    assert np.abs(found.values * grid.cell_volume - exact).max() < 1e-8
    assert np.all(found.values[exact < 1e-14] == 0.0)
    assert found.cut_off == 0.0


def test_ring_is_exactly_zero_outside_and_in_the_hole():
    grid = Grid((-3.0, -3.0), (3.0, 3.0), (128, 128))
    found = sample(Ring((0.0, 0.0), 1.2, 2.0), grid)
    fine = Grid((-3.0, -3.0), (3.0, 3.0), (1024, 1024))
    x, y = fine.coordinates()
    hit = ((x * x + y * y > 1.44) & (x * x + y * y < 4.0)).reshape(128, 8, 128, 8).any(axis=(1, 3))
    assert np.all(found.values[hit] > 0.0)
    near_edge = found.values[~hit] * np.pi * 2.56  # only slivers that eight samples a side miss
    assert near_edge.max() < 0.02
    assert np.count_nonzero(near_edge) < 100
    top = found.values.max()
    assert np.abs(found.values - found.values[::-1, :]).max() < 1e-11 * top
    assert np.abs(found.values - found.values.T).max() < 1e-11 * top


def test_ring_in_one_and_three_dimensions():
    grid = Grid((-3.0,), (3.0,), (60,))
    found = sample(Ring([0.0], 1.05, 2.0), grid)
    assert found.values[np.abs(grid.centers(0)) < 1].max() == 0.0
    edge = np.abs(np.abs(grid.centers(0)) - 1.05) < 0.04
    assert found.values[edge] == pytest.approx(0.5 / 1.9, rel=1e-9)

    ball = Ring([0.1, 0.0, -0.1], 0.5, 1.0)
    grid = Grid((-1.5,) * 3, (1.5,) * 3, (12,) * 3)
    found = sample(ball, grid)
    assert found.values.sum() * grid.cell_volume == pytest.approx(1.0)
    fine = grid.with_cells((192,) * 3)
    x, y, z = fine.coordinates()
    r = np.sqrt((x - 0.1) ** 2 + y**2 + (z + 0.1) ** 2)
    share = ((r > 0.5) & (r < 1.0)).reshape(12, 16, 12, 16, 12, 16).mean(axis=(1, 3, 5))
    exact = share / (4 / 3 * np.pi * (1 - 0.125))
    # Sixteen samples a side leave an error of some 5e-3 in a cut cell.
    assert np.abs(found.values - exact).max() < 0.01 * found.values.max()
    raw = ball._covered(grid).sum() * grid.cell_volume
    assert raw == pytest.approx(4 / 3 * np.pi * 0.875, rel=1e-4)


def test_ring_cut_off_is_the_area_outside():
    grid = Grid((0.0, -3.0), (3.0, 3.0), (40, 80))
    assert Ring((0.0, 0.0), 1.0, 2.0).cut_off(grid) == pytest.approx(0.5, abs=1e-9)
    with pytest.raises(DensityError):
        Ring((0.0, 0.0), 2.0, 1.0)


def test_array_on_other_grids_keeps_mass_and_zeros():
    rng = np.random.default_rng(1)
    grid = Grid((0.0, 0.0), (2.0, 3.0), (12, 20))
    values = rng.random(grid.shape) * (rng.random(grid.shape) > 0.3)
    density = ArrayDensity(values, grid)
    half = np.exp(density.log_density(grid.with_cells((6, 10))))
    assert half == pytest.approx(values.reshape(10, 2, 6, 2).mean(axis=(1, 3)), abs=1e-14)
    for cells in ((7, 13), (24, 60), (1, 1), (25, 3)):
        other = grid.with_cells(cells)
        found = np.exp(density.log_density(other))
        assert other.integrate(found) == pytest.approx(grid.integrate(values), rel=1e-13)
        cumulative = np.pad(values.cumsum(0).cumsum(1), ((1, 0), (1, 0))) * grid.cell_volume
        at = [
            np.interp(other.edges(i), grid.edges(i), np.arange(grid.cells[i] + 1)) for i in (0, 1)
        ]
        along_x = np.array([np.interp(at[0], range(13), row) for row in cumulative])
        both = np.array([np.interp(at[1], range(21), column) for column in along_x.T]).T
        exact = np.diff(np.diff(both, axis=0), axis=1) / other.cell_volume
        assert found == pytest.approx(exact, abs=1e-12)
    doubled = np.exp(density.log_density(grid.with_cells((24, 40))))
    assert np.array_equal(doubled == 0.0, np.kron(values, np.ones((2, 2))) == 0.0)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.ones((3, 4)), "shape"),
        (np.full((4, 3), -1.0), "negative"),
        (np.full((4, 3), np.nan), "not finite"),
        (np.full((4, 3), np.inf), "not finite"),
        (np.zeros((4, 3)), "no mass"),
        (np.full((4, 3), "a"), "real numbers"),
        (np.full((4, 3), 1j), "real numbers"),
    ],
)
def test_arrays_that_are_no_densities(values, reason):
    with pytest.raises(DensityError, match=reason):
        ArrayDensity(values, Grid((0.0, 0.0), (1.0, 1.0), (3, 4)))
