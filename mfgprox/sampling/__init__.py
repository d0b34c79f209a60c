"""Samples: points drawn from P and carried through a solved flow to R."""

from mfgprox.sampling.draw import METHODS, Drawn, SamplingError, draw

__all__ = ["METHODS", "Drawn", "SamplingError", "draw"]
