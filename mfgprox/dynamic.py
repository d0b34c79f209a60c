"""The dynamic pair of a static optimum: (rho_t, m_t) by moving particles, U_t by Hopf–Lax.

Each particle goes straight from x to T(x), the minimiser of |x - y|^p + U_1(y):
    U_t(z) = min_y |z - y|^p / (1-t)^(p-1) + U_1(y),   rho_t = ((1-t) id + t T)_# P.
Source: Baptista et al., Proximal optimal transport divergences, (2.23)-(2.25).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.linalg import solve_banded
from scipy.ndimage import minimum_filter
from scipy.sparse import csr_array

from mfgprox.kernels.conjugate import conjugate
from mfgprox.kernels.deposition import deposit
from mfgprox.kernels.spline_fit import spline_coefficients
from mfgprox.kernels.threads import over
from mfgprox.problem import Problem
from mfgprox.transform import SplinePotential, c_transform

PARTICLES = (32, 2, 2)
"""Particles per cell along each axis in one, two and three dimensions, where the mass is."""
WIDEST = 64.0
"""Largest width of a particle at t = 1, in cells."""
REACH = 2
"""Cells to which the smeared particles of one cell reach, interpolation included."""
TAIL = 1e-9
"""Cells with less than this share of the largest P do not tell whether the map is torn."""
NOTHING = 1e-16
"""Masses, of cells or through faces, below this share of the largest cell's are rounding: they do
not move. At the front of the mass they would pass cells that no particle rests in."""
TEAR = 8
"""Cells between the images of neighbouring cells from which a map counts as torn."""


@dataclass(frozen=True, eq=False)
class DynamicPair:
    """rho, U: (time_steps + 1, [z,] [y,] x); momentum: one array per axis in the order x, y, z, on
    faces, (time_steps, *shape) with one more entry along its own axis, constant within a step.

    rho >= 0, rho[0] = P, and (rho, momentum) meet the discrete continuity equation to rounding.
    """

    rho: np.ndarray
    momentum: tuple[np.ndarray, ...]
    U: np.ndarray


def dynamic_pair(problem: Problem, U_1: np.ndarray, R: np.ndarray) -> DynamicPair:
    """The pair on the written time levels from the terminal potential, (…, z, y, x).

    R: the minimiser, grid.shape; U_1 counts only where R can have mass (Q > 0), elsewhere it is
    replaced by its largest continuation. Raises ValueError where U_1 is finite nowhere.
    """
    grid = problem.grid
    psi = -np.asarray(U_1, float).reshape(grid.kernel_shape)
    allowed = np.isfinite(psi) & np.isfinite(np.reshape(problem.log_Q, grid.kernel_shape))
    if not allowed.any():
        raise ValueError("U_1 must be finite somewhere in the support of Q")
    potential = _Potential(problem, np.where(allowed, psi, -np.inf))
    rho, momentum = _move(problem, potential)
    return DynamicPair(rho, momentum, potential.hopf_lax())


class _Potential:
    """psi = -U_1 (nz, ny, nx), -inf where excluded, and its transforms."""

    def __init__(self, problem: Problem, psi: np.ndarray) -> None:
        self.problem, self.psi = problem, psi
        self.cost, self.grid = problem.cost, problem.grid
        self.spacing = self.grid.kernel_spacing
        self.complete = bool(np.isfinite(psi).all())
        _, self.lattice = c_transform(psi, self.cost, self.spacing)
        if self.complete:
            self.coefficients = spline_coefficients(psi)
        self.quadratic = self.complete and self.cost.p == 2.0 and not self._torn()

    def _torn(self) -> bool:
        """Whether neighbouring cells with mass have lattice images far apart."""
        P = self.problem.P.reshape(self.psi.shape)
        heavy = TAIL * P.max() < P
        for image in np.unravel_index(self.lattice, self.psi.shape):
            for axis in range(3):
                jump = np.abs(np.diff(image, axis=axis))
                both = heavy.take(range(1, heavy.shape[axis]), axis)
                both = both & heavy.take(range(heavy.shape[axis] - 1), axis)
                if np.any(jump[both] > TEAR):
                    return True
        return False

    def transform(
        self, scale: float, parts: int = 1, nodes: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """min_y |x - y|^p - scale psi(y) and its y, (many, 3) in cells, order x, y, z.

        x: centres of cells in `parts` per axis, those with the flat indices `nodes` or all.
        """
        sub = np.array([parts if n > 1 else 1 for n in self.psi.shape])
        if nodes is None:
            nodes = np.arange(self.psi.size * int(sub.prod()))
        if not self.complete:
            return self._on_lattice(scale, sub, nodes)
        if not self.quadratic:
            values, places = SplinePotential(scale * self.psi, self.cost, self.spacing).c_transform(
                parts, nodes
            )
            return values, places[:, ::-1]
        lattice = self.lattice
        if scale != 1.0:
            _, lattice = c_transform(scale * self.psi, self.cost, self.spacing)
        values, places = np.empty(nodes.size), np.empty((nodes.size, 3))
        box = np.ones((3, 3))
        box[1] = self.spacing[::-1]
        over(
            conjugate, nodes.size, 20 * nodes.size, nodes, sub[::-1].copy(), lattice,
            self.coefficients, box, np.zeros((3, 3)), np.zeros(3), 0.0, scale, values, places,
        )  # fmt: skip
        return values, places

    def _on_lattice(
        self, scale: float, sub: np.ndarray, nodes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        values, lattice = c_transform(scale * self.psi, self.cost, self.spacing)
        fine = np.unravel_index(nodes, np.array(self.psi.shape) * sub)
        cell = tuple(i // s for i, s in zip(fine, sub, strict=True))
        y = np.unravel_index(lattice[cell], self.psi.shape)
        return values[cell], np.stack(y[::-1], axis=1).astype(float)

    def hopf_lax(self) -> np.ndarray:
        """U at the time levels, (time_steps + 1, …, z, y, x)."""
        grid = self.grid
        U = np.empty((grid.time_steps + 1, *grid.shape))
        for k, t in enumerate(grid.times[:-1]):
            scale = (1.0 - t) ** (self.cost.p - 1.0)
            U[k] = (self.transform(scale)[0] / scale).reshape(grid.shape)
        U[-1] = self._terminal().reshape(grid.shape)
        return U

    def _terminal(self) -> np.ndarray:
        """U_1, with the largest continuation that the optimum allows where it is excluded."""
        if self.complete:
            return -self.psi
        forward, _ = c_transform(self.psi, self.cost, self.spacing)
        backward, _ = c_transform(forward, self.cost, self.spacing)
        return -np.where(np.isfinite(self.psi), self.psi, backward)


def _move(problem: Problem, potential: _Potential) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    grid, steps = problem.grid, problem.grid.time_steps
    cloud = _particles(problem, potential)
    density = np.zeros((steps + 1, *grid.shape))
    density[0] = problem.P * grid.cell_volume
    flux = []
    for axis in range(3):
        shape = list(grid.shape)
        if axis < grid.dimension:
            shape[grid.dimension - 1 - axis] += 1
        flux.append(np.zeros((steps, *shape) if axis < grid.dimension else (steps, 1)))
    over(
        deposit, steps, 50 * cloud.mass.size * steps, cloud.mass, cloud.source, cloud.target,
        cloud.widths, np.array(grid.kernel_shape[::-1]), float(cloud.widths.max(initial=0.0)),
        *(a.reshape(len(a), -1) for a in (density[1:], *flux)),
    )  # fmt: skip
    density[1:] += np.where(_moves(problem.P), 0.0, density[0])
    for through in flux:
        through[np.abs(through) < NOTHING * density[0].max()] = 0.0
    momentum = tuple(
        flux[axis] * (grid.spacing[axis] / (grid.dt * grid.cell_volume))
        for axis in range(grid.dimension)
    )
    return density / grid.cell_volume, momentum


@dataclass(frozen=True, eq=False)
class _Cloud:
    """mass (m,); source, target (m, 3): places at t = 0 and 1; widths (m, 6) then and then.

    In cells, order x, y, z. At t = 0 they add up to P exactly.
    """

    mass: np.ndarray
    source: np.ndarray
    target: np.ndarray
    widths: np.ndarray


def _particles(problem: Problem, potential: _Potential) -> _Cloud:
    """Boxes that fill the cells, and points for what these leave over."""
    grid = problem.grid
    P = problem.P.reshape(grid.kernel_shape) * grid.cell_volume
    P = np.where(_moves(P), P, 0.0)
    parts = PARTICLES[grid.dimension - 1]
    fine, points = _divided(P, parts)
    clouds = [_sampled(potential, fine, parts), _sampled(potential, points, 1)]
    return _Cloud(
        *(
            np.concatenate([getattr(c, name) for c in clouds])
            for name in ("mass", "source", "target", "widths")
        )
    )


def _moves(P: np.ndarray) -> np.ndarray:
    return NOTHING * P.max() < P


def _sampled(potential: _Potential, mass: np.ndarray, parts: int) -> _Cloud:
    """Particles of the given masses in the middle of cells divided into `parts`; points if 1."""
    cells = potential.psi.shape
    sub = np.array([parts if n > 1 else 1 for n in cells])
    nodes = np.flatnonzero(mass)
    target = potential.transform(1.0, parts, nodes)[1]
    index = np.unravel_index(nodes, mass.shape)
    source = np.stack(
        [(i + 0.5) / k - 0.5 for i, k in zip(index[::-1], sub[::-1], strict=True)], axis=1
    )
    widths = np.zeros((nodes.size, 6))
    for a, n in enumerate(cells[::-1]):
        if parts > 1 and n > 1:
            gaps = _gaps(target[:, a], nodes, mass.shape, 2 - a)
            widths[:, a] = 1.0 / parts
            widths[:, 3 + a] = np.minimum(np.where(np.isfinite(gaps), gaps, 1.0 / parts), WIDEST)
    return _Cloud(mass.ravel()[nodes], source, target, widths)


def _gaps(target: np.ndarray, nodes: np.ndarray, shape: tuple[int, ...], axis: int) -> np.ndarray:
    """Half the distance between both neighbours along an axis; at a tear the gap on its own side.

    inf where there is no neighbour.
    """
    place = np.full(shape, np.nan)
    place.ravel()[nodes] = target
    apart = np.abs(np.diff(place, axis=axis))
    apart[np.isnan(apart)] = np.inf
    edge = np.full_like(place.take([0], axis), np.inf)
    before, after = np.concatenate([edge, apart], axis), np.concatenate([apart, edge], axis)
    gap = np.minimum(before, after)
    gap = np.where(np.maximum(before, after) < 2.0 * gap, 0.5 * (before + after), gap)
    return gap.ravel()[nodes]


def _divided(P: np.ndarray, parts: int) -> tuple[np.ndarray, np.ndarray]:
    """Masses of the particles in cells divided into `parts`, and what they leave over, per cell.

    The masses are interpolated linearly between cell values that make the smeared boxes add up to
    P at the centres; the values are cut where that would leave [0, P].
    """
    values = P
    for axis, n in enumerate(P.shape):
        if n > 1:
            cover = _operators(n, parts)[1]
            values = _along(axis, partial(solve_banded, (REACH, REACH), _banded(cover)), values)
    values = np.maximum(values, 0.0)
    cover = _covered(values, parts)
    ratio = np.divide(P, cover, out=np.ones_like(P), where=cover > P)
    values = values * minimum_filter(ratio, 2 * REACH + 1, mode="nearest")
    rest = P - _covered(values, parts)
    for axis, n in enumerate(P.shape):
        if n > 1:
            values = _along(axis, _operators(n, parts)[0].dot, values)
    return values, np.where(rest > 4e-16 * P, rest, 0.0)


def _covered(values: np.ndarray, parts: int) -> np.ndarray:
    for axis, n in enumerate(values.shape):
        if n > 1:
            values = _along(axis, _operators(n, parts)[1].dot, values)
    return values


def _along(axis: int, operator: Callable[[np.ndarray], np.ndarray], a: np.ndarray) -> np.ndarray:
    lines = np.moveaxis(a, axis, 0)
    out = operator(lines.reshape(len(lines), -1))
    return np.moveaxis(out.reshape(len(out), *lines.shape[1:]), 0, axis)


def _operators(n: int, parts: int) -> tuple[csr_array, csr_array]:
    """Of one axis: cell values to particle masses (n parts, n), and to masses on cells (n, n)."""
    place = (np.arange(n * parts) + 0.5) / parts - 0.5
    left = np.clip(np.floor(place).astype(int), 0, n - 2)
    share = np.clip(place - left, 0.0, 1.0)
    rows = np.arange(n * parts)
    shape = (n * parts, n)
    between = csr_array((1.0 - share, (rows, left)), shape)
    between = (between + csr_array((share, (rows, left + 1)), shape)) / parts
    home = np.arange(n * parts) // parts
    offset = place - home
    # A box of width 1/parts around `offset`, smeared by the hat: exact integrals of |offset|.
    half = 0.5 / parts
    away = np.where(np.abs(offset) >= half, np.abs(offset), (offset**2 + half**2) / (2.0 * half))
    right = np.clip(0.5 * (away + offset), 0.0, 1.0)
    other = np.clip(0.5 * (away - offset), 0.0, 1.0)
    spread = csr_array((1.0 - right - other, (home, rows)), (n, n * parts))
    spread = spread + csr_array((right, (np.minimum(home + 1, n - 1), rows)), (n, n * parts))
    spread = spread + csr_array((other, (np.maximum(home - 1, 0), rows)), (n, n * parts))
    return between, csr_array(spread @ between)


def _banded(matrix: csr_array) -> np.ndarray:
    band = np.zeros((2 * REACH + 1, matrix.shape[0]))
    entries = matrix.tocoo()
    row, column = entries.coords
    np.add.at(band, (REACH + row - column, column), entries.data)
    return band
