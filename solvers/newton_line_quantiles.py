"""Quantiles of a smooth positive density on the line, from logarithms of masses.

Both tails are told from their own end, so that positions and densities keep their digits where
next to no mass is left.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

FLAT = 1e-6
"""Change of a logarithm over a cell below which the density counts as constant there."""


class LogQuantiles:
    """F⁻¹ of a density: cell masses by Simpson's rule, exponential within each cell."""

    def __init__(self, log_density: np.ndarray, centers: np.ndarray, h: float) -> None:
        """log_density, centers: (n,), finite; h: the width of the cells."""
        self.h, self.faces = h, np.append(centers - 0.5 * h, centers[-1] + 0.5 * h)
        ends = CubicSpline(centers, log_density)(self.faces)
        slope = np.diff(ends)
        self.slope = np.where(np.abs(slope) < FLAT, FLAT, slope)
        log_mass = np.logaddexp(ends[:-1], ends[1:])
        log_mass = np.logaddexp(log_mass, np.log(4.0) + log_density)
        self.log_mass = log_mass - np.logaddexp.reduce(log_mass)
        below, above = log_cumulated(self.log_mass)
        self.below, self.above = np.append(-np.inf, below), np.append(above, -np.inf)

    def __call__(
        self, log_below: np.ndarray, log_above: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Positions with these masses on either side, and the logarithms of the density there."""
        left = log_below < log_above
        k = np.where(
            left,
            np.searchsorted(self.below, log_below, side="right") - 1,
            self.above.size - 1 - np.searchsorted(self.above[::-1], log_above, side="left"),
        ).clip(0, self.log_mass.size - 1)
        mass = self.log_mass[k]
        outside = np.where(left, self.below[k], self.above[k + 1])
        share = np.exp(np.where(left, log_below, log_above) - mass) - np.exp(outside - mass)
        # The density grows like exp(slope t) from the left: t is told from where it is largest.
        slope = self.slope[k]
        steep = np.abs(slope)
        part = -np.expm1(-steep)
        rest = np.clip(np.where(left == (slope > 0.0), 1.0 - share, share), 0.0, 1.0)
        # Rounding may leave nothing of a steep cell beyond the place: that is its other end.
        left_over = np.maximum(1.0 - rest * part, np.finfo(float).tiny)
        depth = np.where(
            rest * part < 0.5, -np.log1p(-np.minimum(rest * part, 0.5)), -np.log(left_over)
        )
        depth = np.clip(depth / steep, 0.0, 1.0)
        t = np.where(slope > 0.0, 1.0 - depth, depth)
        log_density = mass - np.log(self.h) + np.log(steep / part) - steep * depth
        return self.faces[k] + self.h * t, log_density


def log_cumulated(log_mass: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of the masses up to the end of each cell, and from its beginning on, (n,)."""
    return (
        np.logaddexp.accumulate(log_mass),
        np.logaddexp.accumulate(log_mass[::-1])[::-1],
    )
