"""How far two densities on the same cells are apart at most: mass exchanged within nested blocks.

Blocks of two cells an axis, of four, and so on up to the box. From the box downwards, the masses of
the parts of each block are made right by an exchange within the block; Minkowski's inequality adds
up the levels, W_p <= Σ_l (mass exchanged on l)^(1/p) diameter of a block of l.
"""

from __future__ import annotations

import numpy as np

from mfgprox.cost import Cost


def furthest_apart(
    here: np.ndarray, there: np.ndarray, cost: Cost, spacing: tuple[float, ...]
) -> float:
    """An upper bound of W_p (not of its power) between masses on cells.

    here, there: (nz, ny, nx), not negative, with the same sum; spacing (hz, hy, hx). Both are
    distributed alike within each cell.
    """
    total, size = 0.0, np.where(np.array(here.shape) > 1, np.array(spacing), 0.0)
    while here.size > 1:
        blocks = tuple(_blocks(masses) for masses in (here, there))
        sums = tuple(b.sum(axis=(1, 3, 5)) for b in blocks)
        size = 2.0 * size
        wanted = sums[1][:, None, :, None, :, None]
        held = sums[0][:, None, :, None, :, None]
        # What a block without mass gets comes in the right proportions.
        has = np.divide(blocks[0] * wanted, held, out=blocks[1].copy(), where=held > 0.0)
        exchanged = 0.5 * float(np.abs(has - blocks[1]).sum())
        diameter = (size**cost.p).sum() if cost.separable else (size**2).sum() ** (0.5 * cost.p)
        total += float((exchanged * diameter) ** (1.0 / cost.p))
        here, there = sums
    return total


def _blocks(masses: np.ndarray) -> np.ndarray:
    """(nz/2, 2, ny/2, 2, nx/2, 2), with empty cells beyond an odd end; axes of one cell have one
    empty part."""
    padded = np.pad(masses, [(0, n % 2) for n in masses.shape])
    nz, ny, nx = padded.shape
    return padded.reshape(nz // 2, 2, ny // 2, 2, nx // 2, 2)
