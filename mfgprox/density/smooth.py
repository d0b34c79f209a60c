"""Smooth densities, sampled at cell centres with their logarithms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from mfgprox.density.base import Density, DensityError
from mfgprox.grid import Grid


class Gaussian:
    """N(mean, cov): mean in the order x, y, z; `std` per axis or a full covariance `cov`.

    Raises DensityError for lengths that do not match or a covariance that is not positive definite.
    """

    smooth = True

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float] | None = None,
        cov: Sequence[Sequence[float]] | None = None,
    ) -> None:
        self.mean = np.asarray(mean, float)
        d = self.mean.size
        if (std is None) == (cov is None):
            raise DensityError("a gaussian needs either std or cov")
        self.cov = np.diag(np.square(np.asarray(std, float))) if cov is None else np.array(cov, float)
        if self.cov.shape != (d, d):
            raise DensityError(f"a gaussian with {d} means needs a {d}×{d} covariance")
        if not np.allclose(self.cov, self.cov.T) or np.any(np.linalg.eigvalsh(self.cov) <= 0.0):
            raise DensityError("cov must be symmetric and positive definite")

    def log_density(self, grid: Grid) -> np.ndarray:
        _require_dimension(self.mean.size, grid)
        precision = np.linalg.inv(self.cov)
        centred = [x - m for x, m in zip(grid.coordinates(), self.mean, strict=True)]
        form = sum(
            precision[i, j] * centred[i] * centred[j]
            for i in range(self.mean.size)
            for j in range(self.mean.size)
        )
        log_norm = 0.5 * np.linalg.slogdet(2.0 * np.pi * self.cov)[1]
        return np.broadcast_to(-0.5 * form - log_norm, grid.shape)

    def cut_off(self, grid: Grid) -> float:
        _require_dimension(self.mean.size, grid)
        inside = multivariate_normal(self.mean, self.cov).cdf(
            np.array(grid.upper), lower_limit=np.array(grid.lower), rng=np.random.default_rng(0)
        )
        return float(np.clip(1.0 - inside, 0.0, 1.0))


class Mixture:
    """sum_k weights[k] components[k]; weights are normalised.

    Raises DensityError for weights that are not positive or do not match the components.
    """

    def __init__(self, weights: Sequence[float], components: Sequence[Density]) -> None:
        self.weights = np.asarray(weights, float)
        if self.weights.shape != (len(components),) or not len(components):
            raise DensityError("a mixture needs one weight per component, at least one")
        if not np.all(np.isfinite(self.weights)) or np.any(self.weights <= 0.0):
            raise DensityError("the weights of a mixture must be finite and above 0")
        self.weights = self.weights / self.weights.sum()
        self.components = tuple(components)
        self.smooth = all(c.smooth for c in components)

    def log_density(self, grid: Grid) -> np.ndarray:
        logs = [
            np.log(w) + c.log_density(grid)
            for w, c in zip(self.weights, self.components, strict=True)
        ]
        return logsumexp(logs, axis=0)

    def cut_off(self, grid: Grid) -> float:
        return float(sum(w * c.cut_off(grid) for w, c in zip(self.weights, self.components, strict=True)))


def _require_dimension(dimension: int, grid: Grid) -> None:
    if dimension != grid.dimension:
        raise DensityError(f"the density has {dimension} axes, the grid {grid.dimension}")
