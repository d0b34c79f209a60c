"""The primal value of a potential: what it costs to move P by the map that the potential defines.

With S(y) = y - ½∇psi and R' = P(S) det DS the value W_2²(P, R') + epsilon D_f(R'‖Q)
lies above D by the square of the error of psi, if S, DS and log P(S) are evaluated more accurately
than psi itself: differences of eighth order, quintic splines.
Source: Baptista et al., Proximal optimal transport divergences, (2.4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import correlate1d, map_coordinates, spline_filter

from mfgprox.solvers.newton_level import Level, Potential

FIRST = np.array([3.0, -32.0, 168.0, -672.0, 0.0, 672.0, -168.0, 32.0, -3.0]) / 840.0
SECOND = np.array([-9.0, 128.0, -1008.0, 8064.0, -14350.0, 8064.0, -1008.0, 128.0, -9.0]) / 5040.0
MARGIN = 8
"""Cells by which log P is continued, so that the ends of the box do not show in its spline."""


@dataclass(frozen=True)
class Competitor:
    """W_2² and D_f(R'‖Q), with R' brought to mass one; mass: what it was before."""

    transport: float
    information: float
    mass: float


def competitor(level: Level, at: Potential, epsilon: float) -> Competitor:
    """The values of R' = P(S) det DS on the cells where `Level.linearise` found mass."""
    d, q = level.grid.dimension, level.quadratic
    gradient, hessian = _derivatives(level, at.chi)
    w = [
        (x - m).reshape([-1 if k == 2 - a else 1 for k in range(3)])
        for a, (x, m) in enumerate(
            zip((c.ravel() for c in level.grid.coordinates()), q.centre, strict=False)
        )
    ]
    # In place: this is where a solve takes most memory.
    for a in range(d):
        gradient[a] += q.g[a] + sum(q.H[a, b] * w[b] for b in range(d))
        gradient[a] *= -0.5
    for (a, b), D2 in hessian.items():
        D2 += q.H[a, b]
        D2 *= -0.5
        D2 += float(a == b)
    shift, det = gradient, _determinant(hessian, d)
    hessian.clear()
    log_R = _log_at(level, shift)
    log_R += np.log(det, out=np.full(level.shape, -np.inf), where=det > 0.0)
    if not level.gibbs.free:
        # Next to nothing, but R = 0 may cost more than nothing.
        log_R = np.where(np.isfinite(log_R), log_R, level.log_gibbs(at, epsilon))
    R = np.exp(log_R)
    mass = float(R.sum()) * level.volume
    length = sum(s * s for s in shift)
    transport = float((R * length).sum()) * level.volume / mass
    information = level.problem.divergence.between(R / mass, level.log_Q, level.volume)
    return Competitor(transport, information, mass)


def _derivatives(
    level: Level, chi: np.ndarray
) -> tuple[list[np.ndarray], dict[tuple[int, int], np.ndarray]]:
    """Gradient (axes x, y, z) and the upper triangle of the second derivatives."""
    d, h = level.grid.dimension, level.grid.spacing
    gradient = [correlate1d(chi, FIRST / h[a], 2 - a, mode="reflect") for a in range(d)]
    hessian = {}
    for a in range(d):
        hessian[a, a] = correlate1d(chi, SECOND / h[a] ** 2, 2 - a, mode="reflect")
        for b in range(a + 1, d):
            hessian[a, b] = correlate1d(gradient[a], FIRST / h[b], 2 - b, mode="reflect")
    return gradient, hessian


def _determinant(M: dict[tuple[int, int], np.ndarray], d: int) -> np.ndarray:
    if d == 1:
        return M[0, 0]
    minor = M[0, 0] * M[1, 1] - M[0, 1] ** 2
    if d == 2:
        return minor
    return (
        M[2, 2] * minor
        - M[0, 0] * M[1, 2] ** 2
        - M[1, 1] * M[0, 2] ** 2
        + 2.0 * M[0, 1] * M[0, 2] * M[1, 2]
    )


def _log_at(level: Level, shift: list[np.ndarray]) -> np.ndarray:
    """log P(y + shift) by a quintic spline; -inf beyond the box and where nothing was solved."""
    d, shape = level.grid.dimension, level.grid.shape
    wide = _continued(np.asarray(level.problem.log_P, float))
    coefficients = spline_filter(wide, 5, mode="mirror")
    places, inside = [], np.ones(shape, bool)
    for axis, n in enumerate(shape):
        a = d - 1 - axis
        index = np.arange(n).reshape([-1 if k == axis else 1 for k in range(d)])
        place = index + shift[a].reshape(shape) / level.grid.spacing[a]
        inside &= (place >= -0.5) & (place <= n - 0.5)
        places.append(place + MARGIN * (n > 1))
    inside &= np.isfinite(level.log_R.reshape(shape))
    out = np.full(shape, -np.inf)
    out[inside] = map_coordinates(
        coefficients, [np.broadcast_to(p, shape)[inside] for p in places], order=5, mode="mirror",
        prefilter=False,
    )  # fmt: skip
    return out.reshape(level.shape)


def _continued(values: np.ndarray) -> np.ndarray:
    """MARGIN more cells on each side of every axis, by the parabola through the three outermost."""
    t = np.arange(1, MARGIN + 1)
    for axis, n in enumerate(values.shape):
        if n == 1:
            continue
        lines = np.moveaxis(values, axis, 0)
        ends = []
        for part in (lines[:3], lines[::-1][:3]):
            a = part[0]
            b = part[min(1, n - 1)] - a
            c = part[2] - 2.0 * part[1] + a if n > 2 else np.zeros_like(a)
            s = -t.reshape(-1, *[1] * (lines.ndim - 1))
            ends.append(a + s * b + 0.5 * s * (s - 1) * c)
        values = np.moveaxis(np.concatenate([ends[0][::-1], lines, ends[1]]), 0, axis)
    return values
