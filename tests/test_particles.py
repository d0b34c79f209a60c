"""The particle scheme (6.3)-(6.4): against the ordinary differential equations of Gaussians."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.spatial.distance import cdist

from mfgprox import Cost, Grid, gaussian
from mfgprox.density import Gaussian
from mfgprox.flows import FlowError, particle_flow
from mfgprox.flows.particles import _left

M1, S1 = np.array([-0.8, -0.4]), np.array([[0.1225, 0.05], [0.05, 0.2025]])
M2, S2 = np.array([0.7, 0.5]), np.diag([0.25, 0.16])
GRID = Grid((-4.0, -4.0), (4.0, 4.0), (48, 48), 1)


def exact(m, S, m2, S2, bandwidth, epsilon, time):
    """Moments of particles whose law is blurred before it is compared, as Q is."""
    blur = bandwidth**2 * np.eye(2)

    def right(_, u):
        m, S = u[:2], u[2:].reshape(2, 2)
        step = gaussian.solve(m, 0.5 * (S + S.T) + blur, m2, S2 + blur, epsilon)
        B = 2.0 * (step.map - np.eye(2))
        return np.concatenate([2.0 * (step.mean_R - m), (B @ S + S @ B).ravel()])

    start = np.concatenate([m, S.ravel()])
    return solve_ivp(right, (0.0, time), start, rtol=1e-9, atol=1e-11).y[:, -1]


def moments(points):
    return np.concatenate([points.mean(axis=0), np.cov(points.T, bias=True).ravel()])


def test_gaussian_particles_follow_the_equations_of_their_moments():
    rng = np.random.default_rng(1)
    Y, X = (rng.multivariate_normal(m, S, 20_000) for m, S in ((M1, S1), (M2, S2)))
    errors, flows = [], []
    for steps in (5, 10):
        flow = particle_flow(Y, X, epsilon=1.0, grid=GRID, time=0.5, steps=steps)
        own = [a for cloud in (Y, X) for a in (cloud.mean(axis=0), np.cov(cloud.T, bias=True))]
        errors.append(
            np.abs(moments(flow.points[-1]) - exact(*own, flow.bandwidth, 1.0, 0.5)).max()
        )
        assert flow.converged and (np.diff(flow.energy) < 0.0).all()
        flows.append(flow)
    # First order in the step, the ODEs of the clouds' own moments being free of sampling errors
    # except that clouds are not quite Gaussian: 1/sqrt(20000) of a moment at most.
    assert errors[1] < 2e-2 and 1.6 < errors[0] / errors[1] < 2.4
    # Without the blur, and from the moments of the laws: bandwidth² and sampling errors more.
    plain = exact(M1, S1, M2, S2, 0.0, 1.0, 0.5)
    assert np.abs(moments(flows[1].points[-1]) - plain).max() < 0.05
    assert np.abs(moments(Y) - plain).max() > 0.3


def test_the_same_particles_twice():
    rng = np.random.default_rng(2)
    Y = 0.5 * rng.standard_normal((300, 2))
    again = [
        particle_flow(
            Y, Gaussian(M2, cov=S2), epsilon=1.0, grid=GRID, time=0.2, steps=2, bandwidth=0.3
        ).points
        for _ in range(2)
    ]
    assert np.array_equal(*again)


@pytest.mark.parametrize("p", [1.5, 2.0, 3.0])
def test_what_is_left_of_the_way_solves_its_equation(p):
    r, h = np.array([[0.3], [0.7], [2.0]]), 0.05
    left = _left(r, Cost(p), h) * r
    for start, end in zip(r.ravel(), left.ravel(), strict=True):
        found = solve_ivp(
            lambda _, s: -p * np.maximum(s, 0.0) ** (p - 1.0),
            (0.0, h),
            [start],
            rtol=1e-10,
            atol=1e-12,
        )
        assert abs(found.y[0, -1] - end) < 1e-8
    # For p < 2 what is near arrives in finite time and stays; what is there stays for every p.
    assert _left(np.array([[0.0]]), Cost(p), h)[0, 0] * 0.0 == 0.0
    if p < 2.0:
        assert _left(np.array([[1e-6]]), Cost(p), h)[0, 0] == 0.0


def test_what_makes_no_sense_is_refused():
    Y = np.zeros((5, 2))
    for change in ({"points": Y + 9.0}, {"points": Y[:, :1]}, {"time": 0.0}, {"steps": 0},
                   {"bandwidth": -1.0}):  # fmt: skip
        settings = {"points": Y, "time": 1.0, "steps": 1, "bandwidth": 0.2, **change}
        with pytest.raises(FlowError):
            particle_flow(target=Gaussian(M2, cov=S2), epsilon=1.0, grid=GRID, **settings)


@pytest.mark.slow
def test_two_spirals_are_generated_from_a_gaussian():
    rng = np.random.default_rng(0)

    def spirals(n):
        a = 1.5 * np.pi * np.sqrt(rng.random(n)) + 0.6
        side = np.where(rng.random(n) < 0.5, 0.42, -0.42)
        curve = np.stack([side * a * np.cos(a), side * a * np.sin(a)], axis=1)
        return curve + 0.06 * rng.standard_normal((n, 2))

    def distance(a, b):
        return 2.0 * cdist(a, b).mean() - cdist(a, a).mean() - cdist(b, b).mean()

    data, others = spirals(2000), spirals(2000)
    start = 0.5 * rng.standard_normal((2000, 2))
    grid = Grid((-3.5, -3.5), (3.5, 3.5), (64, 64), 1)
    flow = particle_flow(start, data, epsilon=5.0, grid=grid, time=3.0, steps=15, bandwidth=0.1)
    assert (np.diff(flow.energy) < 0.0).all()
    # Two sets of 2000 points of the spirals differ by about 1.5e-3.
    assert distance(flow.points[-1], others) < 5e-3 < 0.05 * distance(start, others)
