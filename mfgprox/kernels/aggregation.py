"""Conjugate gradients with aggregation multigrid for a weighted graph: (L + diag(shift)) x = b.

L is the Laplacian of a graph with couplings >= 0, stored by rows without its diagonal; shift >= 0.
Rows are joined in pairs along their strongest couplings, twice a level, so that a coarse matrix is
again a graph with a shift, the sums of what its parts have. Levels are stored one after the other:
rows of level l are row_at[l] … row_at[l+1], and `start` and `index` refer to the whole storage.
All sums run in one order: the same bits for any number of threads.
Source: Notay, Electron. Trans. Numer. Anal. 37 (2010) 123 (pairwise aggregation, K-cycle).
"""

from __future__ import annotations

import numpy as np
from numba import njit

DOMINATED = 0.1
"""Rows whose couplings add up to at most this share of their shift stay out of coarse levels."""
LARGEST = 4
"""Rows of a group at most."""
STRONG = 0.25
"""A pair is joined if its coupling is at least this share of the strongest one of its row."""
ENOUGH = 0.25
"""Reduction of a coarse residual by one inner step that makes the second one unnecessary."""
ACCELERATED = 4
"""Levels, from the first, whose coarse corrections may take a second step."""
SWEEPS = 6
"""Double sweeps on the coarsest level."""


@njit(cache=True, nogil=True)
def rows_of(n, j_of, k_of, coupling, start, index, value):
    """Row storage of couplings (m,) between j_of and k_of. Out: start (n + 1,), index, value
    (2 m,)."""
    start[:] = 0
    for e in range(j_of.size):
        start[j_of[e] + 1] += 1
        start[k_of[e] + 1] += 1
    for i in range(n):
        start[i + 1] += start[i]
    filled = start[:n].copy()
    for e in range(j_of.size):
        for a, b in ((j_of[e], k_of[e]), (k_of[e], j_of[e])):
            index[filled[a]] = b
            value[filled[a]] = coupling[e]
            filled[a] += 1


@njit(cache=True, nogil=True)
def paired(start, index, value, shift, group):
    """Join rows in pairs, or to the pair of the strongest neighbour if none is free.

    Out: group (n,), the number of each row's group; -1 for rows that their shift dominates, which
    need no coarse level. Returns the number of groups.
    """
    n, groups = group.size, 0
    members = np.zeros(n, np.int64)
    group[:] = -2
    for i in range(n):
        total = 0.0
        for e in range(start[i], start[i + 1]):
            total += value[e]
        if total <= DOMINATED * shift[i]:
            group[i] = -1
    for i in range(n):
        if group[i] != -2:
            continue
        strongest, best, nearest, partner = 0.0, 0.0, -1, -1
        for e in range(start[i], start[i + 1]):
            o = index[e]
            if group[o] == -1:
                continue
            if value[e] > strongest:
                strongest, nearest = value[e], o
            if group[o] == -2 and o != i and value[e] > best:
                best, partner = value[e], o
        if partner >= 0 and best >= STRONG * strongest:
            group[i] = group[partner] = groups
        elif nearest >= 0 and group[nearest] >= 0 and members[group[nearest]] < LARGEST:
            group[i] = group[nearest]
            members[group[i]] += 1
            continue
        else:
            group[i] = groups
        members[groups] = 2 if partner >= 0 and group[partner] == groups else 1
        groups += 1
    return groups


@njit(cache=True, nogil=True)
def joined(start, index, value, shift, group, c_start, c_index, c_value, c_shift):
    """The graph of the groups: couplings between two groups and their shifts add up."""
    n, m = group.size, c_shift.size
    first = np.zeros(m + 1, np.int64)
    for i in range(n):
        if group[i] >= 0:
            first[group[i] + 1] += 1
    for g in range(m):
        first[g + 1] += first[g]
    member = np.empty(n, np.int64)
    filled = first[:m].copy()
    for i in range(n):
        if group[i] >= 0:
            member[filled[group[i]]] = i
            filled[group[i]] += 1
    seen = np.full(m, -1, np.int64)
    used = 0
    c_start[0] = 0
    for g in range(m):
        c_shift[g] = 0.0
        for a in range(first[g], first[g + 1]):
            i = member[a]
            c_shift[g] += shift[i]
            for e in range(start[i], start[i + 1]):
                other = group[index[e]]
                if other == g:
                    continue
                if other < 0:
                    c_shift[g] += value[e]
                    continue
                if seen[other] < c_start[g]:
                    seen[other] = used
                    c_index[used] = other
                    c_value[used] = 0.0
                    used += 1
                c_value[seen[other]] += value[e]
        c_start[g + 1] = used
    return used


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
