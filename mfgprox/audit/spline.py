"""psi between the centres of its cells: a spline, with proven bounds of how it bends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from scipy.interpolate import BSpline, make_interp_spline
from scipy.ndimage import maximum_filter1d

from mfgprox.audit.transform import axes_first

DEGREE = 5


@dataclass(frozen=True, eq=False)
class FineLattice:
    """The quintic spline through the centres, on a lattice `refinement` times finer that has
    nodes on the walls of the box.

    places: coordinates per axis, order x, y, z; psi, rise (…, z, y, x); slopes per axis and
    curvatures per pair of axes. rise: |x - y|^p - psi(y) can be smaller between the nodes than at
    the node nearest to its minimum by at most this, for any x in the box.
    """

    places: list[np.ndarray]
    psi: np.ndarray
    slopes: list[np.ndarray]
    curvatures: dict[tuple[int, int], np.ndarray]
    rise: np.ndarray

    @classmethod
    def of(
        cls,
        psi: np.ndarray,
        box: Sequence[tuple[float, float]],
        refinement: int,
        p: float,
        separable: bool,
    ) -> FineLattice:
        """psi: finite, at the centres of equal cells of the box, (…, z, y, x)."""
        d = psi.ndim
        axes = [_Axis(a, b, n, refinement) for (a, b), n in zip(box, psi.shape[::-1], strict=True)]
        half = [0.5 * (axis.places[1] - axis.places[0]) for axis in axes]
        rise = np.full([axis.places.size for axis in axes[::-1]], _bending(half, box, p, separable))
        curvatures = {}
        for i, j in combinations_with_replacement(range(d), 2):
            orders = [(i, j).count(k) for k in range(d)]
            curvatures[i, j] = _evaluated(axes, psi, orders)
            least, most = _enclosed(axes, psi, orders)
            if i == j:
                rise -= 0.5 * half[i] ** 2 * least
            else:
                rise += half[i] * half[j] * np.maximum(most, -least)
        slopes = [_evaluated(axes, psi, [int(k == i) for k in range(d)]) for i in range(d)]
        values = _evaluated(axes, psi, [0] * d)
        places = [axis.places for axis in axes]
        return cls(places, values, slopes, curvatures, np.maximum(rise, 0.0))


class _Axis:
    """Interpolation along one axis: nodes at the centres and on both walls."""

    def __init__(self, lower: float, upper: float, cells: int, refinement: int) -> None:
        self.centres = lower + (upper - lower) * (np.arange(cells) + 0.5) / cells
        self.walls = np.array([lower, upper])
        self.places = np.linspace(lower, upper, refinement * cells + 1)
        degree = min(DEGREE, cells - 1)
        self.degree = degree - (1 - degree % 2)

    def spline(self, values: np.ndarray, axis: int, order: int) -> BSpline:
        """A derivative along an array axis, which comes first.

        Continued to the walls by the polynomials at the ends, then interpolated anew: the box lies
        within the knots, where every value is an average of a few coefficients.
        """
        lines = np.moveaxis(values, axis, 0)
        nodes, degree = self.walls, 1
        if self.degree < 1:
            lines = np.concatenate([lines, lines])
        else:
            inner = make_interp_spline(self.centres, lines, self.degree)
            ends = inner(self.walls)
            nodes = np.concatenate([self.walls[:1], self.centres, self.walls[1:]])
            lines, degree = np.concatenate([ends[:1], lines, ends[1:]]), self.degree
        spline = make_interp_spline(nodes, lines, degree)
        for _ in range(order):
            spline = spline.derivative() if spline.k else BSpline(spline.t, 0.0 * spline.c, 0)
        return spline


def _evaluated(axes: Sequence[_Axis], values: np.ndarray, orders: Sequence[int]) -> np.ndarray:
    """A mixed derivative on the nodes."""
    for a, axis, order in zip(axes, axes_first(values), orders, strict=True):
        values = np.moveaxis(a.spline(values, axis, order)(a.places), 0, axis)
    return values


def _enclosed(
    axes: Sequence[_Axis], values: np.ndarray, orders: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of a mixed derivative from each node halfway to the next ones and beyond: a spline is
    an average of the coefficients of the basis functions that reach there."""
    intervals = []
    for a, axis, order in zip(axes, axes_first(values), orders, strict=True):
        spline = a.spline(values, axis, order)
        count = len(spline.t) - spline.k - 1
        last = np.searchsorted(spline.t, a.places, "right") - 1
        intervals.append((np.clip(last, spline.k, count - 1) - spline.k // 2, spline.k // 2 + 2))
        values = np.moveaxis(spline.c[:count], 0, axis)
    most, least = values, -values
    for (middle, reach), axis in zip(intervals, axes_first(values), strict=True):
        most, least = (
            maximum_filter1d(v, 2 * reach + 1, axis=axis, mode="nearest").take(middle, axis)
            for v in (most, least)
        )
    return -least, most


def _bending(
    half: Sequence[float], box: Sequence[tuple[float, float]], p: float, separable: bool
) -> float:
    """max of |v + s|^p - |v|^p - s·grad |v|^p over |s_i| <= half_i and v, v + s within the box."""
    groups = [[i] for i in range(len(half))] if separable else [list(range(len(half)))]
    total = 0.0
    for group in groups:
        shift = sum(half[i] ** 2 for i in group) ** 0.5
        longest = sum((box[i][1] - box[i][0]) ** 2 for i in group) ** 0.5
        if p < 2.0:
            total += 2.0 ** (2.0 - p) * shift**p
        else:
            total += 0.5 * p * (p - 1.0) * longest ** (p - 2.0) * shift**2
    return total
