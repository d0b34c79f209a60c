"""Q within the cells of a grid against sums over very fine ones."""

import numpy as np
import pytest

from mfgprox.density import ArrayDensity, Gaussian, Mixture, Ring, Uniform, sample
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers.cut_cells import FINE_PARTS, target_in_parts

PLANE = Grid((-2, -1.5), (2, 1.5), (23, 17))
RING = Ring([0.1, -0.05], 0.5, 1.2)
BOX = Uniform([-0.93, -0.41], [0.77, 1.13])
DENSITIES = {
    "ring": RING,
    "box": BOX,
    "both": Mixture([1.0, 2.0], [RING, Mixture([1.0, 3.0], [BOX, Uniform([0, 0], [0.5, 0.5])])]),
    "with a background": Mixture([60.0, 1.0], [RING, Gaussian([0, 0], std=[1.2, 1.2])]),
}


@pytest.mark.parametrize("name", DENSITIES)
def test_parts_and_barycentres_of_cut_cells(name):
    Q = DENSITIES[name]
    problem = Problem(Gaussian([0, 0], std=[0.5, 0.5]), Q, epsilon=1.0, grid=PLANE)
    parts = target_in_parts(problem)
    fine, more = sample(Q, PLANE.with_cells((23 * 64, 17 * 64))).values, 64 // FINE_PARTS
    blocks = fine.reshape(17, FINE_PARTS, more, 23, FINE_PARTS, more).sum(axis=(2, 5))
    i, j = np.unravel_index(parts.cells, PLANE.shape)
    expected = blocks[i, :, j, :]
    total = expected.sum(axis=(1, 2))
    expected /= total[:, None, None]
    tolerance = 0.02 if name == "with a background" else 1e-9  # which varies by 16 % in a cell
    np.testing.assert_allclose(parts.shares, expected, atol=tolerance / FINE_PARTS)
    cells = fine.reshape(17, 64, 23, 64)[i, :, j, :]
    cells = cells / cells.sum(axis=(1, 2), keepdims=True)
    place = (np.arange(64) + 0.5) / 64 - 0.5
    x, y = parts.barycentres
    mass = total / total.sum()
    assert mass @ np.abs(x - cells.sum(axis=1) @ place) < 2e-3
    assert mass @ np.abs(y - cells.sum(axis=2) @ place) < 2e-3


def test_all_cells_that_an_edge_cuts_are_found_and_no_others():
    problem = Problem(Gaussian([0, 0], std=[0.5, 0.5]), BOX, epsilon=1.0, grid=PLANE)
    share = sample(BOX, PLANE).values * BOX.volume
    np.testing.assert_array_equal(
        target_in_parts(problem).cells, np.flatnonzero((share > 0.0) & (share < 1.0 - 1e-9))
    )


def test_on_the_line_and_without_edges():
    line = Grid((-2,), (2,), (31,))
    P = Gaussian([0], std=[0.5])
    parts = target_in_parts(Problem(P, Uniform([-0.93], [0.77]), epsilon=1.0, grid=line))
    x, y = parts.barycentres
    centres = line.edges(0)[parts.cells] + 0.5 * line.spacing[0]
    half = 0.5 * line.spacing[0]
    exact = [(-0.93 + centres[0] + half) / 2.0, (0.77 + centres[1] - half) / 2.0]
    np.testing.assert_allclose(centres + x * line.spacing[0], exact, atol=1e-2 * half)
    assert not y.any()
    assert target_in_parts(Problem(P, P, epsilon=1.0, grid=line)) is None


def test_finer_data_are_taken_from_their_own_cells():
    rng = np.random.default_rng(3)
    values = rng.random((34, 46)) * (rng.random((34, 46)) > 0.3)
    Q = ArrayDensity(values, PLANE.with_cells((46, 34)))
    problem = Problem(Gaussian([0, 0], std=[0.5, 0.5]), Q, epsilon=1.0, grid=PLANE)
    parts = target_in_parts(problem)
    blocks = values.reshape(17, 2, 23, 2).transpose(0, 2, 1, 3).reshape(-1, 2, 2)[parts.cells]
    np.testing.assert_allclose(parts.shares, blocks / blocks.sum(axis=(1, 2), keepdims=True))
