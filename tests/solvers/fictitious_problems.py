"""Problems for fictitious play: Gaussians on the line, with the closed form, and in the plane."""

import numpy as np

from mfgprox.density import Gaussian
from mfgprox.exact import gaussian
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers.fictitious_play import FictitiousPlay
from mfgprox.solvers.iterate import iterate
from mfgprox.tolerance import Tolerance

M1, S1, M2, S2 = [-0.8], [0.35], [0.7], [0.5]


def line(epsilon=2.0, cells=128, p=2.0, time_steps=16):
    """From N(M1, S1²) to N(M2, S2²)."""
    return Problem(
        Gaussian(M1, S1),
        Gaussian(M2, S2),
        epsilon=epsilon,
        p=p,
        grid=Grid((-3.0,), (3.0,), (cells,), time_steps),
    )


def plane(cells=(24, 20), p=2.0, cost="euclidean", time_steps=4):
    """From a Gaussian to one that is turned by a quarter."""
    return Problem(
        Gaussian([-0.6, -0.3], [0.4, 0.5]),
        Gaussian([0.5, 0.4], [0.5, 0.4]),
        epsilon=1.0,
        p=p,
        cost=cost,
        grid=Grid((-2.5, -3.0), (2.5, 2.5), cells, time_steps),
    )


def solve(problem, update="newton", start=None, **tolerance):
    """The solution, and the record of every iteration."""
    records = []
    solution = iterate(
        FictitiousPlay(update),
        problem,
        Tolerance(**tolerance),
        start=start,
        callback=records.append,
    )
    return solution, records


def exact(epsilon):
    """The closed form of `line(epsilon)`."""
    return gaussian.solve(M1, np.diag(np.square(S1)), M2, np.diag(np.square(S2)), epsilon)
