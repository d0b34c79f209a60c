"""Flows against the closed forms of Gaussians: JKO, Ornstein–Uhlenbeck, the gradient flow of D."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import mfgprox
from mfgprox import Grid, Problem, checkpoint, gaussian
from mfgprox.density import DensityError, Gaussian, Uniform
from mfgprox.divergence import by_name
from mfgprox.exits import BadInput
from mfgprox.flows import FlowError, gradient_flow, jko, load_flow
from mfgprox.flows.density import LogDensity
from mfgprox.run_flow import _Kept, run_flow
from mfgprox.slices import Slices

SMOOTH = ("gaussian_1d", "grid.cells=[96]", "grid.time_steps=2")
ROUGH = ("ring_2d", "grid.cells=[16,16]", "grid.time_steps=2")

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
    for steps in (10, 20):
        flow = gradient_flow(problem(), 1.0, steps, solver="newton")
        mean, covariance = moments(flow.rho[-1], flow.problem.grid)
        errors.append(max(abs(mean - end[:2]).max(), abs(covariance.ravel() - end[2:]).max()))
        assert flow.mass_error < 1e-13 and flow.rho.min() >= 0.0 and flow.converged
        assert (np.diff(flow.energy) < 0.0).all()
    assert errors[1] < 1e-3
    assert abs(np.log2(errors[0] / errors[1]) - 2.0) < 0.15


def test_slices_of_conditional_transport_flow_each_by_itself():
    grid = Grid((-5.0, -3.0), (5.0, 3.0), (64, 3), 1)
    P, Q = Gaussian([-0.8, 0.0], cov=[[0.4, 0.15], [0.15, 0.5]]), Gaussian([0.7, 0.2], std=[0.5, 1])
    both = Problem(P, Q, epsilon=1.0, grid=grid, transport_axes=["x"])
    flow = gradient_flow(both, 0.5, 5)
    assert flow.converged and (np.diff(flow.energy) < 0.0).all() and flow.rho.min() >= 0.0
    marginals = flow.rho.sum(axis=2)
    np.testing.assert_allclose(marginals, np.broadcast_to(marginals[0], marginals.shape), rtol=1e-9)
    slices = Slices(both)
    for k, rho in enumerate(flow.rho[-1]):
        alone = gradient_flow(slices.slice_problem(k), 0.5, 5)
        share = rho / (rho.sum() * grid.spacing[0])
        np.testing.assert_allclose(share, alone.rho[-1], atol=1e-4 * share.max())


@pytest.mark.parametrize("f", ["lipschitz(kl, 1.0)", "kl"])
def test_rough_densities_flow_along_shortest_paths(f):
    grid = Grid((-2.0,), (2.0,), (48,), 1)
    P, Q = Uniform([-1.5], [-0.5]), Uniform([0.0], [1.0])
    start = Problem(P, Q, epsilon=0.5, grid=grid, f_divergence=by_name(f))
    flow = gradient_flow(start, 0.3, 3)
    assert flow.mass_error < 1e-13 and flow.rho.min() >= 0.0
    # By theory at least like this: D(rho_s) <= (1-s)² W_2² + epsilon D_f(R).
    assert (np.diff(flow.energy) < 0.0).all()
    if f == "kl":
        # W_2² from P to its R is D less epsilon D_f: it falls by the factor (1-s)² at least.
        first, second = flow.energy[:2]
        transport = mfgprox.solve(start).transport_cost
        left = first - (1.0 - np.exp(-0.4)) * transport
        assert second <= left + 0.02 * transport  # cells of a width of a tenth of the way


@pytest.mark.parametrize("kind", ["jko", "gradient"])
@pytest.mark.parametrize("case", [SMOOTH, ROUGH], ids=["smooth", "rough"])
def test_a_resumed_flow_ends_in_the_same_bits(kind, case, tmp_path, monkeypatch):
    whole, part = tmp_path / "whole.h5", tmp_path / "part.h5"

    def follow(output, resume=False, name=case, steps=3):
        return run_flow(*name[:1], kind, 0.1, steps, output, name[1:], True, resume)

    follow(whole)
    call = _Kept.__call__

    def stop_after_two(self, reached):
        call(self, reached)
        if reached.done == 2:
            raise KeyError("killed")

    with monkeypatch.context() as patched, pytest.raises(KeyError):
        patched.setattr(_Kept, "__call__", stop_after_two)
        follow(part)
    kept = checkpoint.path_for(part)
    assert kept.exists() and not part.exists()
    with pytest.raises(BadInput, match="settings"):
        follow(part, resume=True, steps=4)
    follow(part, resume=True)
    assert part.read_bytes() == whole.read_bytes() and not kept.exists()


def test_a_density_of_a_flow_knows_its_own_box_and_its_slices():
    grid = Grid((-1.0, 0.0), (1.0, 2.0), (16, 4), 1)
    x, y = grid.coordinates()
    density = LogDensity(-(x**2) * (1.0 + y), grid)
    thin = Grid((-1.0, 0.5), (1.0, 1.0), (32, 1), 1)
    expected = -(thin.centers(0) ** 2) * 1.75
    np.testing.assert_allclose(density.log_density(thin)[0], expected, atol=1e-5)
    with pytest.raises(DensityError, match="box"):
        density.log_density(Grid((-2.0, 0.0), (2.0, 2.0), (32, 4), 1))


def test_what_makes_no_sense_is_refused():
    with pytest.raises(FlowError, match="tau"):
        jko(problem(16), 0.0, 1)
    with pytest.raises(FlowError, match="steps"):
        gradient_flow(problem(16), 1.0, 0)
