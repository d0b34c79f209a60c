"""What a potential alone proves: the dual value of the lattice, and a lower bound of D.

Source: Baptista et al., Proximal optimal transport divergences, Theorem 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.optimize import minimize_scalar

from mfgprox.audit.lattice import Lattice
from mfgprox.audit.spline import FineLattice
from mfgprox.audit.transform import (
    axes_first,
    minimum_over_finer_lattice,
    minimum_over_lattice,
)

REFINEMENT = {1: 32, 2: 8, 3: 4}
NODES = 1 << 23
"""Nodes of the finer lattice at most."""


@dataclass(frozen=True)
class Static:
    """lattice_dual: of the problem between atoms at the centres, exact.

    lower: the sums over centres of the c-transform over the whole box, the minimum to second order;
    proven_minimum: the same where the minimum is proven to lie no lower; sums: estimated error of
    these sums; within_cells: what it is worth if P is constant in each cell instead of smooth.
    """

    lattice_dual: float
    lower: float
    proven_minimum: float
    sums: float
    within_cells: float


def evaluate(lattice: Lattice, psi: np.ndarray, everywhere: bool = False) -> Static:
    """psi: (…, z, y, x); where Q = 0, unless it counts everywhere, or where psi is not finite, the
    largest harmless values."""
    *values, full = transforms(lattice, psi, everywhere)
    within_cells = abs(lattice.mean(_second_differences(values[1]))) / 24.0
    return summed(lattice, values, full, within_cells)


def summed(
    lattice: Lattice,
    values: Sequence[np.ndarray],
    psi: np.ndarray,
    within_cells: float,
    axes: tuple[int, ...] | None = None,
) -> Static:
    """What psi proves: the mean of each psi^c, less the second term of Theorem 3.1.

    values: psi^c over the centres, over the box to second order, and proven not to be lower; psi:
    with values everywhere, or -inf; axes: as for `errors_of`.
    """
    exact, estimated, proven = values
    term = lattice.divergence.dual_term(psi, lattice.Q, lattice.epsilon, lattice.volume)
    lower = lattice.mean(estimated) - term
    return Static(
        lattice.mean(exact) - term,
        lower,
        lattice.mean(proven) - term,
        errors_of(lattice, estimated, psi, axes) + 1e-13 * (abs(lower) + abs(term)),
        within_cells,
    )


def transforms(
    lattice: Lattice, psi: np.ndarray, everywhere: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """psi^c at the centres: over the centres; over the whole box to second order; proven there not
    to be lower. And psi with values everywhere."""
    transform, full = _completed(lattice, psi, everywhere)
    estimated, proven = _whole_box(lattice, full)
    return transform, estimated, proven, full


def errors_of(
    lattice: Lattice, transform: np.ndarray, psi: np.ndarray, axes: tuple[int, ...] | None = None
) -> float:
    """How the values of every third cell differ along some array axes, or all: the estimated error
    of the sums."""
    errors = 0.0
    for parts in lattice.thirds(axes):
        values = [lattice.mean(transform, p) - _term(lattice, psi, p) for p in parts]
        # Even at a kink of psi^c a third of the nodes makes nine times the error.
        errors = max(errors, (max(values) - min(values)) / 3.0)
    return errors


def _term(lattice: Lattice, psi: np.ndarray, part: tuple[slice, ...]) -> float:
    Q = lattice.Q[part]
    return lattice.divergence.dual_term(psi[part], Q / Q.sum(), lattice.epsilon, 1.0)


def _completed(
    lattice: Lattice, psi: np.ndarray, everywhere: bool
) -> tuple[np.ndarray, np.ndarray]:
    """psi^c over the centres, and psi with values everywhere that leave it as it is.

    Where psi is not given it is its c-concave envelope, less the squared distance to where it is:
    a spline would otherwise attract what starts between the centres.
    """
    known = np.isfinite(psi) & (everywhere | (lattice.Q > 0.0))
    if not known.any():
        raise ValueError("psi is not finite anywhere in the support of Q")
    centres, cost = lattice.centres, (lattice.p, lattice.separable)
    partial = np.where(known, psi, -np.inf)
    transform, _ = minimum_over_lattice(partial, centres, centres, *cost)
    if known.all():
        return transform, psi
    level = -math.inf
    without_Q = ~(known | (lattice.Q > 0.0))
    if math.isfinite(lattice.divergence.recession) and without_Q.any():
        way, _ = minimum_over_lattice(np.where(without_Q, 0.0, -np.inf), centres, centres, *cost)
        level = _level(lattice, partial, transform, way)
        transform = np.minimum(transform, way - level)
    held = np.where(lattice.P > 0.0, transform, -np.inf)
    envelope, _ = minimum_over_lattice(held, centres, centres, *cost)
    distance = distance_transform_edt(~known, sampling=lattice.spacing[::-1])
    envelope = envelope - (distance**2 if lattice.p >= 2.0 else distance**lattice.p)
    envelope = np.where(without_Q, np.maximum(envelope, level), envelope)
    return transform, np.where(known, psi, envelope)


def _level(lattice: Lattice, partial: np.ndarray, transform: np.ndarray, way: np.ndarray) -> float:
    """The best of one value of psi for all cells without Q, where f'(∞) is finite.

    partial: psi, -inf where it is not known; transform: its psi^c; way: the cost of reaching a cell
    without Q. The dual value is concave in that value; lower ones push nu up.
    """
    known = np.isfinite(partial)
    least = float(partial[known].min())
    divergence, scale = lattice.divergence, max(1.0, abs(least))
    low = min(
        float((way - transform)[lattice.P > 0.0].min()),
        least - lattice.epsilon * (divergence.recession - divergence.slope),
    )

    def loss(level: float) -> float:
        full = np.where(known, partial, np.where(lattice.Q > 0.0, least, level))
        term = divergence.dual_term(full, lattice.Q, lattice.epsilon, lattice.volume)
        return term - lattice.mean(np.minimum(transform, way - level))

    found = minimize_scalar(
        loss, bounds=(low, least), method="bounded", options={"xatol": 1e-9 * scale}
    )
    return float(found.x)


def _whole_box(lattice: Lattice, psi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """psi^c at the centres over the whole box: to second order, and proven not to be lower.

    The minimum y* lies within half a node spacing of a node; going there raises |x - y|^p - psi(y)
    by `rise` at most, since its slope vanishes at y* along every direction that the box leaves.
    """
    d, p, separable = psi.ndim, lattice.p, lattice.separable
    refinement = REFINEMENT[d]
    while refinement > 2 and psi.size * refinement**d > NODES:
        refinement -= 2
    fine = FineLattice.of(psi, lattice.box, refinement, p, separable)
    if p == 2.0 or separable or d == 1:

        def minimum(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return minimum_over_lattice(values, fine.places, lattice.centres, p, separable)

    else:
        coarse = FineLattice.of(psi, lattice.box, 1, p, separable)
        # `fine.rise` is added to some nodes, and the largest of it covers all.
        rise = coarse.rise + float(fine.rise.max())

        def minimum(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return minimum_over_finer_lattice(
                values, fine.places, coarse.psi, rise, lattice.centres, p
            )

    proven, _ = minimum(fine.psi + fine.rise)
    values, argmin = minimum(fine.psi)
    return values - _newton_gain(lattice, fine, argmin), proven


def _newton_gain(lattice: Lattice, fine: FineLattice, argmin: np.ndarray) -> np.ndarray:
    """By how much the minimum lies below that over the nodes, to second order; 0 where the second
    derivatives do not say so, and for steps of more than a node."""
    d = argmin.ndim
    at = np.unravel_index(argmin, fine.psi.shape)
    axes = axes_first(fine.psi)
    v = np.zeros((*argmin.shape, d))
    slope, curvature = np.zeros(v.shape), np.zeros((*v.shape, d))
    free = np.ones(v.shape, bool)
    for i, axis in enumerate(axes):
        x = lattice.centres[i].reshape([-1 if a == axis else 1 for a in range(d)])
        v[..., i] = fine.places[i][at[axis]] - x
        free[..., i] = (at[axis] > 0) & (at[axis] < fine.psi.shape[axis] - 1)
    _cost_derivatives(v, lattice.p, lattice.separable, slope, curvature)
    for i in range(d):
        slope[..., i] -= fine.slopes[i][at]
        for j in range(d):
            curvature[..., i, j] -= fine.curvatures[min(i, j), max(i, j)][at]
    slope = np.where(free, slope, 0.0)
    both = free[..., :, None] & free[..., None, :]
    curvature = np.where(both, curvature, np.eye(d))
    lowest = np.linalg.eigvalsh(curvature)[..., 0]
    sound = np.isfinite(lowest) & (lowest > 0.0)
    curvature = np.where(sound[..., None, None], curvature, np.eye(d))
    step = np.linalg.solve(curvature, slope[..., None])[..., 0]
    spacing = np.array([c[1] - c[0] for c in fine.places])
    sound &= (np.abs(step) <= spacing).all(axis=-1)
    return np.where(sound, 0.5 * (slope * step).sum(axis=-1), 0.0)


def _cost_derivatives(
    v: np.ndarray, p: float, separable: bool, slope: np.ndarray, curvature: np.ndarray
) -> None:
    """Gradient and second derivatives of |v|^p, added; infinite curvature at 0 for p < 2."""
    d = v.shape[-1]
    length = np.abs(v) if separable else np.sqrt((v**2).sum(axis=-1, keepdims=True)) + 0.0 * v
    with np.errstate(divide="ignore", invalid="ignore"):
        size = length ** (p - 2.0) if p != 2.0 else np.ones(v.shape)
        unit = np.where(length > 0.0, v / np.where(length > 0.0, length, 1.0), 0.0)
        slope += np.where(length > 0.0, p * size * v, 0.0)
        for i in range(d):
            for j in range(d):
                along = unit[..., i] * unit[..., j] if not separable or i == j else 0.0
                curvature[..., i, j] += p * size[..., i] * (float(i == j) + (p - 2.0) * along)


def _second_differences(values: np.ndarray) -> np.ndarray:
    """Sum over the axes of the second differences, 0 at the ends."""
    total = np.zeros(values.shape)
    for axis in range(values.ndim):
        if values.shape[axis] > 2:
            inner = tuple(slice(1, -1) if a == axis else slice(None) for a in range(values.ndim))
            total[inner] += np.diff(values, 2, axis=axis)
    return total
