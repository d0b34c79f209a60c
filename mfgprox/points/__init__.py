"""Point clouds: the divergence of two empirical measures with a general cost."""

from mfgprox.points.solve import PointsSolution, divergence_of_points, pairwise_cost

__all__ = ["PointsSolution", "divergence_of_points", "pairwise_cost"]
