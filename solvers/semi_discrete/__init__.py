"""The semi-discrete solver: Newton's method on the cells of power diagrams."""

from mfgprox.solvers.semi_discrete.solver import SemiDiscrete

__all__ = ["SemiDiscrete"]
