"""What a density is to the rest of the package: logarithms on the cells of a grid, mass one.

Smooth kinds are sampled at the cell centres (spectrally accurate for what decays inside the box),
kinds with edges are averaged over the cells. A zero is a zero: its logarithm is -inf, never a floor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from scipy.special import logsumexp

from mfgprox.grid import Grid


class DensityError(ValueError):
    """A density that cannot be used: negative, not finite, without mass, unreadable, cut off."""


@runtime_checkable
class Density(Protocol):
    """One kind of density."""

    smooth: bool
    """Sampled at cell centres (True) or averaged over cells (False)."""

    def log_density(self, grid: Grid) -> np.ndarray:
        """Logarithm of the density, up to a constant, on the cells: (…, z, y, x), -inf where zero.

        Raises DensityError where it cannot be evaluated there.
        """
        ...

    def cut_off(self, grid: Grid) -> float:
        """The share of its mass that lies outside the box, 0 to 1."""
        ...


@dataclass(frozen=True, eq=False)
class Sampled:
    """A density on a grid: values and log_values shaped grid.shape, per unit volume, mass one."""

    values: np.ndarray
    log_values: np.ndarray
    cut_off: float
    smooth: bool


def sample(density: Density, grid: Grid) -> Sampled:
    """The density on the grid, normalised in the logarithm.

    Raises DensityError for values that are nan or +inf and for a density without mass there.
    """
    log_values = np.asarray(density.log_density(grid), float)
    if log_values.shape != grid.shape:
        raise DensityError(
            f"the density has shape {log_values.shape}, the grid {grid.shape} (order z, y, x)"
        )
    if np.any(np.isnan(log_values)) or np.any(np.isposinf(log_values)):
        raise DensityError("the density has values that are not finite on this grid")
    if not np.any(np.isfinite(log_values)):
        raise DensityError("the density has no mass on this grid")
    log_values = log_values - (logsumexp(log_values) + np.log(grid.cell_volume))
    return Sampled(np.exp(log_values), log_values, float(density.cut_off(grid)), density.smooth)
