"""The problems within the slices of a problem whose mass moves along some axes only.

R has the marginal of P in the other axes, so with a(y) and b(y) the marginals of P and Q, r = a/b,

    D = ∫ a(y) min { W_p^p(P(·|y), R(·|y)) + epsilon ∫ Q(x|y) f_r(R(x|y)/Q(x|y)) dx } dy
        + epsilon D_f(a‖b),        f_r(t) = (f(r t) - f(r))/r - f'(r) (t - 1).

f_r is f itself for KL, r^(alpha - 1) f for the power family (so a slice has the weight
epsilon r^(alpha - 1)), and a skewed relative for Jensen–Shannon. f_r'(∞) = f'(∞) - f'(r).
Source: derived for (2.4) from section 5.4 of Baptista et al., Proximal optimal transport
divergences, where f is KL.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import logsumexp

from mfgprox.density import ArrayDensity, Density, DensityError, Sampled, is_smooth
from mfgprox.divergence import Divergence, JensenShannon, KullbackLeibler, Power
from mfgprox.divergence.jensen_shannon import MOST_SKEWED
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.split import Split

LEAST_EPSILON, MOST_EPSILON = 1e-9, 1e9
"""Beyond these the weight of a slice is not told from the limits of its divergence."""


class NotSplit(ValueError):
    """The problem is not one of independent slices; the message says why."""


@dataclass(frozen=True, eq=False)
class Slices:
    """problem: one with `split`. Raises NotSplit for an f of another family."""

    problem: Problem

    def __post_init__(self) -> None:
        f = self.problem.divergence
        if self.problem.split is None:
            raise NotSplit("mass moves along all axes")
        if not isinstance(f, KullbackLeibler | Power | JensenShannon):
            raise NotSplit(
                "with transport along some axes only f_divergence must be kl, reverse-kl, pearson, "
                f"neyman, hellinger, jensen-shannon or alpha; got {f.name}"
            )

    @property
    def split(self) -> Split:
        """Which axes move; a problem without one was refused."""
        assert self.problem.split is not None
        return self.problem.split

    @cached_property
    def log_P(self) -> np.ndarray:
        """Logarithm of P's density in the other axes, (slices,)."""
        return self.split.log_marginal(self.problem.log_P)

    @cached_property
    def log_Q(self) -> np.ndarray:
        """Logarithm of Q's density in the other axes, (slices,)."""
        return self.split.log_marginal(self.problem.log_Q)

    @cached_property
    def weight(self) -> np.ndarray:
        """Masses of P, and so of R, in the slices, (slices,)."""
        return np.exp(self.log_P) * self.split.thickness

    @cached_property
    def carry(self) -> np.ndarray:
        """Whether a slice has mass of P, (slices,)."""
        return self.weight > 0.0

    @cached_property
    def solved(self) -> np.ndarray:
        """Whether there is something to solve: mass of P and of Q, (slices,)."""
        return self.carry & np.isfinite(self.log_Q)

    @cached_property
    def marginal_divergence(self) -> float:
        """D_f(a‖b) of the marginals of P and Q in the other axes."""
        P, thickness = np.exp(self.log_P), self.split.thickness
        return self.problem.divergence.between(P, self.log_Q, thickness)

    def own(self, number: int) -> tuple[Divergence, float]:
        """The divergence and the weight epsilon of a slice, not limited."""
        f, epsilon = self.problem.divergence, self.problem.epsilon
        log_r = float(self.log_P[number] - self.log_Q[number])
        if isinstance(f, Power):
            exponent = math.log(epsilon) + (f.alpha - 1.0) * log_r
            return f, math.exp(min(max(exponent, -700.0), 700.0))
        if isinstance(f, JensenShannon):
            skew = min(max(f.log_skew + log_r, -MOST_SKEWED), MOST_SKEWED)
            return JensenShannon(skew), epsilon
        return f, epsilon

    def slice_problem(self, number: int) -> Problem:
        """P(·|y) to Q(·|y) on the grid of the moving axes; its epsilon is within 1e-9 to 1e9.

        Only for slices with mass of both P and Q.
        """
        problem, grid = self.problem, self.split.slice_grid
        divergence, epsilon = self.own(number)
        log_values = [self._log_values(which, number) for which in (0, 1)]
        densities = [self._density(which, number, log_values[which]) for which in (0, 1)]
        # The values of the problem itself; what the box cuts off is not judged again.
        samples = [
            Sampled(
                np.exp(log),
                log,
                density.beyond(grid) if isinstance(density, SliceDensity) else 0.0,
                problem.samples[which].smooth,
            )
            for which, (log, density) in enumerate(zip(log_values, densities, strict=True))
        ]
        found = Problem(
            *densities,
            epsilon=min(max(epsilon, LEAST_EPSILON), MOST_EPSILON),
            grid=grid,
            cost=problem.cost,
            f_divergence=divergence,
            title=f"{problem.title} at {self.split.place(number)}",
        )
        return found.with_samples(*samples)

    @cached_property
    def _logs(self) -> tuple[np.ndarray, np.ndarray]:
        return self.split.slices(self.problem.log_P), self.split.slices(self.problem.log_Q)

    def _log_values(self, which: int, number: int) -> np.ndarray:
        """Logarithm of P(·|y) or Q(·|y) on the grid, mass one."""
        return self._logs[which][number] - (self.log_P, self.log_Q)[which][number]

    def _density(self, which: int, number: int, log_values: np.ndarray) -> Density:
        """The density at any resolution where it is known between the centres."""
        density, grid = self.problem.densities[which], self.split.slice_grid
        if is_smooth(density, self.split.grid):
            found = SliceDensity(density, self.split, number)
            try:
                found.log_density(grid)
            except DensityError:  # it knows no other box than that of the whole problem
                pass
            else:
                return found
        return ArrayDensity(np.exp(log_values), grid)


@dataclass(frozen=True, eq=False)
class SliceDensity:
    """A smooth density at the centre of a cell of the other axes."""

    density: Density
    split: Split
    number: int

    smooth = True

    def log_density(self, grid: Grid) -> np.ndarray:
        whole, index = self.split.grid, dict(zip(self.split.fixed, self._index, strict=True))
        lower, upper, cells = list(whole.lower), list(whole.upper), list(whole.cells)
        for axis, k in index.items():
            edges = whole.edges(axis)
            lower[axis], upper[axis], cells[axis] = edges[k], edges[k + 1], 1
        for i, axis in enumerate(self.split.moving):
            lower[axis], upper[axis], cells[axis] = grid.lower[i], grid.upper[i], grid.cells[i]
        thin = Grid(tuple(lower), tuple(upper), tuple(cells), grid.time_steps)
        return self.density.log_density(thin).reshape(grid.shape)

    @property
    def _index(self) -> tuple[int, ...]:
        return self.split.index(self.number)

    def cut_off(self, grid: Grid) -> float:
        """None of a slice is refused for what lies outside: the whole density was judged."""
        return 0.0

    def beyond(self, grid: Grid) -> float:
        """The share of the slice that a box twice as wide along the moving axes holds besides."""
        lower, upper = np.array(grid.lower), np.array(grid.upper)
        half = 0.5 * (upper - lower)
        wide = Grid(tuple(lower - half), tuple(upper + half), tuple(2 * n for n in grid.cells))
        try:
            inside, all_of_it = (self._log_mass(g) for g in (grid, wide))
        except DensityError:  # it makes no sense out there
            return 0.0
        return float(max(-np.expm1(inside - all_of_it), 0.0)) if inside > -np.inf else 0.0

    def _log_mass(self, grid: Grid) -> float:
        return float(logsumexp(self.log_density(grid))) + math.log(grid.cell_volume)
