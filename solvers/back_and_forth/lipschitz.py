"""Lipschitz-regularised divergences: R on the way from P to S, the potential, the values.

    D = min over S { min over plans from P to S of E c(x, y) + eps D_f(S‖Q) },
c(d) = min over z of |z|^p + eps L |d - z|, see `capped_cost`. Each mass of the plan from x to y
stops in R after min(|y - x|, r); U_1(z) = min over y of eps L |z - y| - psi(y) is the largest
potential with |∇U_1| <= eps L that is not above -psi, and psi^c its p-transform.
Source: Baptista et al., Proximal optimal transport divergences, (2.4) and Example 3.2.
"""

from __future__ import annotations

import numpy as np

from mfgprox.capped_cost import flattened
from mfgprox.divergence import Lipschitz
from mfgprox.lipschitz_bounds import upper_bound
from mfgprox.problem import Problem
from mfgprox.solution import Certificate, Solution
from mfgprox.solvers.back_and_forth.ending import Ending
from mfgprox.solvers.back_and_forth.lattice import Lattice
from mfgprox.solvers.back_and_forth.plan import Plan
from mfgprox.solvers.iterate import Unsuitable

WITHOUT_BLUR = (
    "of the lattice problem between atoms of P and S at the cell centres, at the cost of going "
    "there by way of R: dual_value is that of a potential, primal_value that of a plan, with the S "
    "which it makes of P"
)
WITH_BLUR = (
    f"{WITHOUT_BLUR}; every atom is blurred over a cell at most, at the price of its entropy"
)

PIECES = 4
"""Chords for each piece of quantiles that lies in one cell of P and in one of S."""

Stopped = tuple[np.ndarray, float, float]
"""R and the costs of reaching R, and S by way of it."""


def require(problem: Problem) -> None:
    """Raises Unsuitable for a regularised divergence with a cost that is not Euclidean."""
    f, cost = problem.divergence, problem.cost
    if isinstance(f, Lipschitz) and cost.separable and problem.grid.dimension > 1 and cost.p != 2.0:
        raise Unsuitable(
            "back-and-forth takes a Lipschitz-regularised divergence with the Euclidean cost, in "
            f'which |∇U_1| is measured; got cost = "separable" with p = {cost.p:g}'
        )


def regularised(lattice: Lattice, plan: Plan, ending: Ending) -> Solution:
    """The solution that a potential on the problem's own grid stands for, at times 0 and 1."""
    problem, grid = lattice.problem, lattice.problem.grid
    assert lattice.capped is not None
    _, gibbs = lattice.marginal(plan.psi)
    S = plan.delivered
    sharp = plan.cost + lattice.epsilon * lattice.information(S), plan.sharp_dual(lattice)
    blurred = plan.certificate(lattice)
    tight = sharp[0] - sharp[1] <= blurred[0] - blurred[1]
    warmest = ending.state.warmest
    warm = Plan.of(lattice, *warmest) if warmest else plan
    R, transport, cost = by_way_of(lattice, warm)[0], *by_way_of(lattice, plan)[1:]
    if grid.dimension == 1:
        ordered = in_order(lattice, plan.R)
        if ordered[2] + lattice.epsilon * lattice.information(plan.R) <= sharp[0]:
            (R, transport, cost), S = ordered, plan.R
            sharp = cost + lattice.epsilon * lattice.information(S), sharp[1]
    U_1 = flattened(
        np.where(np.isfinite(plan.psi), -plan.psi, np.inf).reshape(lattice.shape),
        lattice.capped.steepness,
        grid.kernel_spacing,
    )
    U_0 = plan.phi.reshape(grid.shape) - gibbs
    value = 0.5 * (sharp[0] + sharp[1])
    return ending.solution(
        problem,
        (U_0, U_1.reshape(grid.shape) - gibbs),
        R,
        certificate=Certificate(
            *(sharp if tight else blurred),
            upper_bound=upper_bound(problem, cost, S / grid.cell_volume, U_0),
            statement=WITHOUT_BLUR if tight or blurred[1] != plan.dual else WITH_BLUR,
        ),
        divergence=max(value, 0.0),
        divergence_error=0.5 * abs(sharp[0] - sharp[1]) if ending.finished else np.inf,
        transport_cost=transport,
        information_divergence=max(value - transport, 0.0) / problem.epsilon,
    )


def by_way_of(lattice: Lattice, plan: Plan) -> Stopped:
    """R, grid.shape: the masses of the plan where they stop; what it costs to bring them there, and
    with their way to S.

    Each is a cell's worth, shared out to the cells that it covers.
    """
    assert lattice.capped is not None
    grid, shape = lattice.problem.grid, lattice.shape
    source = np.repeat(lattice.sources, np.diff(plan.starts))
    x, y = (np.array(np.unravel_index(cell, shape), float) for cell in (source, plan.targets))
    h = np.array(grid.kernel_spacing)[:, None]
    distance = np.sqrt(np.square((y - x) * h).sum(axis=0))
    reach = lattice.capped.reach
    share = np.divide(reach, distance, out=np.ones_like(distance), where=distance > reach)
    z = x + share * (y - x)
    R = np.zeros(plan.psi.size)
    low = np.floor(z).astype(np.int64)
    for corner in np.ndindex(*(2 if n > 1 else 1 for n in shape)):
        at = np.array(corner)[:, None]
        weight = np.where(at == 1, z - low, 1.0 - (z - low)).prod(axis=0)
        cell = np.minimum(low + at, np.array(shape)[:, None] - 1)
        R += np.bincount(
            np.ravel_multi_index(tuple(cell), shape), weights=plan.mass * weight, minlength=R.size
        )
    cost = float((plan.mass * np.minimum(distance, reach) ** lattice.problem.p).sum())
    return R.reshape(grid.shape) / (R.sum() * grid.cell_volume), cost, plan.cost


def in_order(lattice: Lattice, S: np.ndarray) -> Stopped:
    """The same on the line, P and masses S (cells,) constant within the cells, moved in order.

    Costs are those of chords between quantiles, which are not below those of a convex cost.
    """
    assert lattice.capped is not None
    cost, n, h = lattice.capped, S.size, float(max(lattice.problem.grid.spacing))
    P = np.zeros(n)
    P[lattice.sources] = lattice.mass
    below = [np.concatenate([[0.0], np.cumsum(m)]) / m.sum() for m in (P, S)]
    levels = np.unique(np.concatenate(below))
    u = levels[:-1, None] + np.diff(levels)[:, None] * np.linspace(0.0, 1.0, PIECES + 1)
    middle = 0.5 * (levels[1:] + levels[:-1])
    x, y = (_quantiles(b, u, middle) * h for b in below)
    z = np.clip(y, x - cost.reach, x + cost.reach)
    width = np.diff(u, axis=1)
    stop = np.abs(z - x) ** cost.p
    whole = cost.of(np.abs(y - x))
    sums = [float((0.5 * (v[:, 1:] + v[:, :-1]) * width).sum()) for v in (stop, whole)]
    mass = np.interp(np.arange(n + 1.0) * h, np.append(0.0, z.ravel()), np.append(0.0, u.ravel()))
    mass[-1] = 1.0
    # Interpolation rounds: what is cumulated does not fall, nor exceed one.
    mass = np.maximum.accumulate(np.minimum(mass, 1.0))
    return np.diff(mass) / h, sums[0], sums[1]


def _quantiles(below: np.ndarray, u: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Places, in cells, of levels u (pieces, k), each piece in the cell that holds its middle."""
    cell = np.clip(np.searchsorted(below, middle, side="right") - 1, 0, below.size - 2)
    mass = np.maximum(below[cell + 1] - below[cell], 1e-300)[:, None]
    return cell[:, None] + np.clip((u - below[cell][:, None]) / mass, 0.0, 1.0)
