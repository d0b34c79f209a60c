"""The semi-discrete problem of a density on a grid and a cloud of weighted points.

D = min_R { W_2²(P, R) + eps D_f(R‖Q) } with P constant in the cells of a grid and Q = Σ b_j δ(y_j):
R is Σ R_j δ(y_j). No grid is refined: the value is exact for this P and this Q.
Source: Baptista et al., Proximal optimal transport divergences, (2.4) and section 5.1; Houdard,
Leclaire, Papadakis, Rabin, J. Math. Imaging Vis. (2023), for the gradient in the points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mfgprox.divergence import Divergence, by_name
from mfgprox.grid import Grid
from mfgprox.solvers.semi_discrete.dual import Lattice, Point
from mfgprox.solvers.semi_discrete.ladder import climbed
from mfgprox.solvers.semi_discrete.sites import CLOUD_FINENESS, Sites, Source, cloud_sites

MOST_STEPS = 200


@dataclass(frozen=True, eq=False)
class CloudSolution:
    """A solved problem; arrays are in the order of the points.

    psi (N,): the dual potential, with the constant for which E_P[psi^c] is the value. masses (N,):
    ∫P over the cell of each point; R (N,): what psi asks for, Q (f*)'(-psi/eps - nu). value: the
    dual value, a lower bound of D; value + gap: the primal value of `masses`, an upper one.
    point_gradient (N, 2): dD/dy_j, x first; weight_gradient (N,): dD/db_j, of weights that sum to
    one, up to a constant. residual: ‖R - masses‖ in L1, the norm of the dual gradient.
    """

    psi: np.ndarray
    masses: np.ndarray
    R: np.ndarray
    value: float
    gap: float
    residual: float
    point_gradient: np.ndarray
    weight_gradient: np.ndarray
    steps: int
    converged: bool


def solve_cloud(
    grid: Grid,
    P: np.ndarray,
    points: np.ndarray,
    weights: np.ndarray,
    epsilon: float,
    *,
    f_divergence: str | Divergence = "kl",
    start: np.ndarray | None = None,
    tolerance: float = 1e-8,
    most_steps: int = MOST_STEPS,
) -> CloudSolution:
    """Solve to ‖R - masses‖ <= tolerance in L1.

    grid: of two axes; P (ny, nx) >= 0, normalised here; points (N, 2), x first, anywhere, moved by
    less than 2⁻²⁶ of the box that holds them and P; weights (N,) > 0, normalised here. Points that
    coincide share their mass in proportion to their weights. start: psi (N,) of a problem near by.
    most_steps: Newton steps at one epsilon; where they lead nowhere, others are solved on the way.
    Raises ValueError for other shapes or values, FloatingPointError if psi ceases to be finite.
    """
    lattice, group, centre = _lattice(grid, P, points, weights, epsilon, f_divergence)
    first = np.zeros(lattice.sites.count)
    if start is not None:
        first[group] = _checked("start", start, (len(points),))
    at, steps = climbed(lattice, first, tolerance, most_steps)
    return _solution(
        lattice, at, group, np.asarray(points, float) - centre, weights, steps, tolerance
    )


def _lattice(
    grid: Grid,
    P: np.ndarray,
    points: np.ndarray,
    weights: np.ndarray,
    epsilon: float,
    f_divergence: str | Divergence,
) -> tuple[Lattice, np.ndarray, np.ndarray]:
    """The problem with coinciding points joined, the site of each point, the middle of the box."""
    if grid.dimension != 2:
        raise ValueError(f"a cloud needs a grid of two axes; got {grid.dimension}")
    if not (math.isfinite(epsilon) and epsilon > 0.0):
        raise ValueError(f"epsilon must be a finite number above 0; got {epsilon}")
    P = _checked("P", P, grid.shape)
    points = _checked("points", points, (len(points), 2))
    weights = _checked("weights", weights, (len(points),))
    if P.min() < 0.0 or not P.sum() > 0.0:
        raise ValueError("P must be >= 0 and have mass")
    if len(points) == 0 or weights.min() <= 0.0:
        raise ValueError("there must be points, with weights above 0")
    f = by_name(f_divergence) if isinstance(f_divergence, str) else f_divergence
    if math.isfinite(f.recession):
        raise ValueError(f"f must keep R on the points: f'(∞) = ∞; got {f.name}")
    centre = 0.5 * (np.array(grid.lower) + np.array(grid.upper))
    source = Source(
        (grid.lower[0] - centre[0], grid.lower[1] - centre[1]),
        (grid.spacing[0], grid.spacing[1]),
        P / (P.sum() * grid.cell_volume),
    )
    places = points - centre
    step = _extent(source, places) / CLOUD_FINENESS
    _, which, group = np.unique(
        np.rint(places / step).astype(np.int64), axis=0, return_index=True, return_inverse=True
    )
    group = group.reshape(-1)
    b = np.bincount(group, weights)
    sites: Sites = cloud_sites(source, places[which], np.log(b))
    return Lattice(source, sites, float(epsilon), f), group, centre


def _extent(source: Source, places: np.ndarray) -> float:
    low = np.minimum(places.min(axis=0), source.lower)
    high = np.maximum(places.max(axis=0), source.upper)
    return float((high - low).max())


def _checked(name: str, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    values = np.asarray(values, float)
    if values.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}; got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite")
    return values


def _solution(
    lattice: Lattice,
    at: Point,
    group: np.ndarray,
    places: np.ndarray,
    weights: np.ndarray,
    steps: int,
    tolerance: float,
) -> CloudSolution:
    weights = np.asarray(weights, float)
    weights = weights / weights.sum()
    share = weights / np.bincount(group, weights)[group]
    r, R = at.r[group] * share, at.R[group] * share
    moment = at.diagram.moment[:, group] * share
    t = R / weights
    gradient = 2.0 * (r[:, None] * places - moment.T)
    # The sites are the points rounded; the value is that of the points, to second order.
    sites = np.stack([lattice.sites.x, lattice.sites.y], axis=1)[group]
    moved = float((gradient * (places - sites)).sum())
    f = lattice.divergence
    # d/db of b f(R/b) at fixed R.
    slope = np.where(t > 0.0, f.f(t) - t * f.derivative(np.where(t > 0.0, t, 1.0)), f.f(0.0 * t))
    return CloudSolution(
        psi=(at.psi + at.conjugate)[group],
        masses=r,
        R=R,
        value=at.dual + moved,
        gap=at.gap,
        residual=at.residual,
        point_gradient=gradient,
        weight_gradient=lattice.epsilon * slope,
        steps=steps,
        converged=at.residual <= tolerance,
    )
