"""Weighted graphs stored by rows, and the coarser graphs that groups of their rows make.

Rows are joined in pairs along their strongest couplings, twice a level, so that a coarse matrix is
again a graph with a shift, the sums of what its parts have. All sums run in one order.
start (n + 1,), index, value: the couplings of row i, all >= 0, are value[start[i]:start[i + 1]], to
the rows index[…]; shift (n,) >= 0.
Source: Notay, Electron. Trans. Numer. Anal. 37 (2010) 123 (pairwise aggregation).
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
