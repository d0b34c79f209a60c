"""What is given: P, Q and what goes with them, as plain arrays on equal cells of a box."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Protocol

import numpy as np

from mfgprox.audit.divergences import InformationDivergence, named

Part = tuple[slice, ...]


class Box(Protocol):
    """What is read of a grid: one entry per axis in the order x, y, z."""

    @property
    def lower(self) -> tuple[float, ...]: ...
    @property
    def upper(self) -> tuple[float, ...]: ...
    @property
    def cells(self) -> tuple[int, ...]: ...


@dataclass(frozen=True, eq=False)
class Lattice:
    """P, Q (…, z, y, x) per unit volume; box and spacing per axis in the order x, y, z."""

    box: list[tuple[float, float]]
    P: np.ndarray
    Q: np.ndarray
    epsilon: float
    p: float
    separable: bool
    divergence: InformationDivergence

    @classmethod
    def of(
        cls,
        grid: Box,
        P: np.ndarray,
        Q: np.ndarray,
        epsilon: float,
        p: float,
        cost: str,
        f_divergence: str,
    ) -> Lattice:
        """Raises ValueError for shapes that do not fit the grid, negative or infinite densities."""
        shape = tuple(grid.cells)[::-1]
        for name, values in (("P", P), ("Q", Q)):
            if np.shape(values) != shape:
                raise ValueError(f"{name} has shape {np.shape(values)}, the grid {shape}")
            if not np.all(np.isfinite(values) & (np.asarray(values) >= 0.0)):
                raise ValueError(f"{name} must be finite and not negative")
        if cost not in ("euclidean", "separable") or not p > 1.0 or not epsilon > 0.0:
            raise ValueError("cost must be euclidean or separable, p above 1, epsilon above 0")
        return cls(
            list(zip(grid.lower, grid.upper, strict=True)),
            np.asarray(P, float),
            np.asarray(Q, float),
            float(epsilon),
            float(p),
            cost == "separable",
            named(f_divergence),
        )

    @property
    def spacing(self) -> list[float]:
        """Cell widths, order x, y, z."""
        return [(b - a) / n for (a, b), n in zip(self.box, self.P.shape[::-1], strict=True)]

    @property
    def volume(self) -> float:
        """That of a cell."""
        return prod(self.spacing)

    @property
    def centres(self) -> list[np.ndarray]:
        """Coordinates of the cell centres per axis, order x, y, z."""
        ends = zip(self.box, self.spacing, self.P.shape[::-1], strict=True)
        return [a + h * (np.arange(n) + 0.5) for (a, _), h, n in ends]

    @property
    def log_Q(self) -> np.ndarray:
        """-inf where Q has no mass."""
        return np.log(self.Q, out=np.full(self.Q.shape, -np.inf), where=self.Q > 0.0)

    def mean(self, values: np.ndarray, part: Part = ()) -> float:
        """E_P of values at the centres, on a part of them if one is given."""
        weight = self.P[part]
        return float((weight * values[part]).sum() / weight.sum())

    def thirds(self, axes: tuple[int, ...] | None = None) -> Iterator[list[Part]]:
        """Every third cell along an array axis, from each of the first three, for each of `axes`,
        all by default.

        Halves would not do: in data with a mirror they are mirror images, and equal.
        """
        for axis, n in enumerate(self.P.shape):
            if n >= 6 and (axes is None or axis in axes):
                cut = [slice(None)] * self.P.ndim
                parts = []
                for start in range(3):
                    cut[axis] = slice(start, n - n % 3, 3)
                    parts.append(tuple(cut))
                yield parts
