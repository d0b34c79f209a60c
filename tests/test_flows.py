"""Flows against the closed forms of Gaussians: JKO, Ornstein–Uhlenbeck, the gradient flow of D."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from mfgprox import Grid, Problem, gaussian
from mfgprox.density import Gaussian
from mfgprox.flows import FlowError, gradient_flow, jko, load_flow

M1, S1 = np.array([-0.8, -0.4]), np.array([[0.1225, 0.05], [0.05, 0.2025]])
M2, S2 = np.array([0.7, 0.5]), np.diag([0.25, 0.16])


def problem(cells=48):
    grid = Grid((-4.0, -4.0), (4.0, 4.0), (cells, cells), 1)
    return Problem(Gaussian(M1, cov=S1), Gaussian(M2, cov=S2), epsilon=1.0, grid=grid)


def moments(rho, grid):
    x, w = grid.coordinates(), rho * grid.cell_volume
    mean = np.array([(w * c).sum() for c in x])
    off = [c - m for c, m in zip(x, mean, strict=True)]
    return mean, np.array([[(w * u * v).sum() for u in off] for v in off])


def test_jko_follows_the_exact_recursion(tmp_path):
    flow = jko(problem(), 0.05, 20, solver="newton")
    m, S = M1, S1
    for rho in flow.rho[1:]:
        step = gaussian.solve(m, S, M2, S2, 0.1)
        m, S = step.mean_R, step.covariance_R
        mean, covariance = moments(rho, flow.problem.grid)
        assert np.abs(mean - m).max() < 1e-5 and np.abs(covariance - S).max() < 1e-5
    assert flow.converged and flow.mass_error < 1e-13 and flow.rho.min() >= 0.0
    assert (np.diff(flow.energy) < 0.0).all()
    again = load_flow(flow.save(tmp_path / "flow.h5"))
    assert np.array_equal(again.rho, flow.rho) and np.array_equal(again.energy, flow.energy)
    assert again.statuses == flow.statuses and again.kind == "jko"


def test_jko_is_of_first_order_against_ornstein_uhlenbeck():
    grid = Grid((-6.0,), (6.0,), (256,), 1)
    start = Problem(Gaussian([-1.0], std=[0.5]), Gaussian([0.5], std=[1.0]), epsilon=1.0, grid=grid)
    exact = 0.5 - 1.5 * np.exp(-1.0), 1.0 + (0.25 - 1.0) * np.exp(-2.0)
    errors = []
    for steps in (5, 10, 20):
        rho = jko(start, 1.0 / steps, steps, solver="newton").rho[-1]
        mean, covariance = moments(rho, grid)
        errors.append((abs(mean[0] - exact[0]), abs(covariance[0, 0] - exact[1])))
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert np.abs(orders[-1] - 1.0).max() < 0.15


def test_gradient_flow_follows_the_ordinary_differential_equations():
    def right(_, u):
        m, S = u[:2], u[2:].reshape(2, 2)
        step = gaussian.solve(m, 0.5 * (S + S.T), M2, S2, 1.0)
        B = 2.0 * (step.map - np.eye(2))
        return np.concatenate([2.0 * (step.mean_R - m), (B @ S + S @ B).ravel()])

    start = np.concatenate([M1, S1.ravel()])
    end = solve_ivp(right, (0.0, 1.0), start, rtol=1e-10, atol=1e-12).y[:, -1]
    errors = []
    for steps in (20, 40):
        flow = gradient_flow(problem(), 1.0, steps, solver="newton")
        mean, covariance = moments(flow.rho[-1], flow.problem.grid)
        errors.append(max(abs(mean - end[:2]).max(), abs(covariance.ravel() - end[2:]).max()))
        assert flow.mass_error < 1e-13 and flow.rho.min() >= 0.0 and flow.converged
        assert (np.diff(flow.energy) < 0.0).all()
    assert errors[1] < 1e-2
    assert abs(np.log2(errors[0] / errors[1]) - 1.0) < 0.15


def test_what_makes_no_sense_is_refused():
    with pytest.raises(FlowError, match="tau"):
        jko(problem(16), 0.0, 1)
    with pytest.raises(FlowError, match="steps"):
        gradient_flow(problem(16), 1.0, 0)
