"""The primal–dual Benamou–Brenier solver."""

from mfgprox.solvers.primal_dual.solver import PrimalDual

__all__ = ["PrimalDual"]
