"""The semi-discrete solver: Newton's method on the cells of power diagrams."""

from mfgprox.solvers.semi_discrete.cloud import CloudSolution, solve_cloud
from mfgprox.solvers.semi_discrete.generator import Fit, Generator, fit_generator, monomials
from mfgprox.solvers.semi_discrete.solver import SemiDiscrete

__all__ = [
    "CloudSolution",
    "Fit",
    "Generator",
    "SemiDiscrete",
    "fit_generator",
    "monomials",
    "solve_cloud",
]
