"""Slopes of potentials that may have kinks, and where the map that they give tears."""

from __future__ import annotations

import numpy as np

from mfgprox.solution import Solution


def one_sided_slope(U: np.ndarray, axis: int, width: float) -> np.ndarray:
    """Second-order differences along x (0), y or z, on the side on which U bends least.

    U: ([z,] [y,] x) on cells of this width. A potential has kinks where the map tears; a
    difference across one would point between two targets. nan where a neighbour is not finite.
    """
    u = np.moveaxis(U, U.ndim - 1 - axis, -1)
    if u.shape[-1] < 3:
        return np.zeros(U.shape)
    padded = np.concatenate([2 * u[..., :1] - u[..., 1:2], u, 2 * u[..., -1:] - u[..., -2:-1]], -1)
    left, right = padded[..., 1:-1] - padded[..., :-2], padded[..., 2:] - padded[..., 1:-1]
    bend = right - left
    before = np.concatenate([bend[..., :1], bend[..., :-1]], -1)
    after = np.concatenate([bend[..., 1:], bend[..., -1:]], -1)
    # The centre is preferred, so that round-off does not choose.
    bends = np.nan_to_num([0.5 * np.abs(bend), np.abs(before), np.abs(after)], nan=np.inf)
    ways = [0.5 * (left + right), left + 0.5 * before, right - 0.5 * after]
    slope = np.choose(np.argmin(bends, axis=0), ways)
    return np.moveaxis(slope / width, -1, U.ndim - 1 - axis)


def velocities(solution: Solution, k: int = 0) -> list[np.ndarray]:
    """Components along x, y, z of the velocity that U drives at level k, each of grid.shape.

    A prox moves mass with v = -H'(∇U_t), a flow with -∇U_t. nan where U is not known.
    Source: Baptista et al., Proximal optimal transport divergences, (2.25).
    """
    grid = solution.problem.grid
    U = np.where(np.isfinite(solution.U[k]), solution.U[k], np.nan)
    slopes = [one_sided_slope(U, axis, grid.spacing[axis]) for axis in range(grid.dimension)]
    split = solution.problem.split
    if split is not None:
        slopes = [s if i in split.moving else np.zeros_like(s) for i, s in enumerate(slopes)]
    return [-s for s in slopes] if solution.flow else solution.problem.cost.velocity(slopes)


def widest_tear(solution: Solution, share: float = 0.02) -> float:
    """How far apart neighbouring cells of P end at most, as a length; 0 where there are none.

    Only cells with at least this share of the largest density of P count.
    """
    grid, P = solution.problem.grid, solution.problem.P
    inside = share * P.max() <= P
    widest = 0.0
    moved = velocities(solution)
    for axis in range(P.ndim):
        both = np.take(inside, range(1, P.shape[axis]), axis) & np.take(
            inside, range(P.shape[axis] - 1), axis
        )
        apart = [np.diff(v, axis=axis) for v in moved]
        apart[P.ndim - 1 - axis] = apart[P.ndim - 1 - axis] + grid.spacing[P.ndim - 1 - axis]
        distance = np.sqrt(sum(np.square(a) for a in apart))
        found = distance[both & np.isfinite(distance)]
        widest = max(widest, float(found.max(initial=0.0)))
    return widest
