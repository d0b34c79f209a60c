"""Gaussians, sampled at cell centres with their logarithms, and mixtures of any kinds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from mfgprox.density.base import (
    Density,
    DensityError,
    has_edges,
    normalised,
    require_dimension,
    resolving,
)
from mfgprox.grid import Grid

GAUSS_NODES = 8
MAX_PANELS = 4096


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
        if std is not None:
            widths = np.asarray(std, float)
            if widths.shape != (d,) or not np.all(np.isfinite(widths) & (widths > 0.0)):
                raise DensityError(f"std must have {d} finite numbers above 0")
            self.cov = np.diag(np.square(widths))
        else:
            self.cov = np.array(cov, float)
        if self.mean.shape != (d,) or self.cov.shape != (d, d):
            raise DensityError(f"a gaussian with {d} means needs a {d}×{d} covariance")
        if not (np.all(np.isfinite(self.mean)) and np.all(np.isfinite(self.cov))):
            raise DensityError("mean and cov must be finite")
        self._factor = _cholesky(self.cov)

    def log_density(self, grid: Grid) -> np.ndarray:
        require_dimension(self.mean.size, grid)
        inverse = np.linalg.inv(self._factor)
        # The standard deviation along an axis with the others held fixed: the finest scale there.
        lengths = tuple(1.0 / np.sqrt(np.square(inverse).sum(axis=0)))
        return resolving(lambda g: self._log_at_centers(g, inverse), grid, lengths)

    def _log_at_centers(self, grid: Grid, inverse: np.ndarray) -> np.ndarray:
        centred = [x - m for x, m in zip(grid.coordinates(), self.mean, strict=True)]
        rows = [
            sum(inverse[i, j] * centred[j] for j in range(i + 1)) for i in range(self.mean.size)
        ]
        form = sum(np.square(row) for row in rows)
        d = self.mean.size
        log_norm = np.log(np.diag(self._factor)).sum() + 0.5 * d * math.log(2.0 * math.pi)
        return np.array(np.broadcast_to(-0.5 * form - log_norm, grid.shape))

    def cut_off(self, grid: Grid) -> float:
        """Exact by error functions on axis-aligned Gaussians, else by Gauss quadrature (≤ 1e-8)."""
        require_dimension(self.mean.size, grid)
        lower = np.array(grid.lower) - self.mean
        upper = np.array(grid.upper) - self.mean
        if np.count_nonzero(self.cov - np.diag(np.diag(self.cov))) == 0:
            std = np.sqrt(np.diag(self.cov))
            return _outside_product(lower / std, upper / std)
        inside = _inside(self._factor, lower, upper)
        return min(max(1.0 - inside, 0.0), 1.0)


def _cholesky(cov: np.ndarray) -> np.ndarray:
    scale = np.abs(cov).max(initial=0.0)
    try:
        if np.abs(cov - cov.T).max(initial=0.0) > 1e-12 * scale:
            raise np.linalg.LinAlgError
        return np.linalg.cholesky(cov)
    except np.linalg.LinAlgError:
        raise DensityError("cov must be symmetric and positive definite") from None


def _outside_product(a: np.ndarray, b: np.ndarray) -> float:
    """1 - Π (Φ(b) - Φ(a)) without the cancellation, so that tiny shares are right too."""
    outside = ndtr(a) + ndtr(-b)
    return float(-np.expm1(np.log1p(-np.minimum(outside, 1.0 - 1e-16)).sum()))


def _inside(factor: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> float:
    """P(lower < L z < upper) for standard normal z: conditioning axis by axis, quadrature in z.

    With L lower triangular, the bounds of z_i depend on z_0 … z_{i-1} only.
    """
    d = len(lower)
    if d == 1:
        return float(ndtr(upper[0] / factor[0, 0]) - ndtr(lower[0] / factor[0, 0]))
    # Steps of Φ in the later axes are as steep as |L_ji| / L_jj in z_i.
    steep = max(float(abs(factor[j, i]) / factor[j, j]) for i in range(d) for j in range(i + 1, d))
    panels = min(MAX_PANELS if d == 2 else 96, math.ceil(20.0 * (1.0 + steep)))
    nodes, weights = np.polynomial.legendre.leggauss(GAUSS_NODES)

    def integrate(i: int, shift: np.ndarray) -> np.ndarray:
        """shift: what z_0 … z_{i-1} add to the axes i …, (d - i, many)."""
        a = np.clip((lower[i] - shift[0]) / factor[i, i], -9.0, 9.0)
        b = np.clip((upper[i] - shift[0]) / factor[i, i], -9.0, 9.0)
        if i == d - 1:
            return ndtr(b) - ndtr(a)
        h = (b - a) / panels
        t = (np.arange(panels)[:, None] + 0.5 * (1.0 + nodes)).ravel()
        z = a[:, None] + h[:, None] * t
        w = 0.5 * h[:, None] * np.tile(weights, panels)
        inner = (shift[1:, :, None] + factor[i + 1 :, i, None, None] * z).reshape(d - i - 1, -1)
        values = integrate(i + 1, inner).reshape(z.shape)
        return (w * np.exp(-0.5 * z * z) * values).sum(axis=1) / math.sqrt(2.0 * math.pi)

    return float(integrate(0, np.zeros((d, 1)))[0])


class Mixture:
    """sum_k weights[k] components[k], of any kinds; weights are normalised.

    Each component is brought to the mass that it has inside the box before it is added. Where a
    component has edges it is averaged over the cells while its smooth companions stay centre
    samples, which differ from their averages by O(h²), the order of the edges themselves.
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

    @property
    def smooth(self) -> bool:
        return all(c.smooth for c in self.components)

    def has_edges(self, grid: Grid) -> bool:
        """Whether one of the components jumps within the box along edges that it knows."""
        return any(has_edges(c, grid) for c in self.components)

    def log_density(self, grid: Grid) -> np.ndarray:
        total = np.full(grid.shape, -np.inf)
        for k, (weight, component) in enumerate(zip(self.weights, self.components, strict=True)):
            inside = 1.0 - component.cut_off(grid)
            if inside <= 0.0:
                continue
            try:
                log_values = normalised(component, grid)
            except DensityError as error:
                raise DensityError(f"components[{k}]: {error}") from None
            total = np.logaddexp(total, math.log(weight * inside) + log_values)
        return total

    def cut_off(self, grid: Grid) -> float:
        shares = [c.cut_off(grid) for c in self.components]
        return min(float(sum(w * s for w, s in zip(self.weights, shares, strict=True))), 1.0)
