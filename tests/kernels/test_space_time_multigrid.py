"""The weighted Poisson equation against a sparse matrix assembled independently."""

import numba
import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spl

from mfgprox.solvers.primal_dual.poisson import Poisson

LENGTHS = [(7, 1, 1), (24, 1, 1), (5, 3, 1), (13, 8, 1), (5, 4, 3)]


def problem(lengths, slabs=3, seed=0):
    """Random positive conductances; time[0] = 0 because rho(·, 0) is given."""
    rng = np.random.default_rng(seed)
    cells = int(np.prod(lengths))
    time = np.exp(rng.normal(size=(slabs + 1, cells)))
    time[0] = 0.0
    index = np.arange(cells)
    coordinates = [
        index % lengths[0],
        index // lengths[0] % lengths[1],
        index // (lengths[0] * lengths[1]),
    ]
    faces = []
    for axis in range(3):
        if lengths[axis] == 1:
            faces.append(np.zeros((1, 1)))
            continue
        a = np.exp(rng.normal(size=(slabs, cells)))
        a[:, coordinates[axis] == lengths[axis] - 1] = 0.0
        faces.append(a)
    return time, faces


def matrix(lengths, time, faces):
    slabs, cells = len(time) - 1, time.shape[1]
    A = sp.lil_matrix((slabs * cells, slabs * cells))
    strides = [1, lengths[0], lengths[0] * lengths[1]]

    def couple(i, j, a):
        A[i, i] += a
        if j is not None:
            A[j, j] += a
            A[i, j] -= a
            A[j, i] -= a

    for k in range(slabs):
        for c in range(cells):
            i = k * cells + c
            couple(i, (k + 1) * cells + c if k < slabs - 1 else None, time[k + 1, c])
            for axis in range(3):
                if lengths[axis] > 1 and faces[axis][k, c] > 0.0:
                    couple(i, i + strides[axis], faces[axis][k, c])
    return A.tocsc()


@pytest.mark.parametrize("lengths", LENGTHS)
def test_operator_is_the_matrix(lengths):
    time, faces = problem(lengths)
    poisson = Poisson(lengths, (0.1, 0.2, 0.3), time, faces)
    u = np.random.default_rng(1).normal(size=(3, time.shape[1]))
    out = np.empty_like(u)
    poisson.apply(u, out)
    np.testing.assert_allclose(out.ravel(), matrix(lengths, time, faces) @ u.ravel(), atol=1e-12)


@pytest.mark.parametrize("lengths", LENGTHS)
def test_solution_is_that_of_a_direct_solver(lengths):
    time, faces = problem(lengths)
    f = np.random.default_rng(2).normal(size=(3, time.shape[1]))
    u = np.zeros_like(f)
    iterations = Poisson(lengths, (0.1, 0.1, 0.1), time, faces).solve(u, f, 1e-12)
    assert iterations <= 25
    expected = spl.spsolve(matrix(lengths, time, faces), f.ravel())
    np.testing.assert_allclose(u.ravel(), expected, rtol=1e-8, atol=1e-10)


def test_cycle_is_symmetric():
    """Conjugate gradients need it, as far as single precision goes."""
    lengths = (7, 5, 3)
    poisson = Poisson(lengths, (0.1, 0.1, 0.2), *problem(lengths))
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 3, 105)).astype(np.float32)
    za, zb = np.empty_like(a), np.empty_like(b)
    poisson._cycle(0, za, a)
    poisson._cycle(0, zb, b)
    assert (za * b).sum() == pytest.approx((zb * a).sum(), rel=1e-5)


@pytest.mark.compiled
def test_iterations_do_not_grow_with_the_grid():
    counts = []
    for n in (32, 128):
        x = (np.arange(n) + 0.5) / n
        weight = np.exp(-20.0 * ((x[:, None] - 0.5) ** 2 + (x[None] - 0.4) ** 2)).ravel() + 1e-6
        time = np.repeat(weight[None], 5, axis=0) * 16.0
        time[0] = 0.0
        face = weight.reshape(n, n) * n**2
        ax, ay = face.copy(), face.copy()
        ax[:, -1] = 0.0
        ay[-1] = 0.0
        faces = [np.repeat(a.reshape(1, -1), 4, axis=0) for a in (ax, ay)] + [np.zeros((1, 1))]
        f = time[1:] * np.sin(7.0 * np.repeat(x[None], n, 0)).ravel()
        counts.append(
            Poisson((n, n, 1), (1 / n, 1 / n, 1.0), time, faces).solve(np.zeros_like(f), f, 1e-6)
        )
    assert counts[1] <= counts[0] + 4 and counts[1] <= 15


@pytest.mark.compiled
def test_threads_do_not_change_bits():
    lengths = (129, 65, 1)
    time, faces = problem(lengths, slabs=9)
    f = np.random.default_rng(4).normal(size=(9, time.shape[1]))
    found = []
    threads = numba.get_num_threads()
    try:
        for count in sorted({1, min(2, threads)}):
            numba.set_num_threads(count)
            u = np.zeros_like(f)
            Poisson(lengths, (0.1, 0.1, 1.0), time, faces).solve(u, f, 1e-6)
            found.append(u.tobytes())
    finally:
        numba.set_num_threads(threads)
    assert len(set(found)) == 1
