"""Both bounds from one pass over the cells, where the optimal map is smooth and p = 2.

The lower one is the dual value of a quintic spline. The upper one moves P by the map T of that
spline, T(x) = argmin_y |x - y|² - psi(y): T is one to one wherever the second derivatives say so,
since its inverse is explicit, and R = T_#P is known in closed form at the images of the centres.
Source: Baptista et al., Proximal optimal transport divergences, (2.4), (2.23), Theorem 3.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mfgprox.enclosure import Refinable
from mfgprox.kernels.conjugate import conjugate
from mfgprox.kernels.image import log_densities
from mfgprox.kernels.spline_fit import spline_coefficients
from mfgprox.kernels.threads import over
from mfgprox.problem import Problem
from mfgprox.quadrature import cut_off_worth, mean_sixth_differences, on_parts, spread_of_thirds
from mfgprox.transform import c_transform, lines_at

NEGLIGIBLE = 1e-14
"""Share of the largest P below which a cell is left out of the sums."""
HEAVY = 1e-9
"""Share of the largest P from which neighbouring cells tell whether the map is torn."""
VALUE, CURVATURE = 1e-4, 1.4e-3
"""Of a quintic spline, in sixth differences of the data: largest error of a value, mean error over
a cell included, and of a second derivative times the squared spacing (Euler polynomials)."""
ROUNDING = 1e-14
FOLDED, MOST_FOLDED = 1e-6, 0.01
"""Mass at walls or where the map folds from which it counts as torn, and as no map at all."""
SETTLED = 1e-3
"""Cells between x and S(T(x)) from which T(x) was not found."""
CHUNK = 1 << 20
"""Nodes whose places are held at once."""


def smooth_bounds(problem: Problem, U_1: np.ndarray, parts: int = 1) -> Refinable | None:
    """Both bounds from a terminal potential, grid.shape; sums over cells divided `parts` times.

    None where the method does not apply: p is not 2, P or Q has zeros or edges, U_1 is not finite,
    the map folds where there is mass.
    Where the map is torn the lower value is -inf: only `rough_bounds` looks for other minima. The
    upper one stands: S(T(x)) = x makes T one to one, on whichever side of a tear x is sent.
    """
    if problem.p != 2.0 or not problem.smooth or not np.isfinite(U_1).all():
        return None
    sums = _Sums.of(problem, -np.ascontiguousarray(U_1, float), parts)
    images = _images(sums)
    folded = float(images.weight[images.stays].sum())
    return _enclosed(sums, images) if folded <= MOST_FOLDED else None


@dataclass(frozen=True, eq=False)
class _Sums:
    """What is summed over, all on the divided cells but psi: P (mass one), log_P, log_Q, volume of
    a part; psi and its spline."""

    problem: Problem
    parts: int
    psi: np.ndarray
    coefficients: np.ndarray
    log_P: np.ndarray
    log_Q: np.ndarray
    volume: float

    @classmethod
    def of(cls, problem: Problem, psi: np.ndarray, parts: int) -> _Sums:
        log_P, log_Q = (
            on_parts(density, sampled.log_values, problem, parts)
            for density, sampled in zip(problem.densities, problem.samples, strict=True)
        )
        volume = problem.grid.cell_volume * problem.P.size / log_P.size
        coefficients = spline_coefficients(psi.reshape(problem.grid.kernel_shape))
        return cls(problem, parts, psi, coefficients, log_P, log_Q, volume)

    @cached_property
    def P(self) -> np.ndarray:
        return self.problem.P if self.parts == 1 else np.exp(self.log_P)

    @cached_property
    def U(self) -> np.ndarray:
        """-psi on the divided cells."""
        if self.parts == 1:
            return -self.psi
        shape = self.problem.grid.kernel_shape
        divided = tuple(n * self.parts if n > 1 else 1 for n in shape)
        return -lines_at(self.coefficients, shape, divided).reshape(self.log_P.shape)

    @property
    def sub(self) -> np.ndarray:
        """Parts per axis, order x, y, z."""
        return np.array([self.parts if n > 1 else 1 for n in self.problem.grid.kernel_shape[::-1]])


@dataclass(frozen=True, eq=False)
class _Images:
    """At the cells `nodes` (flat indices), (nodes,): psi^c, |x - T(x)|², the logarithms of det DS
    and of Q at T(x), the trace of DT; weight: their shares of the mass. torn: whether images of
    neighbours are so far apart that a minimum near another place may be the lower one."""

    torn: bool
    nodes: np.ndarray
    weight: np.ndarray
    transform: np.ndarray
    moved: np.ndarray
    log_det: np.ndarray
    log_Q: np.ndarray
    stretch: np.ndarray

    @property
    def stays(self) -> np.ndarray:
        """Where the map has no density: at walls, where it is not monotone or was not found."""
        return np.isneginf(self.log_det)


def _images(sums: _Sums) -> _Images:
    grid, P, sub = sums.problem.grid, sums.P.ravel(), sums.sub
    shape, h = grid.kernel_shape, np.array(grid.kernel_spacing[::-1])
    n, ones = np.array(shape[::-1]), np.ones(3)
    log_Q = spline_coefficients(np.asarray(sums.problem.log_Q, float).reshape(shape))
    _, start = c_transform(sums.psi.reshape(shape), sums.problem.cost, grid.kernel_spacing)
    nodes = np.flatnonzero(NEGLIGIBLE * P.max() < P)
    found = np.empty((5, nodes.size))
    box = np.array([ones, h, ones])
    for first in range(0, nodes.size, CHUNK):
        part = nodes[first : first + CHUNK]
        places, source = np.empty((2, part.size, 3))
        transform, moved, log_det, log_Q_there, stretch = found[:, first : first + CHUNK]
        over(
            conjugate, part.size, 20 * part.size, part, sub, start, sums.coefficients, box,
            np.zeros((3, 3)), np.zeros(3), 0.0, 1.0, transform, places,
        )  # fmt: skip
        over(
            log_densities, part.size, 20 * part.size, places, sums.coefficients, log_Q, h, n,
            source, log_det, log_Q_there, stretch,
        )  # fmt: skip
        moved[:] = 0.0
        for a, index in enumerate(np.unravel_index(part, (n * sub)[::-1])[::-1]):
            x = (index + 0.5) / sub[a] - 0.5
            moved += (h[a] * (places[:, a] - x)) ** 2
            log_det[np.abs(source[:, a] - x) > SETTLED] = -np.inf
    weight = P[nodes]
    log_det, stretch = found[2], found[4]
    jump = _largest_jump(start, sums.problem.P.reshape(shape), h)
    heavy = weight > HEAVY * P.max()
    weight = weight / weight.sum()
    torn = jump > 2.0 + 2.0 * float(stretch[heavy].max(initial=1.0))
    torn = torn or float(weight[np.isneginf(log_det)].sum()) > FOLDED
    return _Images(bool(torn), nodes, weight, *found)


def _largest_jump(argmin: np.ndarray, P: np.ndarray, h: np.ndarray) -> float:
    """Between the lattice images of neighbouring cells that carry mass, per distance of these."""
    heavy = HEAVY * P.max() < P
    largest = 0.0
    for b, image in enumerate(np.unravel_index(argmin, argmin.shape)[::-1]):
        for axis in range(3):
            if argmin.shape[axis] > 1:
                both = np.delete(heavy, 0, axis) & np.delete(heavy, -1, axis)
                jump = np.abs(np.diff(image, axis=axis))[both].max(initial=0)
                largest = max(largest, float(jump) * h[b] / h[2 - axis])
    return largest


def _enclosed(sums: _Sums, images: _Images) -> Refinable:
    problem, weight = sums.problem, images.weight
    grid, epsilon = problem.grid, problem.epsilon
    R, gibbs = problem.divergence.gibbs(sums.U, sums.log_Q, epsilon, sums.volume)
    transported = float((weight * images.transform).sum())
    price = _price(sums, images)
    upper = float((weight * price).sum())
    # What an integrand may do between the nodes, and what the splines do between theirs.
    own_R = R
    if sums.parts > 1:
        own_R, _ = problem.divergence.gibbs(-sums.psi, problem.log_Q, epsilon, grid.cell_volume)
    bend = mean_sixth_differences(sums.psi, own_R)
    bend_of_Q = mean_sixth_differences(problem.log_Q, own_R)
    curvature = sum(b / h**2 for b, h in zip(bend, grid.spacing[::-1], strict=True))
    stretch = float((weight * images.stretch).sum())
    splines = (
        VALUE * sum(bend),
        epsilon * (CURVATURE * 0.5 * stretch * curvature + VALUE * sum(bend_of_Q)),
    )
    noise = _noise(sums, images, abs(transported) + abs(gibbs) + abs(upper))
    spread = (
        _spread(sums, images, images.transform)
        + epsilon * spread_of_thirds(_legendre(sums, R), np.exp(sums.log_Q))
        + float(weight[images.stays].sum()) * sum(h * h for h in grid.spacing),
        _spread(sums, images, price),
    )
    return Refinable(
        (-math.inf if images.torn else transported - gibbs, upper),
        (spread[0] + noise, spread[1] + noise),
        splines,
        cut_off_worth(problem, weight, images.transform, own_R),
    )


def _noise(sums: _Sums, images: _Images, size: float) -> float:
    """Rounding, and the mass of the cells that were left out."""
    left_out = max(1.0 - float(sums.P.ravel()[images.nodes].sum()) * sums.volume, 0.0)
    logarithms = np.abs(sums.log_P.ravel()[images.nodes]) + np.abs(images.log_Q)
    rounding = size + sums.problem.epsilon * float((images.weight * logarithms).sum())
    return left_out * sums.problem.grid.diameter**2 + ROUNDING * rounding


def _price(sums: _Sums, images: _Images) -> np.ndarray:
    """What each node adds to the value of R = T_#P, per mass.

    The little mass without a density of its image stays where it is: with its share δ,
    D_f((1-δ) A + δ B‖Q) <= (1-δ) D_f(A‖Q) + δ D_f(B‖Q).
    """
    log_P, stays = sums.log_P.ravel()[images.nodes], images.stays
    share = float(images.weight[stays].sum())
    log_r = log_P + images.log_det - images.log_Q - math.log1p(-share)
    moved = images.moved
    if share > 0.0:
        log_Q = sums.log_Q.ravel()[images.nodes]
        log_r[stays] = (log_P - log_Q)[stays] - math.log(share)
        moved = np.where(stays, 0.0, moved)
    return moved + sums.problem.epsilon * _f_per_mass(sums.problem, log_r)


def _f_per_mass(problem: Problem, log_r: np.ndarray) -> np.ndarray:
    """f(r)/r: what mass costs where it has r times the density of Q."""
    if problem.divergence.name == "kl":
        return log_r
    r = np.exp(np.clip(log_r, -600.0, 600.0))
    return problem.divergence.f(r) / r


def _legendre(sums: _Sums, R: np.ndarray) -> np.ndarray:
    """Q f*(f'(R/Q)), up to a multiple of Q: what the Gibbs term sums."""
    divergence = sums.problem.divergence
    if divergence.name == "kl":
        return R
    with np.errstate(divide="ignore"):
        r = np.exp(np.clip(np.log(R) - sums.log_Q, -600.0, 600.0))
    return np.exp(sums.log_Q) * (r * divergence.derivative(r) - divergence.f(r))


def _spread(sums: _Sums, images: _Images, values: np.ndarray) -> float:
    dense = np.zeros((2, sums.log_P.size))
    dense[0, images.nodes], dense[1, images.nodes] = images.weight * values, images.weight
    return spread_of_thirds(*dense.reshape(2, *sums.log_P.shape))
