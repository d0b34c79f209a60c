"""The monotone backward sweep: brute force, Legendre duality, monotonicity; the Lipschitz cap."""

import itertools

import numpy as np
import pytest

from mfgprox.kernels.hamilton_jacobi import backward_sweep, legendre_row, lipschitz_cap

SHAPES = [(1, 1, 9), (1, 5, 6), (3, 4, 5)]
POWERS = [1.5, 2.0, 3.0]


def hamiltonian(s, p, speed):
    """sup over 0 <= v <= speed of v √s - v^p, by its critical point."""
    v = np.minimum((np.sqrt(s) / p) ** (1.0 / (p - 1.0)), speed)
    return v * np.sqrt(s) - v**p


def upwind_squares(u, inverse):
    """Per axis, by plain differences with the boundary repeated."""
    squares = []
    for axis in range(3):
        padded = np.pad(u, [(1, 1) if a == axis else (0, 0) for a in range(3)], mode="edge")
        steps = np.diff(padded, axis=axis) * inverse[axis]
        left = steps.take(range(u.shape[axis]), axis)
        right = steps.take(range(1, u.shape[axis] + 1), axis)
        squares.append(np.maximum(left, 0.0) ** 2 + np.minimum(right, 0.0) ** 2)
    return np.array(squares)


def sweep(u, steps, inverse, p, speed, separable):
    U = np.empty((steps + 1, *u.shape))
    U[-1] = u
    G = np.empty((steps, 3 if separable else 1, *u.shape))
    backward_sweep(U, G, inverse, p, speed, separable)
    return U, G


def enough_steps(inverse, shape, speed):
    used = inverse[np.array(shape) > 1]
    return int(np.ceil(speed * np.sqrt(2.0) * used.sum()))


@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_one_step_against_brute_force(shape, p, separable):
    rng = np.random.default_rng(1)
    inverse, speed = np.array([2.0, 3.0, 1.5]), 1.2
    u = rng.standard_normal(shape)
    U, G = sweep(u, 1, inverse, p, speed, separable)
    squares = upwind_squares(u, inverse)
    if not separable:
        squares = squares.sum(axis=0, keepdims=True)
    expected = u - sum(hamiltonian(s, p, speed) for s in squares)
    assert np.allclose(U[0], expected, rtol=1e-13, atol=1e-13)
    v = np.minimum((np.sqrt(squares) / p) ** (1.0 / (p - 1.0)), speed)
    moving = squares > 0.0
    assert np.allclose((G[0] * np.sqrt(squares))[moving], v[moving], rtol=1e-12)


@pytest.mark.parametrize("p", [1.3, *POWERS, 5.0])
def test_hamiltonian_and_cost_are_conjugate(p):
    """H(s) + v^p >= v √s with equality at the speed that the mobility gives, v <= speed."""
    speed = 1.7
    s = np.linspace(0.0, 4.0 * (p * speed ** (p - 1.0)) ** 2, 200)
    loss, g = np.zeros(s.size), np.empty(s.size)
    legendre_row(s, loss, g, 1.0, p, speed)
    H = -loss
    chosen = g * np.sqrt(s)
    assert chosen.max() <= speed * (1.0 + 1e-12)
    assert np.allclose(H + chosen**p, chosen * np.sqrt(s), rtol=1e-12, atol=1e-12)
    for v in np.linspace(0.0, speed, 31):
        assert np.all(H + v**p >= v * np.sqrt(s) - 1e-12 * (1.0 + H))


@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_monotone_whatever_the_potential(shape, p, separable):
    """Raising a rough terminal potential lowers nothing earlier; constants pass through."""
    rng = np.random.default_rng(2)
    inverse, speed = np.array([2.0, 3.0, 1.5]), 1.0
    steps = enough_steps(inverse, shape, speed)
    u = 50.0 * rng.standard_normal(shape)
    U, _ = sweep(u, steps, inverse, p, speed, separable)
    higher, _ = sweep(u + rng.random(shape), steps, inverse, p, speed, separable)
    assert np.all(higher[0] >= U[0] - 1e-12)
    shifted, _ = sweep(u + 3.0, steps, inverse, p, speed, separable)
    assert np.allclose(shifted[0], U[0] + 3.0, rtol=0.0, atol=1e-11)


def test_lipschitz_cap_is_the_infimal_convolution():
    rng = np.random.default_rng(3)
    shape, rises = (3, 4, 5), np.array([0.3, 0.2, 0.1])
    u = rng.standard_normal(shape)
    cells = list(itertools.product(*map(range, shape)))
    distance = lambda a, b: sum(r * abs(i - j) for r, i, j in zip(rises, a, b, strict=True))  # noqa: E731
    expected = np.array([min(u[b] + distance(a, b) for b in cells) for a in cells])
    capped, owner = u.copy(), np.arange(u.size).reshape(shape)
    lipschitz_cap(capped, owner, rises)
    assert np.allclose(capped.ravel(), expected, rtol=1e-14)
    for a in cells:
        b = cells[owner[a]]
        assert capped[a] == pytest.approx(u[b] + distance(a, b), rel=1e-12)


def test_lipschitz_cap_continues_from_the_support():
    u = np.array([[[np.inf, 1.0, np.inf, np.inf, 0.5]]])
    owner = np.arange(5).reshape(1, 1, 5)
    lipschitz_cap(u, owner, np.array([1.0, 1.0, 2.0]))
    assert u.ravel().tolist() == [3.0, 1.0, 3.0, 2.5, 0.5]
    assert owner.ravel().tolist() == [1, 1, 1, 4, 4]
