"""The densities of a case as distributions on the line, in closed form where there is one."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.interpolate import CubicSpline

from mfgprox.density import (
    ArrayDensity,
    Density,
    Expression,
    Gaussian,
    Mixture,
    Ring,
    Uniform,
)
from mfgprox.density.conditions import jumping
from mfgprox.density.crossings import crossings
from mfgprox.density.formula import evaluate, parse
from mfgprox.exact.distribution import Distribution
from mfgprox.grid import Grid

Curve = tuple[Callable[[np.ndarray], np.ndarray], list[float]]
"""log density of a position, up to a constant, and where it is not smooth."""

FINE_CELLS = 8192
SAME_EDGE = 1e-10
"""Of the interval."""


def distribution(density: Density, grid: Grid) -> Distribution:
    """The density on the interval of a 1-D grid, cut off there and normalised.

    Gaussians, uniforms, rings, formulas, their mixtures and arrays are taken as they are defined;
    other smooth kinds through a spline of their logarithm on a fine grid, and kinds that only
    exist on cells as constant on the cells of `grid`.
    """
    log_density, breaks = _curve(density, grid)
    return Distribution(log_density, grid.lower[0], grid.upper[0], breaks)


def _curve(density: Density, grid: Grid) -> Curve:
    if isinstance(density, Expression):
        return _formula(density, grid)
    closed = _closed_form(density, grid)
    if closed is not None:
        return closed
    if isinstance(density, ArrayDensity):
        return _constant_on_cells(density.log_density(density.grid), density.grid)
    if density.smooth:
        return _spline(density, grid.with_cells((FINE_CELLS,)))
    return _constant_on_cells(density.log_density(grid), grid)


def _closed_form(density: Density, grid: Grid) -> Curve | None:
    """Of mass one on the line; a formula as it counts in a mixture, by its mass in the box."""
    if isinstance(density, Gaussian):
        m, s = float(density.mean[0]), math.sqrt(float(density.cov[0, 0]))
        norm = math.log(s) + 0.5 * math.log(2.0 * math.pi)
        return lambda x: -0.5 * np.square((x - m) / s) - norm, []
    if isinstance(density, Uniform):
        a, b = float(density.lower[0]), float(density.upper[0])
        return lambda x: np.where((x > a) & (x < b), -math.log(b - a), -np.inf), [a, b]
    if isinstance(density, Ring):
        c, a, b = float(density.center[0]), density.inner, density.outer
        height = -math.log(density.volume)

        def ring(x: np.ndarray) -> np.ndarray:
            r = np.abs(x - c)
            return np.where((r > a) & (r < b), height, -np.inf)

        return ring, [c - b, c - a, c + a, c + b]
    if isinstance(density, Mixture):
        return mixed([_closed_form(c, grid) for c in density.components], density.weights)
    if isinstance(density, Expression):
        curve, breaks = _formula(density, grid)
        inside = Distribution(curve, grid.lower[0], grid.upper[0], breaks)
        share = math.log1p(-density.cut_off(grid))
        return lambda x: inside.log_density(x) + share, breaks
    return None


def mixed(curves: list[Curve | None], weights: np.ndarray) -> Curve | None:
    """The mixture of normalised curves; None where one of them is missing."""
    parts = [
        (math.log(w), *curve) for w, curve in zip(weights, curves, strict=True) if curve is not None
    ]
    if len(parts) < len(curves):
        return None

    def log_density(x: np.ndarray) -> np.ndarray:
        total = np.full(np.shape(x), -np.inf)
        for log_weight, part, _ in parts:
            total = np.logaddexp(total, log_weight + part(x))
        return total

    return log_density, [b for _, _, breaks in parts for b in breaks]


def _formula(density: Expression, grid: Grid) -> Curve:
    tree = parse(density.formula, 1)

    def log_density(x: np.ndarray) -> np.ndarray:
        _, log = evaluate(tree, {"x": np.asarray(x, float)})
        return np.array(np.broadcast_to(log, np.shape(x)))

    conditions = jumping(density.formula, grid)

    def margins(x: np.ndarray) -> np.ndarray:
        """Above 0 where the tests of the formula hold, and where it is positive."""
        held = np.where(np.isfinite(log_density(x)), 1.0, -1.0)[None]
        return held if conditions is None else np.concatenate([held, conditions.margins({"x": x})])

    x = np.linspace(grid.lower[0], grid.upper[0], FINE_CELLS + 2)[1:-1]
    which, k = np.nonzero(np.diff(margins(x) > 0.0, axis=1))
    edges = np.sort(crossings(lambda t, i: margins(t)[which[i], np.arange(i.size)], x[k], x[k + 1]))
    apart = np.diff(edges, prepend=-math.inf) > SAME_EDGE * (grid.upper[0] - grid.lower[0])
    return log_density, edges[apart].tolist()


def _constant_on_cells(log_values: np.ndarray, grid: Grid) -> Curve:
    edges = grid.edges(0)

    def log_density(x: np.ndarray) -> np.ndarray:
        cell = np.searchsorted(edges, x, side="right") - 1
        return log_values[cell.clip(0, log_values.size - 1)]

    return log_density, edges[1:-1][log_values[1:] != log_values[:-1]].tolist()


def _spline(density: Density, fine: Grid) -> Curve:
    log_values = density.log_density(fine)
    if not np.all(np.isfinite(log_values)):
        return _constant_on_cells(log_values, fine)
    return CubicSpline(fine.centers(0), log_values), []
