"""Point clouds: certified gaps, a general solver on tiny sizes, limits."""

import time

import numpy as np
import pytest
from scipy.optimize import linprog, minimize
from scipy.special import rel_entr

from mfgprox.divergence import DIVERGENCES, by_name
from mfgprox.points import divergence_of_points, pairwise_cost


def clouds(n, m, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)), 0.5 * rng.normal(size=(m, 2)) + [1.0, -0.5]


def least(value, a, b):
    """The least value of a plan, flat, whose first marginal is a, by SciPy from that of a and b."""
    rows = [
        {"type": "eq", "fun": lambda v, i=i: v.reshape(len(a), -1)[i].sum() - a[i]}
        for i in range(len(a))
    ]
    found = minimize(
        value, np.outer(a, b).ravel(), method="SLSQP", bounds=[(0.0, 1.0)] * (len(a) * len(b)),
        constraints=rows, options={"ftol": 1e-13, "maxiter": 2000},
    )  # fmt: skip
    return found.fun


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

    peer = least(value, a, b)
    assert found.converged and -1e-15 <= found.gap <= 1e-6 * found.lower
    # SLSQP differentiates numerically, which leaves about 1e-6.
    assert found.lower - 1e-9 <= peer + 1e-9
    assert abs(found.upper - peer) <= 5e-6 * abs(peer)


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


@pytest.mark.parametrize("f", [*DIVERGENCES, "alpha(1.5)", "alpha(3.0)"])
def test_every_f_against_a_general_solver(f):
    x, y = clouds(4, 5, 3)
    C, a, b = pairwise_cost(x, y), np.array([0.1, 0.2, 0.3, 0.4]), np.full(5, 0.2)
    found = divergence_of_points(C, 1.0, a, b, f_divergence=f)
    divergence = by_name(f)

    def value(flat):
        r = np.maximum(flat.reshape(C.shape).sum(axis=0), 1e-14)
        return flat @ C.ravel() + float(b @ divergence.f(r / b))

    peer = least(value, a, b)
    assert found.converged and found.gap <= 1e-6 * found.lower
    assert found.lower <= peer + 1e-9
    # SLSQP differentiates numerically, which leaves about 1e-6.
    assert abs(found.upper - peer) <= 5e-6 * abs(peer)


@pytest.mark.parametrize("epsilon", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("kind", ["plane", "random cost", "coincident", "signed"])
def test_restricted_rounds_are_certified_over_all_pairs(kind, epsilon):
    # Two levels of clouds, and far fewer pairs than there are.
    x, y = clouds(300, 250)
    C = pairwise_cost(x, y)
    if kind == "random cost":
        C = np.random.default_rng(1).random((250, 250))
    elif kind == "coincident":
        C = pairwise_cost(np.round(x), np.round(y))
    elif kind == "signed":
        C = C - C.mean()
    n, m = C.shape
    found = divergence_of_points(C, epsilon)
    lower = float((C - found.psi).min(axis=1).mean())
    gibbs = found.psi / epsilon
    shift = np.log(np.mean(np.exp(-(gibbs - gibbs.min())))) - gibbs.min()
    assert found.converged, found.status
    assert np.abs(found.plan.sum(axis=1) - 1.0 / n).max() < 1e-15
    assert found.plan.data.min() > 0.0
    # Recomputed without the solver: the dual value of psi, the primal one of the plan.
    size = np.abs(C).max() + epsilon
    assert lower - epsilon * shift == pytest.approx(found.lower, abs=1e-12 * size)
    r = np.asarray(found.plan.sum(axis=0)).ravel()
    value = found.plan.multiply(C).sum() + epsilon * float(rel_entr(r, 1.0 / m).sum())
    assert value == pytest.approx(found.upper, abs=1e-12 * size)
    assert value - lower + epsilon * shift <= 1.01e-6 * abs(found.lower) + 1e-12 * size


def test_equal_clouds_and_single_points():
    x, _ = clouds(40, 1)
    assert abs(divergence_of_points(pairwise_cost(x, x), 1.0).upper) <= 1e-12
    assert divergence_of_points(np.full((3, 1), 2.0), 1.0).upper == pytest.approx(2.0, rel=1e-12)
    assert divergence_of_points(np.full((1, 3), 2.0), 1.0).upper == pytest.approx(2.0, rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("epsilon", [1e-2, 1.0, 100.0])
@pytest.mark.parametrize("p", [1.5, 2.0])
def test_two_thousand_points(epsilon, p):
    x, y = clouds(2000, 2000)
    C = pairwise_cost(x, y, p)
    divergence_of_points(C[:20, :20], epsilon)
    begun = time.process_time()
    found = divergence_of_points(C, epsilon)
    assert found.converged and found.gap <= 1e-6 * found.lower
    # Of one core; the target is 30 s of two.
    assert time.process_time() - begun <= 30.0
