"""The linear systems of Newton's method on a power diagram: a graph Laplacian with a shift."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu

from mfgprox.kernels.aggregation import conjugate_gradients
from mfgprox.kernels.graph import joined, paired, rows_of

COARSEST = 1
"""Rows of the last level at most, unless rows no longer pair up."""
SLOWEST = 0.7
"""Share of the rows that a coarser level may keep."""
MOST_ITERATIONS = 200
ALONE = 1e-12
"""Added to the diagonal of rows whose neighbours are all loose."""

Graph = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""start, index, value and shift."""


def solved(
    j_of: np.ndarray,
    k_of: np.ndarray,
    coupling: np.ndarray,
    shift: np.ndarray,
    right: np.ndarray,
    tolerance: float,
) -> tuple[np.ndarray, int]:
    """x with (L + diag(shift)) x = right to a relative error in the energy, and iterations.

    L: the Laplacian of the graph with couplings (m,) >= 0 between rows j_of and k_of; shift >= 0.
    """
    n = shift.size
    start, index = np.empty(n + 1, np.int64), np.empty(2 * j_of.size, np.int64)
    value = np.empty(2 * j_of.size)
    rows_of(n, j_of, k_of, coupling, start, index, value)
    levels, groups = [(start, index, value, shift)], []
    while levels[-1][3].size > COARSEST:
        graph, group = _coarser(levels[-1])
        if not 0 < graph[3].size <= SLOWEST * levels[-1][3].size:
            break
        levels.append(graph)
        groups.append(group)
    sizes = [graph[3].size for graph in levels]
    row_at = np.concatenate([[0], np.cumsum(sizes)])
    filled = np.concatenate([[0], np.cumsum([graph[1].size for graph in levels])])
    starts = [graph[0][:-1] + at for graph, at in zip(levels, filled, strict=False)]
    coarse = [np.where(g >= 0, g + at, -1) for g, at in zip(groups, row_at[1:], strict=False)]
    x = np.empty(n)
    iterations = conjugate_gradients(
        row_at,
        np.concatenate([*starts, filled[-1:]]),
        np.concatenate([graph[1] + at for graph, at in zip(levels, row_at, strict=False)]),
        np.concatenate([graph[2] for graph in levels]),
        np.concatenate([graph[3] + _row_sums(graph) for graph in levels]),
        np.concatenate([*coarse, np.zeros(sizes[-1], np.int64)]),
        right,
        tolerance,
        MOST_ITERATIONS,
        x,
    )  # fmt: skip
    return x, iterations


def exact(
    j_of: np.ndarray,
    k_of: np.ndarray,
    coupling: np.ndarray,
    shift: np.ndarray,
    right: np.ndarray,
    solid: np.ndarray,
    loose: np.ndarray,
) -> np.ndarray:
    """x (n,) with (L + diag(shift)) x = right on the solid rows, by factors; 0 elsewhere.

    A diagonal of an M-matrix exceeds its row by the shift: factors without pivots keep the digits
    of rows whose couplings are 10⁻¹² of others. Loose rows: the means of their neighbours, who do
    not feel them.
    """
    x, among = np.zeros(solid.size), solid[j_of] & solid[k_of] & (coupling > 0.0)
    number = np.cumsum(solid) - 1
    pairs = number[j_of[among]], number[k_of[among]]
    x[solid] = _factored(*pairs, coupling[among], shift[solid], right[solid])
    if not loose.any():
        return x
    number, count = np.cumsum(loose) - 1, int(np.count_nonzero(loose))
    one = np.concatenate([j_of[loose[j_of] & solid[k_of]], k_of[loose[k_of] & solid[j_of]]])
    other = np.concatenate([k_of[loose[j_of] & solid[k_of]], j_of[loose[k_of] & solid[j_of]]])
    among = loose[j_of] & loose[k_of]
    tied = np.bincount(number[one], minlength=count) + ALONE
    pull = np.bincount(number[one], x[other], count)
    pairs = number[j_of[among]], number[k_of[among]]
    x[loose] = _factored(*pairs, np.ones(len(pairs[0])), tied, pull)
    return x


def _factored(
    j_of: np.ndarray, k_of: np.ndarray, coupling: np.ndarray, shift: np.ndarray, right: np.ndarray
) -> np.ndarray:
    n, at = shift.size, np.arange(shift.size)
    diagonal = np.bincount(j_of, coupling, n) + np.bincount(k_of, coupling, n) + shift
    A = csc_array(
        (
            np.concatenate([diagonal, -coupling, -coupling]),
            (np.concatenate([at, j_of, k_of]), np.concatenate([at, k_of, j_of])),
        ),
        shape=(n, n),
    )
    factors = splu(
        A, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    return np.asarray(factors.solve(right))


def _row_sums(graph: Graph) -> np.ndarray:
    sums = np.concatenate([[0.0], graph[2], [0.0]])
    # reduceat gives the entry itself for an empty row.
    found = np.add.reduceat(sums, graph[0][:-1] + 1)
    return np.where(graph[0][1:] > graph[0][:-1], found, 0.0)


def _coarser(graph: Graph) -> tuple[Graph, np.ndarray]:
    """The graph of groups of up to four rows, and the group of each row."""
    whole = np.arange(graph[3].size)
    for _ in range(2):
        group = np.empty(graph[3].size, np.int64)
        groups = paired(*graph, group)
        start, shift = np.empty(groups + 1, np.int64), np.empty(groups)
        index, value = np.empty_like(graph[1]), np.empty_like(graph[2])
        used = joined(*graph, group, start, index, value, shift)
        graph = (start, index[:used].copy(), value[:used].copy(), shift)
        whole = np.append(group, -1)[whole]
    return graph, whole
