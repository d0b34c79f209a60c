"""What a density and a momentum prove: continuity, action on the lattice, an upper bound of D.

Source: Baptista et al., Proximal optimal transport divergences, (2.4) and (2.23).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from mfgprox.audit.lattice import Lattice
from mfgprox.audit.transform import axes_first

GAUSS = np.polynomial.legendre.leggauss(4)
LAYERS = (0.0, 1e-4, 1e-3, 1e-2, 0.1)
"""Shares of a time step in which a competitor starts and stops gently; 0: it does not."""


@dataclass(frozen=True)
class Path:
    """mass_error: largest |mass - 1| over the time levels; least: min rho; continuity: largest
    |∂_t rho + div m| times the time step, per largest rho; start: ∫|rho_0 - P|; action: of the
    lattice; information: D_f(rho_1‖Q), a sum over cells; transport, end: the same two of densities
    constant in each cell, exactly, and with Q between the centres."""

    mass_error: float
    least: float
    continuity: float
    start: float
    action: float
    information: float
    transport: float
    end: float


def evaluate(lattice: Lattice, rho: np.ndarray, momentum: Sequence[np.ndarray]) -> Path:
    """rho (steps + 1, …, z, y, x); momentum per axis in the order x, y, z, on faces and walls.

    Raises ValueError for shapes that do not fit.
    """
    rho = np.asarray(rho, float)
    steps = len(rho) - 1
    flux = [np.asarray(m, float) for m in momentum]
    _require(lattice, rho, flux)
    volume = lattice.volume
    masses = rho.reshape(steps + 1, -1).sum(axis=1) * volume
    divergence = np.diff(rho, axis=0) * steps
    for i, axis in enumerate(axes_first(lattice.P)):
        divergence = divergence + np.diff(flux[i], axis=1 + axis) / lattice.spacing[i]
        for wall in (0, -1):
            if np.any(flux[i].take(wall, 1 + axis)):
                raise ValueError("momentum must vanish on the walls of the box")
    end, log_Q = rho[-1], lattice.log_Q
    return Path(
        mass_error=float(np.abs(masses - 1.0).max()),
        least=float(rho.min()),
        continuity=float(np.abs(divergence).max()) / (steps * float(rho.max())),
        start=float(np.abs(rho[0] - lattice.P).sum()) * volume,
        action=_lattice_action(lattice, rho, flux),
        information=lattice.divergence.between(end, log_Q, volume),
        transport=min(_exact_action(lattice, rho, flux, layer) for layer in LAYERS),
        end=_information_within_cells(lattice, end, log_Q),
    )


def _require(lattice: Lattice, rho: np.ndarray, flux: Sequence[np.ndarray]) -> None:
    shape, steps = lattice.P.shape, len(rho) - 1
    if rho.shape[1:] != shape or steps < 1 or len(flux) != len(shape):
        raise ValueError(f"rho has shape {rho.shape}, the grid {shape} after time")
    for i, axis in enumerate(axes_first(lattice.P)):
        faces = (steps, *(n + (a == axis) for a, n in enumerate(shape)))
        if flux[i].shape != faces:
            raise ValueError(f"momentum[{i}] has shape {flux[i].shape}, expected {faces}")


def _lattice_action(lattice: Lattice, rho: np.ndarray, flux: Sequence[np.ndarray]) -> float:
    """∫∫ |m|^p / rho^(p-1) with densities on faces the arithmetic means of four: two cells, two
    times. The speed of a cell is the square mean of those of its two faces along each axis."""
    theta = 0.5 * (rho[1:] + rho[:-1])
    squares = []
    for i, axis in enumerate(axes_first(lattice.P)):
        cells = np.moveaxis(theta, 1 + axis, 1)
        through = np.moveaxis(flux[i], 1 + axis, 1)[:, 1:-1]
        mean = 0.5 * (cells[:, 1:] + cells[:, :-1])
        if np.any((through != 0.0) & (mean <= 0.0)):
            return math.inf
        square = np.zeros(cells.shape)
        speed = np.divide(through, mean, out=np.zeros(mean.shape), where=through != 0.0) ** 2
        square[:, :-1] += 0.5 * speed
        square[:, 1:] += 0.5 * speed
        squares.append(np.moveaxis(square, 1, 1 + axis))
    groups = squares if lattice.separable else [sum(squares)]
    powers = sum(np.asarray(s) ** (0.5 * lattice.p) for s in groups)
    return float((theta * powers).sum()) * lattice.volume / len(theta)


def _exact_action(
    lattice: Lattice, rho: np.ndarray, flux: Sequence[np.ndarray], layer: float
) -> float:
    """∫∫ |m|^p / rho^(p-1) of rho constant in each cell, m linear between faces, and both moved in
    each step by the same s(t) from 0 to 1: rho = rho_0 + s (rho_1 - rho_0), m = s' times the flux.

    s' is 1 but for a share `layer` at both ends, where it grows from 0 and falls to 0: without that
    the action is infinite for p >= 2 where a cell is entered that was empty.
    """
    p, steps = lattice.p, len(rho) - 1
    if rho.min() < 0.0:
        return math.inf
    power = _power_of_flux(lattice, flux)
    before, after = rho[:-1], rho[1:]
    moving = power > 0.0
    power, before, after = power[moving], before[moving], after[moving]
    nodes = _schedule(layer)
    time = np.zeros(power.size)
    with np.errstate(divide="ignore", over="ignore"):
        for place, speed, w in zip(*nodes, strict=True):
            density = before + place * (after - before)
            time += w * speed**p * density ** (1.0 - p)
        first, last = layer / 2.0 / (1.0 - layer), 1.0 - layer / 2.0 / (1.0 - layer)
        a, b = (before + s * (after - before) for s in (first, last))
        time += (1.0 - layer) ** (1.0 - p) * (last - first) * _mean_inverse_power(a, b, p)
    return float((power * time).sum()) * lattice.volume / steps


def _schedule(layer: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes of s, s' and weights of t in the two layers: Gauss points in t."""
    if layer == 0.0:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    t = 0.5 * layer * (GAUSS[0] + 1.0)
    top = 1.0 / (1.0 - layer)
    s, ds, w = 0.5 * top * t * t / layer, top * t / layer, 0.5 * layer * GAUSS[1]
    return np.concatenate([s, 1.0 - s]), np.concatenate([ds, ds]), np.concatenate([w, w])


def _mean_inverse_power(a: np.ndarray, b: np.ndarray, p: float) -> np.ndarray:
    """Mean of r^(1-p) for r from a to b."""
    change = b - a
    steep = np.abs(change) > 1e-3 * (a + b)
    middle = 0.5 * (a + b)
    with np.errstate(divide="ignore", invalid="ignore"):
        if p == 2.0:
            exact = (np.log(b) - np.log(a)) / change
        else:
            exact = (b ** (2.0 - p) - a ** (2.0 - p)) / ((2.0 - p) * change)
        series = middle ** (1.0 - p) * (1.0 + p * (p - 1.0) * (change / middle) ** 2 / 24.0)
    return np.where(steep, exact, np.where(middle > 0.0, series, np.inf))


def _power_of_flux(lattice: Lattice, flux: Sequence[np.ndarray]) -> np.ndarray:
    """Mean over each cell of |m|^p, m linear between faces: Gauss points, exact for p = 2 and 4."""
    nodes, weights = 0.5 * (GAUSS[0] + 1.0), 0.5 * GAUSS[1]
    d = len(flux)
    faces = []
    for m, axis in zip(flux, axes_first(lattice.P), strict=True):
        lines = np.moveaxis(m, 1 + axis, 0)
        faces.append([np.moveaxis(lines[a:b], 0, 1 + axis) for a, b in ((0, -1), (1, None))])
    if lattice.separable or d == 1 or lattice.p == 2.0:
        return sum(
            w * np.abs(a + t * (b - a)) ** lattice.p
            for a, b in faces
            for t, w in zip(nodes, weights, strict=True)
        )
    total = np.zeros(faces[0][0].shape)
    for choice in product(range(nodes.size), repeat=d):
        square = sum((a + nodes[k] * (b - a)) ** 2 for (a, b), k in zip(faces, choice, strict=True))
        total += np.prod(weights[list(choice)]) * square ** (0.5 * lattice.p)
    return total


def _information_within_cells(lattice: Lattice, R: np.ndarray, log_Q: np.ndarray) -> float:
    """D_f(R‖Q) of R constant in each cell and log Q the parabola along each axis through the
    centres; Q constant in cells beside zeros of Q."""
    d = R.ndim
    slopes, curvatures, smooth = [], [], np.isfinite(log_Q)
    for axis, n in enumerate(R.shape):
        if n < 3:
            slopes.append(np.zeros(R.shape))
            curvatures.append(np.zeros(R.shape))
            continue
        values = np.moveaxis(log_Q, axis, 0)
        with np.errstate(invalid="ignore"):
            inner = [
                0.5 * (values[2:] - values[:-2]),
                values[2:] - 2.0 * values[1:-1] + values[:-2],
            ]
        widened = [np.concatenate([v[:1], v, v[-1:]]) for v in inner]
        slope, curvature = (np.moveaxis(v, 0, axis) for v in widened)
        # The parabola at an end cell is that of its neighbour.
        ends = np.zeros(n)
        ends[0], ends[-1] = -1.0, 1.0
        curvature[~np.isfinite(curvature)] = np.nan
        slope = slope + curvature * ends.reshape([-1 if a == axis else 1 for a in range(d)])
        smooth &= np.isfinite(slope)
        slopes.append(slope)
        curvatures.append(curvature)
    points, weights = 0.5 * np.array([-1.0, 1.0]) / math.sqrt(3.0), 0.5
    total = 0.0
    for place in product(points, repeat=d):
        shift = np.zeros(R.shape)
        for t, slope, curvature in zip(place, slopes, curvatures, strict=True):
            shift += np.where(smooth, t * slope + 0.5 * t * t * curvature, 0.0)
        total += weights**d * lattice.divergence.between(R, log_Q + shift, lattice.volume)
    return total
