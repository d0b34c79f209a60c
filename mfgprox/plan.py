"""The competitor of a potential whose map is torn, or of a Q with zeros: an explicit plan.

Parts of cells go to cells with weights that fall with the slack c(x, y) - psi(y) - psi^c(x) of a
pair, over about a cell, and are fitted so that R comes close to the Gibbs density of the potential,
or made equal to it at a further cost. Next to a tear a part reaches over all cells between its
branches. Whatever R results, plan and R are feasible, and both are paid for.
Source: Baptista et al., Proximal optimal transport divergences, (2.4) and Theorem 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mfgprox.density import is_smooth
from mfgprox.divergence.gibbs import placed
from mfgprox.dyadic import furthest_apart
from mfgprox.kernels.part_pairs import cost_of_pairs, spread_pairs
from mfgprox.kernels.threads import over
from mfgprox.plan_pairs import BLUR, Layout
from mfgprox.problem import Problem
from mfgprox.quadrature import Divided, centres_of_mass
from mfgprox.splines import SplinePotential

WIDE = 1.0
"""Square of the width over which a part is spread, in cells, where the plan for BLUR is poor."""
POOR = 1e-2
"""Misfit from which a plan is poor."""
SHARPER = {1: (0.5, 0.25), 2: (0.5, 0.25), 3: (0.5,)}
"""Shares of the blur that are tried as well, by the number of axes."""
TRIAL_SWEEPS, SWEEPS, GAIN = 3, (7, 20, 70, 200), 3e-4
"""Of the fit of R: to choose a plan, and further ones of that plan, as long as they lower its value
by such a share: for a large epsilon the least flaw of R is dear."""
MOST = 10.0
"""Largest factor of a cell in one sweep: what no part reaches is not filled by force."""
LEAST = 1e-200
"""Factor of a cell, so that no part is left without a target."""


def by_plan(problem: Problem, potentials: Sequence[SplinePotential]) -> tuple[float, float]:
    """Value of the plan, an upper bound of D up to its sums, and their estimated error, without
    what P may do within its parts.

    potentials: the one whose plan comes closest to its R counts. That of a solver may be optimal
    for just this blur; a sharp one lacks the logarithm of R.
    """
    plans = _plans(problem, potentials, BLUR)
    plan = min(plans, key=lambda plan: plan.misfit)
    if plan.misfit <= POOR or problem.grid.dimension == 3:
        return _sharpened(plan)
    return min(_sharpened(plan) for plan in _plans(problem, potentials, WIDE))


def _plans(problem: Problem, potentials: Sequence[SplinePotential], blur: float) -> Iterator[_Plan]:
    """The plan of each potential, one after the other; blur: as BLUR."""
    for potential in potentials:
        yield _start(Layout.of(problem, potential, blur), 1.0).fitted(TRIAL_SWEEPS)


def _sharpened(plan: _Plan) -> tuple[float, float]:
    """The least value of a plan, of those with less blur, and of what further sweeps make of the
    best of these."""
    shares = SHARPER[plan.layout.problem.grid.dimension]
    trials = [plan, *(_start(plan.layout, share).fitted(TRIAL_SWEEPS) for share in shares)]
    values = [trial.value() for trial in trials]
    plan = trials[int(np.argmin([value for value, _ in values]))]
    least = min(values)
    for sweeps in SWEEPS:
        plan = plan.fitted(sweeps)
        before, least = least, min(least, plan.value())
        if not least[0] < (1.0 - GAIN) * before[0]:
            break
    return least


def _start(layout: Layout, share: float) -> _Plan:
    """The plan with that share of the blur, before it is fitted."""
    plain = _Plan(layout, np.exp(layout.slack / np.float32(-share)), np.ones_like(layout.wanted))
    # A part may have no other targets than cells without Q that nothing was expected to enter.
    scale = np.where(layout.wanted > 0.0, layout.wanted, LEAST)
    return min(plain, replace(plain, scale=scale), key=lambda plan: plan.misfit)


@dataclass(frozen=True, eq=False)
class _Plan:
    """Weights of every pair (pairs,), and a factor per cell (cells,) that fits R."""

    layout: Layout
    weights: np.ndarray
    scale: np.ndarray

    @property
    def made(self) -> np.ndarray:
        """Masses of R, (cells,)."""
        layout, R = self.layout, np.zeros_like(self.scale)
        spread_pairs(layout.starts, layout.targets, self.weights, layout.mass, self.scale, R)
        return R

    def wanted(self, made: np.ndarray) -> np.ndarray:
        """Masses of R as it should be, (cells,); where there is no Q only how much of it matters,
        and it stays where the plan brings it."""
        return placed(self.layout.wanted, made, self.layout.problem.log_Q.ravel())

    @property
    def misfit(self) -> float:
        """Share of the mass that is not where it is wanted, twice."""
        made = self.made
        return float(np.abs(made - self.wanted(made)).sum())

    @property
    def cost(self) -> float:
        """Of the plan, with what mass moves within its cells: it keeps its place where a part is
        stretched to its cell; where cells are cut by an edge of Q it is mixed."""
        layout, problem = self.layout, self.layout.problem
        n, h = np.array(problem.grid.kernel_shape), np.array(problem.grid.kernel_spacing)
        offset = centres_of_mass(problem)
        spread = h - h / layout.sub
        if offset.any():
            spread = np.sqrt(h**2 + (h / layout.sub) ** 2)
        spread = np.where(n == 1, 0.0, spread) / math.sqrt(12.0)
        costs = np.empty(layout.nodes.size)
        over(
            cost_of_pairs, costs.size, self.weights.size, layout.nodes, layout.sub, layout.starts,
            layout.targets, self.weights, self.scale, n, h, problem.p, problem.cost.separable,
            offset, spread, costs,
        )  # fmt: skip
        return float((layout.mass * np.where(layout.stays, 0.0, costs)).sum())

    def fitted(self, sweeps: int) -> _Plan:
        """Iterative proportional fitting (Sinkhorn) of R to what is wanted."""
        plan = self
        for _ in range(sweeps):
            R = plan.made
            wanted = plan.wanted(R)
            both = (R > 0.0) & (wanted > 0.0)
            factor = np.divide(wanted, R, out=np.ones_like(R), where=both)
            scale = np.maximum(plan.scale * np.minimum(factor, MOST), LEAST)
            plan = replace(plan, scale=scale / scale.max())
        return plan

    def value(self) -> tuple[float, float]:
        """Of the plan with the R that it makes, or with an exchange of mass that makes R as it is
        wanted, whichever is less: for a large epsilon the least flaw of R is dear."""
        problem = self.layout.problem
        made, cost, shape = self.made, self.cost, problem.grid.kernel_shape
        made /= made.sum()
        wanted = self.wanted(made)
        further = furthest_apart(
            made.reshape(shape), wanted.reshape(shape), problem.cost, problem.grid.kernel_spacing
        )
        mended = (cost ** (1.0 / problem.p) + further) ** problem.p
        found = []
        for masses, transport in ((made, cost), (wanted, mended)):
            R = masses.reshape(problem.grid.shape) / problem.grid.cell_volume
            information, error = _information(problem, R)
            found.append((transport + problem.epsilon * information, error))
        return min(found, key=sum)


def _information(problem: Problem, R: np.ndarray) -> tuple[float, float]:
    """D_f(R‖Q), R constant in each cell, and eps times the estimated error of its sums.

    Where Q has hard edges R is proportional to Q within each cell, and the averages tell it all.
    """
    coarse = problem.divergence.between(R, problem.log_Q, problem.grid.cell_volume)
    if not is_smooth(problem.densities[1], problem.grid):
        return coarse, 0.0
    fine = Divided.of(problem, 2)
    repeated = R
    for axis, n in enumerate(R.shape):
        repeated = np.repeat(repeated, 2 if n > 1 else 1, axis=axis)
    value = problem.divergence.between(repeated, fine.log_Q.reshape(repeated.shape), fine.volume)
    # Midpoint sums over h and h/2 of the same integrand.
    return value + (value - coarse) / 3.0, problem.epsilon * abs(value - coarse) / 10.0
