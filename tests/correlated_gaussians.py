"""Gaussians in the plane whose coordinates depend on each other, for transport along x only."""

import numpy as np

from mfgprox import Grid, Problem
from mfgprox.density import Gaussian

M_P, S_P = np.array([-0.5, 0.1]), np.array([[0.5, 0.2], [0.2, 0.4]])
M_Q, S_Q = np.array([0.6, -0.1]), np.array([[0.4, -0.15], [-0.15, 0.5]])
EPSILON = 2.0


def correlated(cells=(64, 18), f="kl", axes=("x",), epsilon=EPSILON):
    """From P = N(M_P, S_P) to Q = N(M_Q, S_Q)."""
    grid = Grid((-5.0, -4.0), (5.0, 4.0), cells, 8)
    P, Q = Gaussian(M_P, cov=S_P), Gaussian(M_Q, cov=S_Q)
    return Problem(P, Q, epsilon=epsilon, grid=grid, f_divergence=f, transport_axes=axes)


def along_x(m, S, y):
    """Mean and variance of x given y, and the density of y."""
    slope = S[0, 1] / S[1, 1]
    density = np.exp(-0.5 * (y - m[1]) ** 2 / S[1, 1]) / np.sqrt(2.0 * np.pi * S[1, 1])
    return m[0] + slope * (y - m[1]), S[0, 0] - slope * S[0, 1], density


def gaussian_kl(m1, v1, m2, v2):
    """KL(N(m1, v1)‖N(m2, v2)) on the line."""
    return 0.5 * (v1 / v2 - 1.0 + (m1 - m2) ** 2 / v2 + np.log(v2 / v1))
