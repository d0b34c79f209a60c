"""|d|^p as long as its slope is below a limit, and that slope beyond: convex, and where a
Lipschitz-regularised divergence ends up.

Mass that goes from x by way of R to S at y pays min_z |x - z|^p + s |z - y|, s = epsilon L. The
least lies on the way from x to y, at the distance min(|x - y|, r), p r^(p-1) = s:

    c(d) = |d|^p for |d| <= r,    r^p + s (|d| - r) beyond.
Source: Baptista et al., Proximal optimal transport divergences, (2.4) and Example 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mfgprox.kernels.transforms import power_lines
from mfgprox.transform import by_line_pairs, longest_last, turned_back

Values = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class CappedCost:
    """c(x, y) of the Euclidean distance. p > 1; steepness: the limit s of the slope, > 0."""

    p: float
    steepness: float
    separable = False

    @property
    def reach(self) -> float:
        """The distance r at which |d|^p is as steep as allowed: how far R is from P at most."""
        with np.errstate(over="ignore"):
            return float(np.float64(self.steepness / self.p) ** (1.0 / (self.p - 1.0)))

    def of(self, distance: np.ndarray) -> np.ndarray:
        """The cost of a distance."""
        near = np.minimum(distance, self.reach)
        return near**self.p + self.steepness * (distance - near)

    def __call__(self, displacement: Sequence[np.ndarray]) -> np.ndarray:
        """The cost of a vector given by its components."""
        return self.of(length(displacement))

    def steepest(self, distance: float) -> float:
        """Slope of the cost at this distance."""
        return min(self.p * distance ** (self.p - 1.0), self.steepness)


def length(displacement: Sequence[np.ndarray]) -> np.ndarray:
    """The Euclidean norm of a vector given by its components."""
    return np.sqrt(sum(np.square(v) for v in displacement))


def distances(shape: tuple[int, ...], spacing: tuple[float, ...]) -> np.ndarray:
    """Lengths of displacements by so many cells, (nz, ny, nx)."""
    steps = [h * np.arange(n) for h, n in zip(spacing, shape, strict=True)]
    return np.ascontiguousarray(length(np.meshgrid(*steps, indexing="ij")))


def transform(psi: np.ndarray, table: np.ndarray) -> Values:
    """min_y table[|x - y|] - psi(y) over the cells, and the flat index of a y that attains it.

    psi: (nz, ny, nx), -inf where y is excluded; table: the cost of displacements by so many cells,
    the same shape, a convex increasing function of the distance. Exact. Raises ValueError for nan,
    +inf, or if every y is excluded.
    """
    f = -np.asarray(psi, float)
    if np.isnan(f).any() or np.isneginf(f).any() or not np.isfinite(f).any():
        raise ValueError("psi must be finite or -inf, and finite somewhere")
    order = longest_last(f.shape)
    turned, g = (np.ascontiguousarray(a.transpose(order)) for a in (f, table))
    if turned.shape[:2] != (1, 1):
        return by_line_pairs(turned, g, order)
    out, arg = np.empty_like(turned), np.empty(turned.shape, np.int64)
    power_lines(turned[0], g[0, 0], out[0], arg[0])
    return turned_back(out, arg, order)


def flattened(U: np.ndarray, steepness: float, spacing: tuple[float, ...]) -> np.ndarray:
    """The largest function below U with |U(x) - U(y)| <= steepness |x - y| between all centres.

    U: (nz, ny, nx), +inf where it sets no limit, finite somewhere; steepness in units of U per
    length. U_1 of a Lipschitz-regularised divergence.
    """
    if not math.isfinite(steepness):
        return np.array(U)
    return transform(-U, steepness * distances(U.shape, spacing))[0]
