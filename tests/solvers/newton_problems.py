"""Smooth problems for newton, and its static part alone."""

import numpy as np

from mfgprox.density import Gaussian, Mixture
from mfgprox.exact import gaussian as closed_form
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers.newton import Newton
from mfgprox.tolerance import Tolerance


def static(problem, start=None):
    """The dual and the primal value, R, the number of steps and the last state; no dynamic pair."""
    solver, tolerance = Newton(), Tolerance()
    state = solver.init(problem, start, tolerance)
    steps, stalled = 0, False
    while not stalled:
        record = solver.step(problem, state, tolerance)
        steps, stalled = steps + 1, record.stalled
    level = solver.level(problem, state)
    at = level.normalised(state.chi, problem.epsilon)
    R = np.exp(level.log_Q - level.psi(at) / problem.epsilon).reshape(problem.grid.shape)
    return record.dual, record.primal, R, steps, state


def gaussians(m1, S1, m2, S2, epsilon, half, cells, time_steps=8):
    """A problem of two Gaussians in the box [-half, half]^d, and its closed form."""
    d = len(m1)
    grid = Grid([-half] * d, [half] * d, cells, time_steps)
    problem = Problem(Gaussian(m1, cov=S1), Gaussian(m2, cov=S2), epsilon=epsilon, grid=grid)
    return problem, closed_form.solve(m1, S1, m2, S2, epsilon)


def product_of_mixtures(cells, epsilon):
    """Neither Gaussian nor log-concave; the sum of two 1-D references knows the answer."""

    def lattice(xs, wx, sx, ys, wy, sy):
        pairs = [(i, j) for i in range(len(xs)) for j in range(len(ys))]
        return Mixture(
            [wx[i] * wy[j] for i, j in pairs],
            [Gaussian([xs[i], ys[j]], std=[sx[i], sy[j]]) for i, j in pairs],
        )

    P = lattice([-0.9, 0.2], [0.6, 0.4], [0.5, 0.45], [-0.3, 0.6], [0.7, 0.3], [0.5, 0.55])
    Q = lattice([-0.2, 0.8], [0.3, 0.7], [0.55, 0.5], [-0.6, 0.4], [0.5, 0.5], [0.5, 0.5])
    return Problem(P, Q, epsilon=epsilon, grid=Grid([-5.0] * 2, [5.0] * 2, cells))


def bent(cells, epsilon, half=4.0, time_steps=8):
    """Rotated mixtures: not a product, not log-concave."""

    def turned(angle, a, b):
        q = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return (q @ np.diag([a * a, b * b]) @ q.T).round(15).tolist()

    def mixture(weights, means, shapes):
        parts = [Gaussian(m, cov=turned(*s)) for m, s in zip(means, shapes, strict=True)]
        return Mixture(weights, parts)

    P = mixture(
        [0.5, 0.3, 0.2],
        [[-0.8, -0.4], [-0.2, 0.8], [0.3, -0.6]],
        [(0.5, 0.5, 0.35), (1.2, 0.45, 0.3), (-0.4, 0.5, 0.4)],
    )
    Q = mixture(
        [0.4, 0.4, 0.2],
        [[0.7, 0.5], [0.2, -0.7], [-0.6, 0.6]],
        [(-0.6, 0.6, 0.35), (0.3, 0.4, 0.5), (1.0, 0.5, 0.4)],
    )
    grid = Grid([-half] * 2, [half] * 2, cells, time_steps)
    return Problem(P, Q, epsilon=epsilon, grid=grid)
