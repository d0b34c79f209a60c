"""Densities: what a case file may name, and arrays and files of the user's own."""

from mfgprox.density.base import Density, DensityError, Edged, Sampled, has_edges, is_smooth, sample
from mfgprox.density.data import ArrayDensity
from mfgprox.density.edges import Ring, Uniform
from mfgprox.density.expression import Expression
from mfgprox.density.image import Image
from mfgprox.density.samples import Samples
from mfgprox.density.smooth import Gaussian, Mixture

__all__ = [
    "ArrayDensity",
    "Density",
    "DensityError",
    "Edged",
    "Expression",
    "Gaussian",
    "Image",
    "Mixture",
    "Ring",
    "Sampled",
    "Samples",
    "Uniform",
    "has_edges",
    "is_smooth",
    "sample",
]
