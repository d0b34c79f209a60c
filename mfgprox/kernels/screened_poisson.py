"""Symmetric multigrid for  d x - div(k ∇x) = b  with coefficients that vary over many orders.

d (nz, ny, nx) >= 0 sits at cells, k_a at the inner faces along axis a (one entry less there),
already divided by the squared width; no flux through the box. The matrix is a symmetric M-matrix.
Coarse grids join pairs of cells along the strongly coupled axes; d adds up, and so do the k of the
faces that remain: the Galerkin matrix of constant corrections. Halving k for the doubled distance
would correct smooth errors better, but where k jumps the cycle is then no longer positive.
"""

from __future__ import annotations

import numpy as np
from numba import njit

Coefficients = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""diagonal d, and k along z, y, x."""


@njit(cache=True)
def smooth(d, kz, ky, kx, x, b, backward):
    """One Gauss-Seidel sweep on x in lexicographic order, or in its reverse."""
    nz, ny, nx = x.shape
    for m in range(nz):
        l = nz - 1 - m if backward else m
        for n in range(ny):
            j = ny - 1 - n if backward else n
            row = x[l, j]
            for o in range(nx):
                i = nx - 1 - o if backward else o
                total, right = d[l, j, i], b[l, j, i]
                if i > 0:
                    total += kx[l, j, i - 1]
                    right += kx[l, j, i - 1] * row[i - 1]
                if i < nx - 1:
                    total += kx[l, j, i]
                    right += kx[l, j, i] * row[i + 1]
                if j > 0:
                    total += ky[l, j - 1, i]
                    right += ky[l, j - 1, i] * x[l, j - 1, i]
                if j < ny - 1:
                    total += ky[l, j, i]
                    right += ky[l, j, i] * x[l, j + 1, i]
                if l > 0:
                    total += kz[l - 1, j, i]
                    right += kz[l - 1, j, i] * x[l - 1, j, i]
                if l < nz - 1:
                    total += kz[l, j, i]
                    right += kz[l, j, i] * x[l + 1, j, i]
                row[i] = right / total if total > 0.0 else 0.0


@njit(cache=True)
def apply(d, kz, ky, kx, x, out):
    """out = d x - div(k ∇x)."""
    nz, ny, nx = x.shape
    for l in range(nz):
        for j in range(ny):
            for i in range(nx):
                v = x[l, j, i]
                s = d[l, j, i] * v
                if i > 0:
                    s += kx[l, j, i - 1] * (v - x[l, j, i - 1])
                if i < nx - 1:
                    s += kx[l, j, i] * (v - x[l, j, i + 1])
                if j > 0:
                    s += ky[l, j - 1, i] * (v - x[l, j - 1, i])
                if j < ny - 1:
                    s += ky[l, j, i] * (v - x[l, j + 1, i])
                if l > 0:
                    s += kz[l - 1, j, i] * (v - x[l - 1, j, i])
                if l < nz - 1:
                    s += kz[l, j, i] * (v - x[l + 1, j, i])
                out[l, j, i] = s


class ScreenedPoisson:
    """The hierarchy of one matrix, and a fixed number of symmetric V-cycles as its inverse."""

    def __init__(
        self, diagonal: np.ndarray, faces: tuple[np.ndarray, ...], cycles: int = 2
    ) -> None:
        self.cycles = cycles
        self.levels: list[Coefficients] = [(diagonal, *faces)]  # type: ignore[list-item]
        self.factors: list[tuple[int, int, int]] = []
        while self.levels[-1][0].size > 8:
            factors = _strong_axes(self.levels[-1])
            self.levels.append(_coarse(self.levels[-1], factors))
            self.factors.append(factors)

    def multiply(self, x: np.ndarray) -> np.ndarray:
        out = np.empty_like(x)
        apply(*self.levels[0], x, out)
        return out

    def solve(self, b: np.ndarray) -> np.ndarray:
        """An approximation of the inverse times b, symmetric and positive as an operator."""
        x = np.zeros_like(b)
        for _ in range(self.cycles):
            self._cycle(0, x, b)
        return x

    def _cycle(self, level: int, x: np.ndarray, b: np.ndarray) -> None:
        coefficients = self.levels[level]
        if level == len(self.levels) - 1:
            for _ in range(4):
                smooth(*coefficients, x, b, False)
                smooth(*coefficients, x, b, True)
            return
        smooth(*coefficients, x, b, False)
        rest = np.empty_like(x)
        apply(*coefficients, x, rest)
        factors = self.factors[level]
        coarse_b = _add_pairs(b - rest, factors)
        coarse_x = np.zeros_like(coarse_b)
        self._cycle(level + 1, coarse_x, coarse_b)
        for axis, factor in enumerate(factors):
            if factor == 2:
                coarse_x = np.repeat(coarse_x, 2, axis).take(range(x.shape[axis]), axis)
        x += coarse_x
        smooth(*coefficients, x, b, True)


def _strong_axes(coefficients: Coefficients) -> tuple[int, int, int]:
    """2 for the axes to coarsen: those whose mean coupling is within a factor 4 of the largest."""
    shape = coefficients[0].shape
    means = [k.mean() if n > 1 else -1.0 for k, n in zip(coefficients[1:], shape, strict=True)]
    return tuple(  # type: ignore[return-value]
        2 if n > 1 and m >= 0.25 * max(means) else 1 for m, n in zip(means, shape, strict=True)
    )


def _add_pairs(values: np.ndarray, factors: tuple[int, ...]) -> np.ndarray:
    for axis, factor in enumerate(factors):
        if factor == 2:
            values = np.add.reduceat(values, range(0, values.shape[axis], 2), axis)
    return values


def _coarse(coefficients: Coefficients, factors: tuple[int, int, int]) -> Coefficients:
    faces = []
    for axis, k in enumerate(coefficients[1:]):
        if factors[axis] == 2:
            k = k.take(range(1, k.shape[axis], 2), axis)
        across = tuple(1 if a == axis else f for a, f in enumerate(factors))
        faces.append(np.ascontiguousarray(_add_pairs(k, across)))
    return (np.ascontiguousarray(_add_pairs(coefficients[0], factors)), *faces)  # type: ignore[return-value]
