"""Densities: what a case file may name, and arrays and files of the user's own."""

from mfgprox.density.base import Density, DensityError, Sampled, sample
from mfgprox.density.data import ArrayDensity
from mfgprox.density.smooth import Gaussian, Mixture

__all__ = ["ArrayDensity", "Density", "DensityError", "Gaussian", "Mixture", "Sampled", "sample"]
