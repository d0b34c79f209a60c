"""Points that cost the same are one point: rows and columns of the cost matrix that are equal.

Mass on equal columns is shared in proportion to b, which is best for a convex f; of equal rows any
share will do. Ties without end are spared to whoever looks for the cheapest pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array


@dataclass(frozen=True, eq=False)
class Groups:
    """group (n,) of each point, and one point of each group."""

    group: np.ndarray
    one: np.ndarray

    def totals(self, weights: np.ndarray) -> np.ndarray:
        return np.bincount(self.group, weights, self.one.size)

    def shares(self, weights: np.ndarray) -> csr_array:
        """(n, groups): what of its group's mass each point has."""
        share = weights / self.totals(weights)[self.group]
        start = np.arange(weights.size + 1)
        return csr_array((share, self.group, start), shape=(weights.size, self.one.size))


def equal_rows(C: np.ndarray) -> Groups:
    """Rows of C (n, m) with equal entries, found by their bytes."""
    C = np.ascontiguousarray(C) + 0.0  # -0.0 becomes 0.0
    rows = C.view(np.dtype((np.void, C.dtype.itemsize * C.shape[1]))).ravel()
    seen: dict[bytes, int] = {}
    group = np.array([seen.setdefault(row.tobytes(), len(seen)) for row in rows], np.int64)
    one = np.full(len(seen), group.size)
    np.minimum.at(one, group, np.arange(group.size))
    return Groups(group, one)
