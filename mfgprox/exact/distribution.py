"""Distributions on an interval, from the logarithm of their density: masses and quantiles.

Everything is integrated by Gauss-Legendre panels that end where the density may jump, so that
piecewise smooth densities keep all digits; tails are summed from their own end, so that small
masses keep their relative accuracy. Nothing is floored: a gap in the support stays a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import logsumexp

NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)
PANELS = 2048
NEXT_TO_NOTHING = 1e-14
ROUND_OFF = 1e-15
SMALLEST_DENSITY = 1e-290
QUANTILE_STEPS = 80
"""Bisection alone shrinks a panel below round-off in 60 steps; Newton needs 3 to 6."""


class Distribution:
    """A probability density on [lower, upper], normalised there.

    log_density: function of an array of positions, up to a constant; -inf where there is no mass.
    breaks: positions where the density is not smooth (jumps, ends of the support).
    Raises ValueError when there is no mass in the interval.
    """

    def __init__(
        self,
        log_density: Callable[[np.ndarray], np.ndarray],
        lower: float,
        upper: float,
        breaks: Sequence[float] = (),
    ) -> None:
        inner = np.asarray(breaks, float)
        inner = inner[(inner > lower) & (inner < upper)]
        self.lower, self.upper = float(lower), float(upper)
        self.breaks = np.unique(np.concatenate([[lower], inner, [upper]]))
        self._raw, self._log_mass = log_density, 0.0
        edges = np.unique(np.concatenate([self.breaks, np.linspace(lower, upper, PANELS + 1)]))
        logs = self.log_masses(edges)
        if not np.any(np.isfinite(logs)):
            raise ValueError("a distribution has no mass in the box")
        self._log_mass = float(logsumexp(logs))
        masses = np.exp(logs - self._log_mass)
        self.edges = edges
        self._below = np.concatenate([[0.0], np.cumsum(masses)])
        self._above = np.concatenate([np.cumsum(masses[::-1])[::-1], [0.0]])

    def log_density(self, x: np.ndarray) -> np.ndarray:
        return self._raw(x) - self._log_mass

    def density(self, x: np.ndarray) -> np.ndarray:
        return np.exp(self.log_density(x))

    def highest_density(self, x: np.ndarray) -> np.ndarray:
        """The density, at a jump the higher one: positions found by mass lie on its side."""
        beside = ROUND_OFF * (self.upper - self.lower)
        found = np.maximum(self.density(x - beside), self.density(x + beside))
        return np.maximum(found, SMALLEST_DENSITY)

    def log_masses(self, edges: np.ndarray) -> np.ndarray:
        """Logarithms of the masses between consecutive edges; -inf where there is none."""
        half = 0.5 * np.diff(edges)
        x = 0.5 * (edges[1:] + edges[:-1])[:, None] + half[:, None] * NODES
        logs = self.log_density(x)
        highest = logs.max(axis=1)
        safe = np.where(np.isfinite(highest), highest, 0.0)
        total = (np.exp(logs - safe[:, None]) * WEIGHTS).sum(axis=1) * half
        return np.log(total, out=np.full(total.shape, -np.inf), where=total > 0.0) + safe

    def mass_below(self, x: np.ndarray) -> np.ndarray:
        """The distribution function."""
        k = self._panel(x)
        return self._below[k] + self._integral(self.edges[k], x)

    def mass_above(self, x: np.ndarray) -> np.ndarray:
        """One less the distribution function, with all digits where that is small."""
        k = self._panel(x)
        return self._above[k + 1] + self._integral(x, self.edges[k + 1])

    def quantile(self, below: np.ndarray, above: np.ndarray) -> np.ndarray:
        """The position with these masses below and above it: whichever is smaller decides."""
        left = below <= above
        last = self.edges.size - 2
        k = np.where(
            left,
            np.searchsorted(self._below, below, side="left") - 1,
            last + 1 - np.searchsorted(self._above[::-1], above, side="left"),
        ).clip(0, last)
        a, b = self.edges[k], self.edges[k + 1]
        target = np.where(left, below - self._below[k], self._above[k] - above)
        whole = np.where(
            left, self._below[k + 1] - self._below[k], self._above[k] - self._above[k + 1]
        )
        share = np.divide(target, whole, out=np.zeros_like(target), where=whole > 0.0)
        return self._invert(a, b, target, a + share.clip(0.0, 1.0) * (b - a), whole / (b - a))

    def gaps(self) -> list[tuple[float, float, float]]:
        """(start, end, mass below) of the intervals inside the support that hold next to nothing.

        Next to nothing: what is lost in the rounding of a mass of one.
        """
        held = np.flatnonzero(np.exp(self.log_masses(self.edges)) > NEXT_TO_NOTHING)
        wide = np.flatnonzero(np.diff(held) > 1)
        return [
            (float(self.edges[i + 1]), float(self.edges[j]), float(self._below[i + 1]))
            for i, j in zip(held[wide], held[wide + 1], strict=True)
        ]

    def support(self) -> tuple[float, float]:
        """The smallest interval between breaks that holds all the mass."""
        held = np.flatnonzero(np.isfinite(self.log_masses(self.breaks)))
        return float(self.breaks[held[0]]), float(self.breaks[held[-1] + 1])

    def _panel(self, x: np.ndarray) -> np.ndarray:
        return (np.searchsorted(self.edges, x, side="right") - 1).clip(0, self.edges.size - 2)

    def _integral(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        half = 0.5 * (b - a)
        x = (0.5 * (a + b))[..., None] + half[..., None] * NODES
        return half * (self.density(x) * WEIGHTS).sum(axis=-1)

    def _invert(
        self,
        a: np.ndarray,
        b: np.ndarray,
        target: np.ndarray,
        start: np.ndarray,
        mean: np.ndarray,
    ) -> np.ndarray:
        """Safeguarded Newton for ∫_a^x density = target, x in [a, b].

        mean: the mean density there, the slope where x sits on a break and the density is 0.
        """
        origin, x, width = a, start, b - a
        for _ in range(QUANTILE_STEPS):
            excess = self._integral(origin, x) - target
            a, b = np.where(excess <= 0.0, x, a), np.where(excess > 0.0, x, b)
            slope = self.density(x)
            slope = np.where(slope > 0.0, slope, mean)
            step = np.divide(excess, slope, out=np.full_like(x, np.inf), where=slope > 0.0)
            new = x - step
            new = np.where((new >= a) & (new <= b), new, 0.5 * (a + b))
            if np.all(np.abs(new - x) <= 1e-13 * width + 4e-16 * np.abs(x)):
                break
            x = new
        return x
