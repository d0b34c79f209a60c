"""Point clouds: the divergence of two empirical measures with a general cost."""

from mfgprox.points.cost import pairwise_cost
from mfgprox.points.solution import PointsSolution
from mfgprox.points.solve import divergence_of_points

__all__ = ["PointsSolution", "divergence_of_points", "pairwise_cost"]
