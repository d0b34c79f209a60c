"""What a potential proves where mass moves along some axes only.

Theorem 3.1 with a cost that is infinite between points that differ in the other axes: psi^c is
taken within each slice, and the second term is that of the whole box, so that no slice needs a
divergence of its own.
Source: Baptista et al., Proximal optimal transport divergences, Theorem 3.1 and section 5.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mfgprox.audit.lattice import Lattice
from mfgprox.audit.static import Static, summed, transforms


@dataclass(frozen=True)
class Other:
    """The axes along which nothing moves, as array axes in ascending order, and the rest."""

    fixed: tuple[int, ...]
    moving: tuple[int, ...]

    @classmethod
    def of(cls, dimension: int, moving: Sequence[int]) -> Other:
        """moving: the axes along which mass moves, 0 for x."""
        if not moving or not set(moving) < set(range(dimension)):
            raise ValueError(f"some of {dimension} axes must be named; got {tuple(moving)}")
        along = sorted(dimension - 1 - axis for axis in moving)
        return cls(tuple(k for k in range(dimension) if k not in along), tuple(along))


def evaluate(lattice: Lattice, psi: np.ndarray, moving: Sequence[int]) -> Static:
    """psi: (…, z, y, x), known wherever there is mass of P and Q in a slice.

    Mass of P in a slice without Q stays: psi^c is -psi there, of the largest harmless psi.
    """
    other = Other.of(psi.ndim, moving)
    full = np.array(psi, float)
    found = [np.zeros(psi.shape) for _ in range(3)]
    # Where a slice has no mass of P any value will do: 0, and none of it is counted.
    for index in np.ndindex(*(psi.shape[k] for k in other.fixed)):
        at: list[int | slice] = [slice(None)] * psi.ndim
        for k, i in zip(other.fixed, index, strict=True):
            at[k] = i
        where = tuple(at)
        if not lattice.P[where].sum() > 0.0:
            continue
        if not (np.isfinite(full[where]) & (lattice.Q[where] > 0.0)).any():
            raise ValueError("psi is not finite in the support of Q in a slice that has mass of P")
        own = replace(
            lattice,
            box=[lattice.box[psi.ndim - 1 - k] for k in other.moving[::-1]],
            P=lattice.P[where],
            Q=lattice.Q[where],
        )
        *values, full[where] = transforms(own, full[where])
        for out, value in zip(found, values, strict=True):
            out[where] = value
    known = np.where(np.isfinite(full), full, -np.inf)
    within_cells = sum(lattice.mean(np.abs(d)) for d in _second_differences(found[1], other)) / 24.0
    return summed(lattice, found, known, within_cells, other.moving)


def _second_differences(values: np.ndarray, other: Other) -> list[np.ndarray]:
    """Along each axis within the slices, with the end values repeated."""
    found = []
    for axis in other.moving:
        width = [(0, 0)] * values.ndim
        width[axis] = (1, 1)
        found.append(np.diff(np.pad(values, width, mode="edge"), 2, axis=axis))
    return found
