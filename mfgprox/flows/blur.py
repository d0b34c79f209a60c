"""Point clouds as smooth densities on a grid, fast enough to be made anew in every step of a flow.

Points are shared linearly between the centres around them and blurred by a Gaussian, so that
together the variance is that of the bandwidth. Only positive numbers are added: tails keep their
digits.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import gaussian_filter1d

from mfgprox.flows.density import LogDensity, with_tails
from mfgprox.flows.flow import FlowError
from mfgprox.grid import Grid

DEEPEST = -1e3
"""Logarithm that stands for a density below the smallest number, before tails are fitted."""
FARTHEST = 38.0
"""Standard deviations beyond which a Gaussian is below the smallest number."""


def blurred(points: np.ndarray, bandwidth: float, grid: Grid) -> LogDensity:
    """The density of points (many, axes) inside the box, with the tails of `with_tails`."""
    values = _shared(points, grid)
    for axis, h in enumerate(grid.spacing):
        # What lies between two centres is shared with a variance of h²/6 on average.
        deviation = math.sqrt(max(bandwidth**2 - h**2 / 6.0, (0.25 * h) ** 2)) / h
        radius = min(math.ceil(FARTHEST * deviation), 2 * grid.cells[axis])
        values = gaussian_filter1d(
            values, deviation, axis=grid.dimension - 1 - axis, mode="constant", radius=radius
        )
    log_values = np.log(values, out=np.full(values.shape, -np.inf), where=values > 0.0)
    log_values = np.maximum(log_values - log_values.max(), DEEPEST)
    return LogDensity(with_tails(log_values, grid), grid)


def scott(clouds: list[np.ndarray], grid: Grid) -> float:
    """Scott's bandwidth for the narrowest axis of the clouds, at least a cell."""
    widths = [
        float(cloud.std(axis=0).min()) * len(cloud) ** (-1.0 / (grid.dimension + 4))
        for cloud in clouds
    ]
    return max(min(widths), *grid.spacing)


def require_points(name: str, points: np.ndarray, grid: Grid) -> np.ndarray:
    """(many, axes) floats inside the box. Raises FlowError."""
    points = np.asarray(points)
    if points.dtype.kind not in "iuf":
        raise FlowError(f"{name} must be real numbers; they are {points.dtype}")
    points = points.astype(float)
    if points.ndim == 1 and grid.dimension == 1:
        points = points[:, None]
    if points.ndim != 2 or points.shape[1] != grid.dimension or len(points) < 2:
        raise FlowError(
            f"{name} must be at least two rows of {grid.dimension} coordinates; "
            f"the shape is {points.shape}"
        )
    outside = ~np.all((points >= grid.lower) & (points <= grid.upper), axis=1)
    if outside.any() or not np.isfinite(points).all():
        raise FlowError(
            f"{name}: {int(outside.sum())} of {len(points)} lie outside the box; "
            "enlarge grid.lower and grid.upper"
        )
    return points


def _shared(points: np.ndarray, grid: Grid) -> np.ndarray:
    """Weights at the centres, grid.shape; a point beyond the last centre counts there."""
    total = np.zeros(math.prod(grid.shape))
    cells = np.array(grid.cells)
    at = np.clip((points - grid.lower) / grid.spacing - 0.5, 0.0, cells - 1.0)
    low = np.minimum(np.floor(at).astype(int), np.maximum(cells - 2, 0))
    share = at - low
    for corner in range(2**grid.dimension):
        step = np.array([corner >> axis & 1 for axis in range(grid.dimension)])
        index = np.minimum(low + step, cells - 1)
        weight = np.where(step, share, 1.0 - share).prod(axis=1)
        flat = np.ravel_multi_index(tuple(index[:, ::-1].T), grid.shape)
        total += np.bincount(flat, weights=weight, minlength=total.size)
    return total.reshape(grid.shape)
