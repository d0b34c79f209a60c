"""Point clouds: certified gaps, a general solver on tiny sizes, limits."""

import numpy as np
import pytest
from scipy.optimize import linprog, minimize

from mfgprox.points import divergence_of_points, pairwise_cost


def clouds(n, m, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)), 0.5 * rng.normal(size=(m, 2)) + [1.0, -0.5]


@pytest.mark.parametrize(
    ("p", "cost"), [(2.0, "euclidean"), (1.5, "euclidean"), (3.0, "separable")]
)
@pytest.mark.parametrize("epsilon", [0.1, 2.0])
def test_a_general_convex_solver_agrees(p, cost, epsilon):
    x, y = clouds(4, 5)
    C, a, b = pairwise_cost(x, y, p, cost), np.array([0.1, 0.2, 0.3, 0.4]), np.full(5, 0.2)
    found = divergence_of_points(C, epsilon, a, b)

    def value(flat):
        r = flat.reshape(C.shape).sum(axis=0)
        return flat @ C.ravel() + epsilon * np.sum(r * np.log(np.maximum(r, 1e-300) / b))

    rows = [
        {"type": "eq", "fun": lambda v, i=i: v.reshape(C.shape)[i].sum() - a[i]} for i in range(4)
    ]
    start = np.outer(a, b).ravel()
    peer = minimize(
        value, start, method="SLSQP", bounds=[(0.0, 1.0)] * 20, constraints=rows,
        options={"ftol": 1e-13, "maxiter": 2000},
    )  # fmt: skip
    assert found.converged and 0.0 <= found.gap <= 1e-6 * found.lower
    # SLSQP differentiates numerically, which leaves about 1e-6.
    assert found.lower - 1e-9 <= peer.fun + 1e-9
    assert abs(found.upper - peer.fun) <= 5e-6 * abs(peer.fun)


def test_plan_is_feasible_and_the_weights_are_those_of_psi():
    x, y = clouds(60, 50)
    found = divergence_of_points(pairwise_cost(x, y), 0.5)
    assert found.converged
    assert np.abs(found.plan.sum(axis=1) - 1.0 / 60).max() < 1e-15
    gibbs = np.exp(-found.psi / 0.5)
    # KL(r‖R) <= gap / epsilon, so Pinsker's inequality bounds the distance.
    distance = np.abs(found.weights - gibbs / gibbs.sum()).sum()
    assert distance <= np.sqrt(2.0 * found.gap / 0.5) + 1e-12


def test_large_epsilon_is_optimal_transport():
    x, y = clouds(8, 8)
    C = pairwise_cost(x, y)
    rows = [np.kron(np.eye(8), np.ones(8)), np.kron(np.ones(8), np.eye(8))]
    exact = linprog(C.ravel(), A_eq=np.vstack(rows), b_eq=np.full(16, 1.0 / 8.0))
    found = divergence_of_points(C, 1e4)
    # D <= W, and W - D = O(1/epsilon).
    assert 0.0 <= exact.fun - found.lower <= 1e-3 * exact.fun


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="epsilon"):
        divergence_of_points(np.ones((2, 2)), 0.0)
    with pytest.raises(ValueError, match="a must be 2"):
        divergence_of_points(np.ones((2, 2)), 1.0, a=np.array([1.0, 0.0]))
