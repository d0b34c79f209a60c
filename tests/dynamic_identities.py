"""What holds for every dynamic pair on every grid, and Gaussians to begin from."""

import numpy as np

from mfgprox.density import Gaussian
from mfgprox.exact import gaussian as closed_form
from mfgprox.grid import Grid
from mfgprox.problem import Problem


def gaussians(d, cells, time_steps=8, half=4.0, epsilon=2.0):
    """A problem of d axes, its closed form, and the potential and density at time 1 of that."""
    m1, m2 = np.array([-0.6, -0.2, 0.1])[:d], np.array([0.5, 0.3, -0.2])[:d]
    S1 = np.array([[0.2, 0.06, 0.0], [0.06, 0.25, 0.02], [0.0, 0.02, 0.22]])[:d, :d]
    S2 = np.array([[0.3, -0.08, 0.0], [-0.08, 0.2, 0.0], [0.0, 0.0, 0.3]])[:d, :d]
    grid = Grid([-half] * d, [half] * d, cells, time_steps)
    problem = Problem(Gaussian(m1, cov=S1), Gaussian(m2, cov=S2), epsilon=epsilon, grid=grid)
    exact = closed_form.solve(m1, S1, m2, S2, epsilon)
    U_1 = exact.potential(1.0, grid.coordinates())
    return problem, exact, U_1, np.exp(exact.log_density(1.0, grid.coordinates()))


def continuity_error(problem, pair):
    """Largest violation of the discrete continuity equation, per largest density and step."""
    d, grid = problem.grid.dimension, problem.grid
    defect = np.diff(pair.rho, axis=0) / grid.dt
    for a in range(d):
        defect += np.diff(pair.momentum[a], axis=d - a) / grid.spacing[a]
    return np.abs(defect).max() * grid.dt / pair.rho.max()


def check_identities(problem, pair, steps):
    """Shapes, walls, mass, sign, the beginning in P and the continuity equation."""
    grid = problem.grid
    assert pair.rho.shape == pair.U.shape == (steps + 1, *grid.shape)
    for a, m in enumerate(pair.momentum):
        shape = list(grid.shape)
        shape[grid.dimension - 1 - a] += 1
        assert m.shape == (steps, *shape)
        assert not m.take([0, -1], grid.dimension - a).any()
    masses = pair.rho.reshape(steps + 1, -1).sum(axis=1) * grid.cell_volume
    assert np.abs(masses - 1.0).max() < 1e-13
    assert pair.rho.min() >= 0.0
    np.testing.assert_allclose(pair.rho[0], problem.P, rtol=1e-15)
    assert continuity_error(problem, pair) < 1e-14
    assert np.isfinite(pair.U).all()
