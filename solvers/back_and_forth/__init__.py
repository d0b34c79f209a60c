"""Ascent on the dual of the lattice problem, for any data, cost and dimension."""

from mfgprox.solvers.back_and_forth.solver import BackAndForth

__all__ = ["BackAndForth"]
