"""Conjugate gradients with aggregation multigrid for the Hessian of the dual value.

The matrix is diag(d) - BᵀB with a sparse B (sources, targets): a graph Laplacian, whatever the
shape of the supports and wherever the map is torn, plus a diagonal. It is never formed on the
finest grid. No BLAS: the same bits on every machine with the same libraries.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import splu

COARSEST = 300
"""Unknowns up to which a system is factorised."""
SMOOTHED_SHARE = 5.0
"""The smoother works on eigenvalues down to this fraction of the largest."""
POWER_STEPS = 6
SAFETY = 1.15
"""On the largest eigenvalue after so many steps of the power method."""
SHIFT = 1e-12
TINY = 1e-300
ROUNDING = 1e-14
"""Share of d below which a diagonal is what rounding left of it."""
FEW, MOST = 40, 100
"""Iterations at most, with the diagonal and with the multigrid."""
CAREFUL = 0.1
"""On the tolerance with the diagonal, whose norm hardly sees the smoothest errors."""


class Laplacian:
    """diag(d) - BᵀB - coupling, never formed; see `Multigrid` for the arguments."""

    def __init__(self, B: sparse.csr_matrix, d: np.ndarray, star: np.ndarray | None) -> None:
        self.B, self.transposed, self.d, self.star = B, B.T.tocsr(), d, star

    def __matmul__(self, x: np.ndarray) -> np.ndarray:
        out = self.d * x - self.transposed @ (self.B @ x)
        if self.star is not None:
            # w (x - x_last) instead of w x, and what makes it symmetric.
            out -= self.star * x[-1]
            out[-1] -= (self.star * x).sum()
        return np.asarray(out)

    def diagonal(self) -> np.ndarray:
        B = self.B
        found = self.d - np.bincount(B.indices, B.data**2, minlength=self.d.size)
        return np.maximum(found, ROUNDING * self.d)

    def scaled(self, scale: np.ndarray, shift: float) -> sparse.csc_matrix:
        """Rows and columns times scale, the diagonal raised by shift; without the coupling."""
        return _scaled(self.d, (self.transposed @ self.B).tocsc(), scale, shift)

    def coarsened(self, P: sparse.csr_matrix) -> sparse.csr_matrix:
        B = (self.B @ P).tocsr()
        d = P.T @ self.d
        coarse = (sparse.diags(d) - B.T @ B).tocsr()
        coarse.setdiag(np.maximum(coarse.diagonal(), ROUNDING * d))
        return coarse


class Multigrid:
    """V-cycles on aggregates of 2^d neighbours, with Chebyshev smoothing.

    places: lattice coordinates of the unknowns, (3, unknowns) int.
    """

    def __init__(self, A: Laplacian, places: np.ndarray) -> None:
        self.matrices: list[Laplacian | sparse.csr_matrix] = []
        self.prolongations: list[sparse.csr_matrix] = []
        self.inverses: list[np.ndarray] = []
        self.largest: list[float] = []
        matrix: Laplacian | sparse.csr_matrix = A
        while True:
            inverse = 1.0 / np.maximum(matrix.diagonal(), TINY)
            self.matrices.append(matrix)
            self.inverses.append(inverse)
            if inverse.size <= COARSEST:
                break
            P, places = _aggregated(places)
            if P.shape[1] == P.shape[0]:
                break
            self.largest.append(_largest_eigenvalue(matrix, inverse))
            self.prolongations.append(P)
            coarsen = matrix.coarsened if isinstance(matrix, Laplacian) else None
            matrix = coarsen(P) if coarsen else (P.T @ (matrix @ P)).tocsr()
        self.scale = np.sqrt(inverse)
        if isinstance(matrix, Laplacian):
            scaled = matrix.scaled(self.scale, SHIFT)
        else:
            scaled = _scaled(np.zeros(inverse.size), -matrix.tocsc(), self.scale, SHIFT)
        try:
            self.factors = splu(scaled)
        except RuntimeError:  # rounding has left no inverse: the diagonal alone
            self.factors = splu(sparse.identity(inverse.size, format="csc"))

    def __call__(self, right: np.ndarray, level: int = 0) -> np.ndarray:
        """An approximate solution, a symmetric function of the right-hand side."""
        if level == len(self.prolongations):
            return np.asarray(self.scale * self.factors.solve(self.scale * right))
        P = self.prolongations[level]
        x = self._smoothed(level, None, right)
        x = x + P @ self(P.T @ (right - self.matrices[level] @ x), level + 1)
        return self._smoothed(level, x, right)

    def _smoothed(self, level: int, x: np.ndarray | None, right: np.ndarray) -> np.ndarray:
        """Two Chebyshev steps for the upper part of the spectrum."""
        A, inverse, high = self.matrices[level], self.inverses[level], self.largest[level]
        low = high / SMOOTHED_SHARE
        middle, half = 0.5 * (high + low), 0.5 * (high - low)
        left = right if x is None else right - A @ x
        step = inverse * left / middle
        x = step if x is None else x + step
        ratio = middle / half
        rho = 1.0 / (2.0 * ratio - 1.0 / ratio)
        left = left - A @ step
        return np.asarray(x + (rho / ratio) * step + (2.0 * rho / half) * (inverse * left))


def _scaled(
    d: np.ndarray, without: sparse.csc_matrix, scale: np.ndarray, shift: float
) -> sparse.csc_matrix:
    """diag(scale) (diag(d) - without) diag(scale) + shift."""
    n = scale.size
    without.data *= scale[without.indices] * np.repeat(scale, np.diff(without.indptr))
    diagonal = (d * scale * scale + shift, np.arange(n), np.arange(n + 1))
    return sparse.csc_matrix(diagonal, shape=(n, n)) - without


def _aggregated(places: np.ndarray) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Piecewise constant prolongation from pairs along every axis, and the coarse places."""
    halved = places // 2
    extent = halved.max(axis=1) + 1
    flat = (halved[0] * extent[1] + halved[1]) * extent[2] + halved[2]
    unique, inverse = np.unique(flat, return_inverse=True)
    n = inverse.size
    P = sparse.csr_matrix((np.ones(n), inverse, np.arange(n + 1)), shape=(n, unique.size))
    z, rest = unique // (extent[1] * extent[2]), unique % (extent[1] * extent[2])
    return P, np.stack([z, rest // extent[2], rest % extent[2]])


def _largest_eigenvalue(A: Laplacian | sparse.csr_matrix, inverse: np.ndarray) -> float:
    """Of the matrix scaled by its diagonal, from above but for bad luck."""
    x, root = np.random.default_rng(0).standard_normal(inverse.size), np.sqrt(inverse)
    found = 1.0
    for _ in range(POWER_STEPS):
        x = root * (A @ (root * x))
        found = float(np.sqrt((x * x).sum()))
        if found == 0.0:
            return 1.0
        x /= found
    return SAFETY * found


# What overflows ends the iterations, or the solve: who asked looks at the slope of the step.
@np.errstate(over="ignore", invalid="ignore")
def solved(A: Laplacian, right: np.ndarray, places: np.ndarray, tolerance: float) -> np.ndarray:
    """x with A x = right to a relative tolerance in the energy norm; places: as in `Multigrid`.

    By the diagonal where few iterations do, which take less than to set a multigrid up.
    """
    inverse = 1.0 / np.maximum(A.diagonal(), TINY)
    x, met = iterated(A, right, lambda left: inverse * left, CAREFUL * tolerance, FEW)
    return x if met else iterated(A, right, Multigrid(A, places), tolerance, MOST)[0]


def iterated(
    A: Laplacian,
    right: np.ndarray,
    cycle: Callable[[np.ndarray], np.ndarray],
    tolerance: float,
    most: int,
) -> tuple[np.ndarray, bool]:
    """Conjugate gradients: x, and whether the tolerance is met, in the norm of cycle."""
    x, left = np.zeros_like(right), right.copy()
    z = cycle(left)
    direction, product = z, float((left * z).sum())
    first = product
    for _ in range(most if product > 0.0 else 0):
        image = A @ direction
        curvature = float((direction * image).sum())
        if not curvature > 0.0:
            return x, False
        length = product / curvature
        x, left = x + length * direction, left - length * image
        z = cycle(left)
        before, product = product, float((left * z).sum())
        if product <= tolerance**2 * first:
            return x, True
        direction = z + (product / before) * direction
    return x, not product > 0.0
