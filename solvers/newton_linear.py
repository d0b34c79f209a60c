"""The linear systems of Newton steps: geometric multigrid, GMRES around it where it is slow."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.grid import Grid
from mfgprox.kernels import multigrid as kernels
from mfgprox.kernels import stencil, transfer
from mfgprox.kernels.threads import over

COARSEST = 4
"""Cells an axis at which coarsening stops; the rest is solved directly."""
LARGEST = 1e100
"""Entries from which squares of vectors may overflow."""
EFFORT, THOROUGH = (0.05, 4, 12), (1e-3, 8, 24)
"""Relative residual, V-cycles, and vectors of GMRES where these fail; see `Multigrid.solve`."""
NOWHERE = np.empty(0)


@dataclass(frozen=True)
class Answer:
    """u shaped as the grid's kernels see it, the cycles it took, the residual left, relative."""

    u: np.ndarray
    cycles: int
    reduction: float


class Multigrid:
    """The operator c - a:D² - b·∇ on a grid and on all coarser ones.

    Any cell counts: an axis of n cells becomes ceil(n/2) equal cells, with the transfers that the
    true places of the cells ask for. The coefficients of the finest level are written by the caller
    into `finest`, then `set_up` is called, which overwrites them.
    """

    def __init__(self, grid: Grid) -> None:
        self.shape, self.d = grid.kernel_shape, grid.dimension
        shapes = [self.shape]
        while max(shapes[-1]) > COARSEST:
            shapes.append(
                tuple(-(-n // 2) if n > COARSEST else n for n in shapes[-1])  # type: ignore[arg-type]
            )
        self.shapes = np.array(shapes)
        sizes = self.shapes.prod(axis=1)
        # As far as the neighbours of a cell are behind each other: across an edge of its cube.
        row, plane = self.shapes[:, 2], self.shapes[:, 1] * self.shapes[:, 2]
        guards = (np.ones_like(row), row + 1, plane + row)[self.d - 1] + 1
        starts = np.cumsum(np.concatenate([[guards[0]], (sizes + guards)[:-1]]))
        total = int(starts[-1] + sizes[-1] + guards[-1])
        self.starts, self.sizes = starts, sizes
        rows = 3 * self.d + 1 + self.d * (self.d - 1) // 2
        # Lines that are the whole problem are solved directly: these need all digits.
        single = sum(n > 1 for n in self.shape) > 1
        self.stencil = np.zeros((rows, total), np.float32 if single else np.float64)
        self.u, self.f = np.zeros(total), np.zeros(total)
        self.sums = np.empty(self.shape[0] * self.shape[1])
        self.matrix = np.zeros((int(sizes[-1]),) * 2)
        widths = np.ones(3)
        widths[: self.d] = grid.spacing
        ratios = np.array(self.shape) / self.shapes
        self.spacings = widths * ratios[:, ::-1]
        self._make_transfers()

    def _make_transfers(self) -> None:
        """For each level but the last its taps, weights, left and share; see `transfer`."""
        self.transfers = []
        for level in range(len(self.shapes) - 1):
            fine, coarse = self.shapes[level, ::-1], self.shapes[level + 1, ::-1]
            taps, left = np.zeros((3, max(coarse)), np.int64), np.zeros((3, max(fine)), np.int64)
            weights = np.zeros((3, max(coarse), transfer.TAPS))
            share = np.zeros((3, max(fine)))
            for axis, (n, m) in enumerate(zip(fine, coarse, strict=True)):
                taps[axis, :m], weights[axis, :m] = overlaps(n, m)
                left[axis, :n], share[axis, :n] = neighbours(n, m)
            self.transfers.append((taps, weights, left, share))

    def _level(self, array: np.ndarray, level: int = 0) -> np.ndarray:
        start, shape = self.starts[level], self.shapes[level]
        flat = array[..., start : start + self.sizes[level]]
        return flat.reshape(array.shape[:-1] + tuple(shape))

    @property
    def finest(self) -> np.ndarray:
        """Coefficients of the finest level, (rows, nz, ny, nx), to be written."""
        return self._level(self.stencil)

    def set_up(self) -> None:
        """Average the coefficients on the coarser levels; make the stencils and their factors."""
        given = self.stencil[: len(self.stencil) - self.d]
        for k, (taps, weights, _, _) in enumerate(self.transfers):
            next_shape = self.shapes[k + 1]
            over(
                transfer.restrict, int(next_shape[0] * next_shape[1]), int(self.sizes[k]), given,
                self.starts[k], self.shapes[k], self.starts[k + 1], next_shape, taps, weights,
            )  # fmt: skip
        for k, shape in enumerate(self.shapes):
            here = (self.stencil, self.d, self.starts[k], shape)
            size = int(self.sizes[k])
            rows = int(shape[0] * shape[1])
            over(stencil.build_stencil, rows, size, *here, self.spacings[k])
            for axis in range(1, self.d):
                over(stencil.pivots_across, self._units(k, axis), size, *here, axis)
        stencil.factor_coarsest(self.stencil, self.d, self.starts[-1], self.shapes[-1], self.matrix)

    def _units(self, level: int, axis: int) -> int:
        """Strips of lines along y (axis 1) or z (axis 2)."""
        nz, ny, nx = (int(n) for n in self.shapes[level])
        return -(-nx // stencil.STRIP) * (nz if axis == 1 else ny)

    def _relax(self, level: int, backwards: bool) -> None:
        """All lines along all axes once, one colour after the other."""
        shape, size = self.shapes[level], int(self.sizes[level])
        here = (self.u, self.f, self.stencil, self.d, self.starts[level], shape)
        colours = (0,) if self.d == 1 else ((0, 1) if self.d == 2 else (0, 3, 1, 2))
        turns = [(axis, colour) for axis in range(self.d) for colour in colours]
        for axis, colour in reversed(turns) if backwards else turns:
            if axis == 0:
                over(kernels.relax_x, int(shape[0] * shape[1]), size, *here, colour)
            else:
                over(kernels.relax_across, self._units(level, axis), size, *here, axis, colour)

    def _cycle(self) -> None:
        """One V(1,1)-cycle for L u = f on the finest level."""
        last = len(self.shapes) - 1
        for k, (taps, weights, _, _) in enumerate(self.transfers):
            next_start, next_shape = self.starts[k + 1], self.shapes[k + 1]
            if k > 0:
                self._level(self.u, k)[:] = 0.0
            self._relax(k, False)
            over(
                kernels.restrict_residual, int(next_shape[0] * next_shape[1]), int(self.sizes[k]),
                self.u, self.f, self.stencil, self.d, self.starts[k], self.shapes[k],
                next_start, next_shape, taps, weights,
            )  # fmt: skip
        kernels.solve_coarsest(self.matrix, self.f, self.u, self.starts[last])
        for k in range(last - 1, -1, -1):
            _, _, left, share = self.transfers[k]
            shape = self.shapes[k]
            over(
                transfer.prolong_add, int(shape[0] * shape[1]), int(self.sizes[k]), self.u,
                self.starts[k], shape, self.starts[k + 1], self.shapes[k + 1], left, share,
            )  # fmt: skip
            self._relax(k, True)

    def _residual(self, out: np.ndarray = NOWHERE) -> float:
        """Norm of f - L u, which is left in out, flat as u, if that is given."""
        over(
            kernels.residual, len(self.sums), int(self.sizes[0]), self.u, self.f, self.stencil,
            self.d, self.starts[0], self.shapes[0], out, self.sums,
        )  # fmt: skip
        return math.sqrt(float(self.sums.sum()))

    def solve(self, f: np.ndarray, tolerance: float, cycles: int, krylov: int) -> Answer:
        """L u = f to a relative residual, f (nz, ny, nx).

        At most `cycles` V-cycles; if they leave more than twice the tolerance, GMRES
        with at most `krylov` vectors. Raises FloatingPointError if nothing finite comes out.
        """
        size = math.sqrt(float(np.square(f).sum()))
        if not math.isfinite(size):
            raise FloatingPointError("the Newton residual is not finite")
        right, u = self._level(self.f), self._level(self.u)
        right[:] = f
        u[:] = 0.0
        if size == 0.0:
            return Answer(u.copy(), 0, 0.0)
        reduction, count = 1.0, 0
        while reduction > tolerance and count < cycles:
            self._cycle()
            count += 1
            previous, reduction = reduction, self._residual() / size
            if not reduction < 0.7 * previous:
                break
        if reduction <= 2.0 * tolerance:
            return Answer(u.copy(), count, reduction)
        return self._gmres(f, size, tolerance, count, krylov)

    def _gmres(self, f: np.ndarray, size: float, tolerance: float, count: int, most: int) -> Answer:
        """Flexible GMRES from zero, one V-cycle as its preconditioner; sums in a fixed order."""
        basis, images = [f / size], []
        hessenberg = np.zeros((most + 1, most))
        target = np.zeros(most + 1)
        target[0] = size
        best: np.ndarray = np.zeros(0)
        image = np.empty_like(self.u)
        reduction = 1.0
        for k in range(most):
            self._level(self.f)[:] = basis[k]
            self._level(self.u)[:] = 0.0
            self._cycle()
            images.append(self._level(self.u).copy())
            self._level(self.f)[:] = 0.0
            self._residual(image)
            product = -self._level(image)
            if not np.abs(product).max() < LARGEST:
                break
            for i, vector in enumerate(basis):
                hessenberg[i, k] = float((product * vector).sum())
                product -= hessenberg[i, k] * vector
            hessenberg[k + 1, k] = math.sqrt(float(np.square(product).sum()))
            part = hessenberg[: k + 2, : k + 1]
            best = np.linalg.lstsq(part, target[: k + 2], rcond=None)[0]
            reduction = float(np.linalg.norm(part @ best - target[: k + 2])) / size
            count += 1
            if reduction <= tolerance or hessenberg[k + 1, k] <= 1e-14 * size:
                break
            basis.append(product / hessenberg[k + 1, k])
        if not best.size:
            raise FloatingPointError("the Newton system has no finite solution")
        u = sum(c * v for c, v in zip(best, images, strict=False))
        return Answer(np.asarray(u), count, reduction)


def overlaps(n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Shares of n equal cells in the average over each of m <= n equal cells of the same interval.

    Returns the first cell that counts (m,) and the weights of it and of those after it (m, TAPS).
    """
    j = np.arange(m)[:, None]
    i = j * n // m + np.arange(transfer.TAPS)
    # In units of 1/(n m) everything is an integer.
    shared = np.minimum((i + 1) * m, (j + 1) * n) - np.maximum(i * m, j * n)
    return i[:, 0], np.where(i < n, np.maximum(shared, 0) / n, 0.0)


def neighbours(n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """The one of m coarse centres before each of n fine ones, and the share of the one after it.

    Beyond the outermost coarse centres the value is constant: no flux through the walls.
    """
    if m == 1:
        return np.zeros(n, np.int64), np.zeros(n)
    place = (np.arange(n) + 0.5) * m / n - 0.5
    left = np.clip(np.floor(place).astype(np.int64), 0, m - 2)
    return left, np.clip(place - left, 0.0, 1.0)
