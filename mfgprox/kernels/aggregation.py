"""Conjugate gradients with aggregation multigrid for a weighted graph: (L + diag(shift)) x = b.

L is the Laplacian of a graph with couplings >= 0, stored by rows without its diagonal; shift >= 0.
Coarse levels are those of `kernels.graph`, stored one after the other: rows of level l are
row_at[l] … row_at[l+1], and `start` and `index` refer to the whole storage.
All sums run in one order: the same bits for any number of threads.
Source: Notay, Electron. Trans. Numer. Anal. 37 (2010) 123 (K-cycle).
"""

from __future__ import annotations

import numpy as np
from numba import njit

ENOUGH = 0.25
"""Reduction of a coarse residual by one inner step that makes the second one unnecessary."""
ACCELERATED = 4
"""Levels, from the first, whose coarse corrections may take a second step."""
SWEEPS = 6
"""Double sweeps on the coarsest level."""


@njit(cache=True, nogil=True)
def _dot(a, b):
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@njit(cache=True, nogil=True)
def _relax(lo, hi, forward, start, index, value, diagonal, b, x):
    """One Gauss–Seidel sweep over the rows lo to hi."""
    for a in range(hi - lo):
        i = lo + a if forward else hi - 1 - a
        total = b[i]
        for e in range(start[i], start[i + 1]):
            total += value[e] * x[index[e]]
        x[i] = total / diagonal[i] if diagonal[i] > 0.0 else 0.0


@njit(cache=True, nogil=True)
def _apply(lo, hi, start, index, value, diagonal, x, out):
    for i in range(lo, hi):
        total = diagonal[i] * x[i]
        for e in range(start[i], start[i + 1]):
            total -= value[e] * x[index[e]]
        out[i] = total


@njit(cache=True, nogil=True)
def _down(level, row_at, start, index, value, diagonal, group, b, x, work):
    """Smooth from zero and restrict what is left to the right-hand side of the coarser level."""
    lo, hi, end = row_at[level], row_at[level + 1], row_at[level + 2]
    x[lo:hi] = 0.0
    _relax(lo, hi, True, start, index, value, diagonal, b, x)
    _apply(lo, hi, start, index, value, diagonal, x, work[0])
    b[hi:end] = 0.0
    for i in range(lo, hi):
        if group[i] >= 0:
            b[group[i]] += b[i] - work[0, i]


@njit(cache=True, nogil=True)
def _bottom(lo, hi, start, index, value, diagonal, b, x):
    x[lo:hi] = 0.0
    for sweep in range(2 * SWEEPS):
        _relax(lo, hi, sweep % 2 == 0, start, index, value, diagonal, b, x)


@njit(cache=True, nogil=True)
def _first_step(lo, hi, start, index, value, diagonal, b, x, work):
    """One step of conjugate gradients with the correction x. Returns its energy, its length and
    whether that is enough; else b is what is left and work[1], work[2] keep x and its image."""
    first, image = work[1], work[2]
    first[lo:hi] = x[lo:hi]
    _apply(lo, hi, start, index, value, diagonal, x, image)
    energy = _dot(x[lo:hi], image[lo:hi])
    if not energy > 0.0:
        return energy, 1.0, True
    alpha = _dot(x[lo:hi], b[lo:hi]) / energy
    before = after = 0.0
    for i in range(lo, hi):
        before += b[i] * b[i]
        b[i] -= alpha * image[i]
        after += b[i] * b[i]
    if after <= ENOUGH * ENOUGH * before:
        x[lo:hi] *= alpha
        return energy, alpha, True
    return energy, alpha, False


@njit(cache=True, nogil=True)
def _second_step(lo, hi, start, index, value, diagonal, energy, alpha, b, x, work):
    """The second step, with another correction x; leaves the sum of both in x."""
    first, image = work[1], work[2]
    mixed = _dot(x[lo:hi], image[lo:hi])
    _apply(lo, hi, start, index, value, diagonal, x, image)
    second = _dot(x[lo:hi], image[lo:hi]) - mixed * mixed / energy
    beta = _dot(x[lo:hi], b[lo:hi]) / second if second > 0.0 else 0.0
    for i in range(lo, hi):
        x[i] = (alpha - beta * mixed / energy) * first[i] + beta * x[i]


@njit(cache=True, nogil=True)
def _cycle(row_at, start, index, value, diagonal, group, b, x, work, visits, energy, alpha):
    """x ≈ the solution of A x = b on the first level: a K-cycle, one sweep before and one after.

    visits, energy, alpha (levels,): scratch. A loop, since compiled recursion cannot be cached.
    """
    last = row_at.size - 2
    visits[:] = 0
    level = 0
    while True:
        lo, hi = row_at[level], row_at[level + 1]
        if level == last:
            _bottom(lo, hi, start, index, value, diagonal, b, x)
            if last == 0:
                return
            level -= 1
            continue
        if visits[level] == 0:
            _down(level, row_at, start, index, value, diagonal, group, b, x, work)
            visits[level], visits[level + 1] = 1, 0
            level += 1
            continue
        end = row_at[level + 2]
        if level + 1 < last and level < ACCELERATED:
            if visits[level] == 1:
                energy[level], alpha[level], enough = _first_step(
                    hi, end, start, index, value, diagonal, b, x, work
                )
                if not enough:
                    visits[level], visits[level + 1] = 2, 0
                    level += 1
                    continue
            else:
                _second_step(
                    hi, end, start, index, value, diagonal, energy[level], alpha[level], b, x, work
                )
        for i in range(lo, hi):
            if group[i] >= 0:
                x[i] += x[group[i]]
        _relax(lo, hi, False, start, index, value, diagonal, b, x)
        if level == 0:
            return
        level -= 1


@njit(cache=True, nogil=True)
def conjugate_gradients(
    row_at, start, index, value, diagonal, group, right, tolerance, most, x
):  # fmt: skip
    """Solve on the first level to sqrt(rᵀB r) <= tolerance times what it was; returns iterations.

    group: the coarse row of each row, in the whole storage. right, x (n,): right-hand side and
    result. Rows with a diagonal of 0 get x = 0. B: the cycle; flexible (Polak–Ribière).
    """
    n, total = right.size, row_at[-1]
    b, z = np.zeros(total), np.zeros(total)
    work = np.zeros((3, total))
    visits = np.zeros(row_at.size, np.int64)
    energies, alphas = np.zeros(row_at.size), np.zeros(row_at.size)
    r, p, Ap, old = right.copy(), np.zeros(n), np.zeros(n), np.zeros(n)
    x[:] = 0.0
    first = rho = 0.0
    for iteration in range(most):
        b[:n] = r
        _cycle(row_at, start, index, value, diagonal, group, b, z, work, visits, energies, alphas)
        product = _dot(z[:n], r)
        if iteration == 0:
            first = product
        if not product > tolerance * tolerance * first:
            return iteration
        beta = (product - _dot(z[:n], old)) / rho if iteration > 0 else 0.0
        for i in range(n):
            p[i] = z[i] + beta * p[i]
        _apply(0, n, start, index, value, diagonal, p, Ap)
        energy = _dot(p, Ap)
        if not energy > 0.0:
            return iteration
        alpha = _dot(p, r) / energy
        old[:] = r
        for i in range(n):
            x[i] += alpha * p[i]
            r[i] -= alpha * Ap[i]
        rho = product
    return most
