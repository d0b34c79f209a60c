"""The Gaussian closed forms against the equations they solve, and against plain minimisation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.optimize import minimize

from mfgprox.exact import gaussian

ROTATED = {
    2: ([-0.8, -0.4], [[0.20, 0.09], [0.09, 0.12]], [0.7, 0.5], [[0.30, -0.13], [-0.13, 0.15]]),
    3: (
        [-0.3, 0.2, 0.0],
        [[0.3, 0.1, 0.0], [0.1, 0.2, 0.05], [0.0, 0.05, 0.4]],
        [0.5, -0.1, 0.4],
        [[0.2, -0.05, 0.04], [-0.05, 0.5, 0.1], [0.04, 0.1, 0.3]],
    ),
}


def bures(S: np.ndarray, T: np.ndarray) -> float:
    root = np.real(sqrtm(S))
    return float(np.trace(S + T) - 2.0 * np.trace(np.real(sqrtm(root @ T @ root))))


def objective(m: np.ndarray, S: np.ndarray, case: tuple, epsilon: float) -> float:
    m1, S1, m2, S2 = (np.asarray(v, float) for v in case)
    precision = np.linalg.inv(S2)
    kl = 0.5 * (
        np.trace(precision @ S)
        - m.size
        + (m - m2) @ precision @ (m - m2)
        - np.linalg.slogdet(precision @ S)[1]
    )
    return float(np.sum((m - m1) ** 2) + bures(S1, S) + epsilon * kl)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("epsilon", [0.1, 1.0, 7.0])
def test_direct_minimisation_over_mean_and_covariance(d: int, epsilon: float) -> None:
    case = ROTATED[d]
    lower = np.tril_indices(d)

    def unpack(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        L = np.zeros((d, d))
        L[lower] = z[d:]
        return z[:d], L @ L.T

    start = np.concatenate([case[2], np.linalg.cholesky(np.array(case[3]))[lower]])
    found = minimize(lambda z: objective(*unpack(z), case, epsilon), start, method="BFGS")
    solution = gaussian.solve(*case, epsilon)
    # BFGS with differenced gradients (1e-8) leaves a value error of its square, times curvature.
    assert solution.divergence == pytest.approx(found.fun, abs=1e-10)
    assert solution.divergence <= found.fun + 1e-12
    np.testing.assert_allclose(solution.mean_R, unpack(found.x)[0], atol=1e-5)
    np.testing.assert_allclose(solution.covariance_R, unpack(found.x)[1], atol=1e-5)
    assert objective(solution.mean_R, solution.covariance_R, case, epsilon) == pytest.approx(
        solution.divergence, rel=1e-12
    )


@pytest.mark.parametrize(("epsilon", "value"), [(0.5, 1.754753), (2, 2.584668), (10, 2.982786)])
def test_printed_values_of_the_two_dimensional_case(epsilon: float, value: float) -> None:
    case = ([-0.8, -0.4], [0.35**2, 0.45**2], [0.7, 0.5], [0.5**2, 0.3**2])
    assert gaussian.divergence(*case, epsilon) == pytest.approx(value, abs=5e-7)


@pytest.mark.parametrize("epsilon", [1e-3, 0.4, 2.0, 50.0])
def test_one_dimensional_formulas_of_the_paper(epsilon: float) -> None:
    """(F.1)-(F.3), and the printed root of (F.11) is another number."""
    m1, s1, m2, s2 = 0.4, 0.5, -1.1, 1.3
    a = 1.0 + epsilon / (2.0 * s2**2)
    mean = (m1 + epsilon / (2.0 * s2**2) * m2) / a
    std = (s1 + np.sqrt(s1**2 + 2.0 * epsilon * a)) / (2.0 * a)
    value = (
        epsilon / (2.0 * s2**2) / a * (m1 - m2) ** 2 + s1 * (s1 - std) + epsilon * np.log(s2 / std)
    )
    assert gaussian.divergence(m1, s1**2, m2, s2**2, epsilon) == pytest.approx(value, rel=1e-11)
    m, S = gaussian.minimiser(m1, s1**2, m2, s2**2, epsilon)
    assert m[0] == pytest.approx(mean, rel=1e-13)
    assert np.sqrt(S[0, 0]) == pytest.approx(std, rel=1e-13)
    if epsilon == 2.0:
        misprinted = (s1 + np.sqrt(s1**2 + 2.0 * epsilon / a)) / (2.0 * a)
        assert std == pytest.approx(0.9651, abs=5e-5)
        assert misprinted == pytest.approx(0.6792, abs=5e-5)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("epsilon", [0.3, 4.0])
def test_gauge(d: int, epsilon: float) -> None:
    case = ROTATED[d]
    solution = gaussian.solve(*case, epsilon)
    points = np.random.default_rng(1).normal(size=(d, 50))
    at_one = gaussian.solve(*case[2:], *case[2:], 1.0)
    log_ratio = solution.log_density(1.0, points) - at_one.log_density(0.0, points)
    np.testing.assert_allclose(solution.potential(1.0, points), epsilon * log_ratio, atol=1e-11)
    # E_P of a quadratic: its value at the mean and half the trace of Hessian times covariance.
    mean = [np.array(m) for m in case[0]]
    unit, zero = np.eye(d), np.zeros(d)
    hessian = np.array(
        [
            [
                float(
                    solution.gradient(0.0, list(unit[j]))[i] - solution.gradient(0.0, list(zero))[i]
                )
                for j in range(d)
            ]
            for i in range(d)
        ]
    )
    expected = solution.potential(0.0, mean) + 0.5 * np.trace(hessian @ np.array(case[1]))
    assert float(expected) == pytest.approx(solution.divergence, rel=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_hamilton_jacobi_and_continuity(d: int) -> None:
    case = ([0.3], [[0.25]], [-0.4], [[0.6]]) if d == 1 else ROTATED[d]
    solution = gaussian.solve(*case, 1.7)
    points = list(np.random.default_rng(2).normal(scale=0.5, size=(d, 40)))
    h, t = 1e-4, 0.37

    def along(f, axis: int | None, time: float = t) -> np.ndarray:
        if axis is None:
            return (f(time + h, points) - f(time - h, points)) / (2.0 * h)
        moved = [[x + s * h * (i == axis) for i, x in enumerate(points)] for s in (1, -1)]
        return (f(time, moved[0]) - f(time, moved[1])) / (2.0 * h)

    gradient = solution.gradient(t, points)
    for axis in range(d):
        np.testing.assert_allclose(gradient[axis], along(solution.potential, axis), atol=1e-7)
    hamiltonian = sum(g**2 for g in gradient) / 4.0
    np.testing.assert_allclose(along(solution.potential, None), hamiltonian, atol=1e-6)

    def flux(axis: int):
        return lambda s, x: (
            -0.5 * np.exp(solution.log_density(s, x)) * solution.gradient(s, x)[axis]
        )

    change = along(lambda s, x: np.exp(solution.log_density(s, x)), None)
    divergence = sum(along(flux(axis), axis) for axis in range(d))
    np.testing.assert_allclose(change, -divergence, atol=1e-6)


def test_end_points_of_the_path() -> None:
    solution = gaussian.solve(*ROTATED[3], 0.8)
    np.testing.assert_allclose(solution.covariance(0.0), solution.S1, atol=1e-15)
    np.testing.assert_allclose(solution.covariance(1.0), solution.covariance_R, atol=1e-13)
    np.testing.assert_allclose(solution.map, solution.map.T, atol=1e-15)


def test_limits_of_epsilon() -> None:
    """Theorem 2.8: D/epsilon -> KL(P‖Q) and D -> W_2²(P, Q)."""
    case = ROTATED[2]
    m1, S1, m2, S2 = (np.asarray(v, float) for v in case)
    small, large = gaussian.solve(*case, 1e-7), gaussian.solve(*case, 1e8)
    np.testing.assert_allclose(small.divergence / 1e-7, objective(m1, S1, case, 1.0), rtol=1e-5)
    np.testing.assert_allclose(large.divergence, np.sum((m1 - m2) ** 2) + bures(S1, S2), rtol=1e-6)


def test_equal_gaussians_are_at_no_distance() -> None:
    m, S = ROTATED[3][:2]
    solution = gaussian.solve(m, S, m, S, 0.7)
    assert abs(solution.divergence) < 1e-14
    np.testing.assert_allclose(solution.map, np.eye(3), atol=1e-14)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0.0, 1.0, 0.0, 1.0, 0.0), "epsilon"),
        ((0.0, 1.0, 0.0, 1.0, float("inf")), "epsilon"),
        ((0.0, -1.0, 0.0, 1.0, 1.0), "positive definite"),
        (([0.0, 1.0], [[1.0, 0.3], [0.0, 1.0]], [0.0, 1.0], 1.0, 1.0), "symmetric"),
        (([0.0, 1.0], [1.0, 1.0, 1.0], [0.0, 1.0], 1.0, 1.0), "shape"),
        (([0.0, 1.0], 1.0, 0.0, 1.0, 1.0), "same length"),
        ((float("nan"), 1.0, 0.0, 1.0, 1.0), "finite"),
    ],
)
def test_bad_input(arguments: tuple, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        gaussian.solve(*arguments)
