"""Point clouds as densities: counted in cells, or smoothed by a Gaussian kernel."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from scipy.special import logsumexp, ndtr

from mfgprox.density.base import DensityError, logarithm, require_dimension, resolving
from mfgprox.density.data import mapped
from mfgprox.density.files import regular_file, require_number
from mfgprox.density.points_text import read_points
from mfgprox.grid import Grid

CHUNK = 2**20
MAX_DIRECT = 5 * 10**7


class Samples:
    """Points of equal weight, (many, axes), columns in the order x, y, z.

    bandwidth = 0 counts the points in each cell: zeros where there are none. Above 0 each point
    becomes a Gaussian of that standard deviation on every axis: positive everywhere, logarithms
    kept. Points outside the box count as cut off.
    Raises DensityError for no points, values that are not finite, a negative bandwidth.
    """

    def __init__(self, points: np.ndarray, bandwidth: float = 0.0) -> None:
        points = np.asarray(points)
        if points.dtype.kind not in "biuf":
            raise DensityError(f"the points must be real numbers; they are {points.dtype}")
        points = points.astype(float)
        if points.ndim == 1:
            points = points[:, None]
        if points.ndim != 2 or not points.size:
            raise DensityError(f"samples need rows of coordinates; the shape is {points.shape}")
        if not np.all(np.isfinite(points)):
            raise DensityError("the samples have coordinates that are not finite")
        if not (math.isfinite(bandwidth) and bandwidth >= 0.0):
            raise DensityError("the bandwidth must be a finite number, at least 0")
        self.points, self.bandwidth = points, float(bandwidth)

    @classmethod
    def read(cls, path: str | Path, axes: int, bandwidth: float = 0.0) -> Samples:
        """From .npy, (many, axes), or from text as `points_text` says.

        Raises DensityError for what cannot be read or has another number of columns than `axes`.
        """
        path = regular_file(path)
        try:
            points = _of_array(path, axes) if path.suffix == ".npy" else read_points(path)
        except DensityError:
            raise
        except Exception as error:  # NumPy leaks what its parser of headers meets
            reason = (str(error).splitlines() or ["it is empty"])[0]
            raise DensityError(f"the file cannot be read as points: {reason[:200]}") from None
        samples = cls(points, bandwidth)
        _require_columns(samples.points.shape[1], axes)
        return samples

    @property
    def smooth(self) -> bool:
        return self.bandwidth > 0.0

    def log_density(self, grid: Grid) -> np.ndarray:
        require_dimension(self.points.shape[1], grid)
        if not self.smooth:
            return logarithm(self._counts(grid))
        return resolving(self._log_smoothed, grid, (self.bandwidth,) * grid.dimension)

    def cut_off(self, grid: Grid) -> float:
        require_dimension(self.points.shape[1], grid)
        if not self.smooth:
            return 1.0 - float(self._inside(grid).mean())
        low = (np.array(grid.lower) - self.points) / self.bandwidth
        high = (np.array(grid.upper) - self.points) / self.bandwidth
        outside = np.minimum(ndtr(low) + ndtr(-high), 1.0)
        return float(np.mean(1.0 - np.prod(1.0 - outside, axis=1)))

    def _inside(self, grid: Grid) -> np.ndarray:
        return np.all((self.points >= grid.lower) & (self.points <= grid.upper), axis=1)

    def _counts(self, grid: Grid) -> np.ndarray:
        """Points in each cell; one on the upper end of the box belongs to the last cell."""
        inside = self.points[self._inside(grid)]
        cell = (inside - grid.lower) / grid.spacing
        index = np.minimum(cell.astype(int), np.array(grid.cells) - 1)
        flat = np.ravel_multi_index(tuple(index[:, ::-1].T), grid.shape)
        return np.bincount(flat, minlength=math.prod(grid.shape)).reshape(grid.shape).astype(float)

    def _log_smoothed(self, grid: Grid) -> np.ndarray:
        points, widths, log_weights = self._kernels(math.prod(grid.shape))
        total = np.full(grid.shape, -np.inf)
        step = max(1, CHUNK // math.prod(grid.shape))
        coordinates = grid.coordinates()
        for start in range(0, len(points), step):
            part = slice(start, start + step)
            shape = (len(points[part]),) + (1,) * grid.dimension
            form = sum(
                np.square(
                    (x[None] - points[part, i].reshape(shape)) / widths[part, i].reshape(shape)
                )
                for i, x in enumerate(coordinates)
            )
            logs = log_weights[part].reshape(shape) - 0.5 * form
            total = np.logaddexp(total, logsumexp(logs, axis=0) if len(logs) > 1 else logs[0])
        return total

    def _kernels(self, cells: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Centres and widths, (many, axes), and log-weights of the Gaussians to be added.

        One for each point; where that is too much work, points that share a box become one
        Gaussian of their own mean and variance. With boxes of a bandwidth the density moves by
        less than 1 % of its largest value, with boxes of a quarter of it by about 2e-4.
        """
        widths = np.full(self.points.shape, self.bandwidth)
        kernels = self.points, widths, np.zeros(len(self.points))
        for boxes_per_bandwidth in (4, 2, 1):
            if len(kernels[0]) * cells <= MAX_DIRECT:
                break
            kernels = self._gathered(self.bandwidth / boxes_per_bandwidth)
        return kernels

    def _gathered(self, side: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        boxes = np.floor(self.points / side)
        _, which, counts = np.unique(boxes, axis=0, return_inverse=True, return_counts=True)
        which = which.ravel()

        def averages(values: np.ndarray) -> np.ndarray:
            columns = [np.bincount(which, weights=column) / counts for column in values.T]
            return np.stack(columns, axis=1)

        means = averages(self.points)
        widths = np.sqrt(self.bandwidth**2 + averages(np.square(self.points - means[which])))
        return means, widths, np.log(counts) - np.log(widths / self.bandwidth).sum(axis=1)


def _of_array(path: Path, axes: int) -> np.ndarray:
    """The points in a .npy file. Raises DensityError, and whatever NumPy raises for its header."""
    points = mapped(path)
    if points.dtype.kind not in "biuf":
        raise DensityError(f"the points must be real numbers; they are {str(points.dtype)[:60]}")
    if points.ndim > 1:
        _require_columns(points.shape[1], axes)
    require_number(points.size)
    return np.array(points)


def _require_columns(found: int, axes: int) -> None:
    if found != axes:
        raise DensityError(
            f"the points have {found} columns, the grid {axes} axes; "
            "a file holds one column per axis and nothing else"
        )
