"""Solutions from the Gaussian closed form: what a perfect solver would return, without a solver."""

import numpy as np

from mfgprox.density import Gaussian
from mfgprox.exact import gaussian
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solution import Certificate, Solution
from mfgprox.tolerance import Status

MEAN_P, MEAN_Q = np.array([-0.8, -0.4, 0.3]), np.array([0.7, 0.5, -0.4])
COVARIANCE_P = np.array([[0.12, 0.05, 0.02], [0.05, 0.2, 0.0], [0.02, 0.0, 0.16]])
COVARIANCE_Q = np.array([[0.25, -0.06, 0.0], [-0.06, 0.09, 0.03], [0.0, 0.03, 0.2]])


def gaussian_solution(cells, time_steps=8, epsilon=2.0, half_width=3.0) -> Solution:
    """The exact fields on a grid of these cells; momentum is random, history made up."""
    d = len(cells)
    m1, S1, m2, S2 = MEAN_P[:d], COVARIANCE_P[:d, :d], MEAN_Q[:d], COVARIANCE_Q[:d, :d]
    grid = Grid((-half_width,) * d, (half_width,) * d, cells, time_steps)
    problem = Problem(
        Gaussian(m1, cov=S1),
        Gaussian(m2, cov=S2),
        epsilon=epsilon,
        grid=grid,
        title=f"Two Gaussians, {d}-D",
    )
    exact = gaussian.solve(m1, S1, m2, S2, epsilon)
    at = grid.coordinates()
    rho = np.array([np.exp(exact.log_density(t, at)) for t in grid.times])
    masses = rho.sum(axis=tuple(range(1, d + 1)), keepdims=True) * grid.cell_volume
    U = np.array([exact.potential(t, at) for t in grid.times])
    random = np.random.default_rng(7)
    momentum = []
    for axis in range(d):
        faces = [n + (i == axis) for i, n in enumerate(cells)][::-1]
        momentum.append(random.normal(size=(time_steps, *faces)))
    steps = np.arange(40)
    level, gap = steps // 14, 10.0 ** (-0.8 * (steps % 14) / 2.0 - 0.3 * (steps // 14))
    value = exact.divergence
    return Solution(
        problem=problem,
        solver="primal-dual",
        status=Status.CONVERGED,
        iterations=steps.size,
        rho=rho / masses,
        U=U,
        R=rho[-1] / masses[-1],
        momentum=tuple(momentum),
        certificate=Certificate(value + 1e-5, value - 1e-5, value - 1e-4, value + 1e-3, "exact"),
        divergence=value,
        divergence_error=1e-6,
        transport_cost=exact.transport_cost,
        information_divergence=exact.information_divergence,
        history={
            "level": level.astype(float),
            "primal": value + gap / 2,
            "dual": value - gap / 2,
            "gap": gap,
            "residual": np.where(steps % 3 == 0, gap / 10, np.nan),
            "exploitability": np.full(steps.size, np.nan),
        },
        notes=("made from a closed form",),
    )


def gaussian_flow(cells, steps=8):
    """A converged JKO flow whose densities are those of `gaussian_solution`; energies made up."""
    from mfgprox.flows.flow import Flow  # late: it brings the compiler

    solution, times = gaussian_solution(cells, steps), np.linspace(0.0, 3.0, steps + 1)
    energy, gaps = 2.0 - times / 2.0, np.full(steps, 1e-9)
    fields = (times, solution.rho, solution.U, energy, gaps)
    return Flow("jko", solution.problem, "newton", *fields, (Status.CONVERGED,) * steps)
