"""The multigrid preconditioner: symmetric, positive, and close to the inverse."""

import numpy as np
import pytest

from mfgprox.kernels.screened_poisson import ScreenedPoisson

SHAPES = [(1, 1, 37), (1, 24, 31), (9, 10, 11), (1, 3, 64)]


def matrix(shape, seed=0):
    """Coefficients that vary over twelve orders of magnitude, as densities do."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*[np.linspace(-1, 1, n) if n > 1 else [0.0] for n in shape], indexing="ij")
    weight = np.exp(-14.0 * sum(a * a for a in axes)) * (1.0 + 0.2 * rng.random(shape))
    faces = []
    for axis, n in enumerate(shape):
        low, high = weight.take(range(n - 1), axis), weight.take(range(1, n), axis)
        faces.append(np.ascontiguousarray(50.0 * (low + high)))
    return weight, tuple(faces)


@pytest.mark.parametrize("shape", SHAPES)
def test_symmetric_and_positive(shape):
    rng = np.random.default_rng(1)
    solver = ScreenedPoisson(*matrix(shape))
    a, b = rng.standard_normal((2, *shape)) * solver.levels[0][0]
    x, y = solver.solve(a), solver.solve(b)
    assert (a * y).sum() == pytest.approx((b * x).sum(), rel=1e-9)
    assert (a * x).sum() > 0.0


@pytest.mark.parametrize("seed", range(5))
def test_positive_where_conductances_jump(seed):
    """Every eigenvalue: at kinks of a potential they jump by many orders from cell to cell."""
    rng = np.random.default_rng(seed)
    n = 48
    faces = (np.zeros((0, 1, n)), np.zeros((1, 0, n)), 10.0 ** rng.uniform(-3, 5, (1, 1, n - 1)))
    solver = ScreenedPoisson(10.0 ** rng.uniform(-4, 0, (1, 1, n)), faces)
    inverse = np.array([solver.solve(e.reshape(1, 1, n)).ravel() for e in np.eye(n)])
    scale = np.sqrt(np.diag(inverse))
    assert np.linalg.eigvalsh(inverse / np.outer(scale, scale))[0] > 0.0


@pytest.mark.parametrize("shape", SHAPES)
def test_preconditions_conjugate_gradients(shape):
    """A handful of steps for eight digits, whatever the contrast."""
    rng = np.random.default_rng(2)
    solver = ScreenedPoisson(*matrix(shape))
    exact = rng.standard_normal(shape)
    residual = solver.multiply(exact)
    x, z = np.zeros(shape), solver.solve(residual)
    along, product = z.copy(), (residual * z).sum()
    first = product
    for _ in range(16):
        image = solver.multiply(along)
        length = product / (along * image).sum()
        x += length * along
        residual -= length * image
        z = solver.solve(residual)
        product, previous = (residual * z).sum(), product
        along = z + product / previous * along
        if product < 1e-16 * first:
            break
    energy = ((x - exact) * solver.multiply(x - exact)).sum()
    assert energy <= 1e-14 * (exact * solver.multiply(exact)).sum()
