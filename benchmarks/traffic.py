"""What each hot kernel must move: every array that it reads or writes counted once a call.

A kernel that could keep all that it has seen in a cache would move this much and no less. Arrays of
one line, tables of transfers and the coarsest grid are left out. Words are float64 or int64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace as Arguments

from benchmarks.meter import Count


@dataclass(frozen=True)
class Traffic:
    """count: elements and words of a call; of: what an element is; work: what else takes time."""

    count: Count
    of: str = "cell"
    work: str = ""


def cells(shape) -> int:
    return math.prod(int(n) for n in shape)


def per_cell(shape, words: float) -> tuple[int, float]:
    return cells(shape), cells(shape) * words


def build_stencil(a: Arguments) -> tuple[int, float]:
    return per_cell(a.shape, a.coefficients.shape[0] + a.stencil.shape[0])


def relax(a: Arguments) -> tuple[int, float]:
    """Stencil and factors, f, and u twice."""
    return per_cell(a.shape, a.stencil.shape[0] + 3)


def line_residual(a: Arguments) -> tuple[int, float]:
    """Off-diagonal and diagonal entries without the line factors, f, u, out."""
    return per_cell(a.shape, a.stencil.shape[0] - 2 * a.d + 3)


def restrict(a: Arguments) -> tuple[int, float]:
    return cells(a.shape), cells(a.shape) + cells(a.coarse_shape)


def prolong_add(a: Arguments) -> tuple[int, float]:
    return cells(a.shape), 2 * cells(a.shape) + cells(a.coarse_shape)


def linearise(a: Arguments) -> tuple[int, float]:
    """chi, log P, log Q, weight; coefficients, rhs, log R."""
    return per_cell(a.rhs.shape, 6 + a.coefficients.shape[0])


def conjugate(a: Arguments) -> tuple[int, float]:
    """Coefficients and starts once a cell; a node has its index, a value and three places."""
    return a.nodes.size, a.c.size + a.start.size + 5 * a.nodes.size


def solve_splines(a: Arguments) -> tuple[int, float]:
    return a.values.size, a.values.size + a.out.size


def lines(a: Arguments) -> tuple[int, float]:
    """f, values, argmins."""
    return per_cell(a.f.shape, 3)


def polish(a: Arguments) -> tuple[int, float]:
    return a.nodes.size, a.c.size + 2 * a.psi.size + 5 * a.nodes.size


def spline_points(a: Arguments) -> tuple[int, float]:
    return a.out.size, a.c.size + 4 * a.out.size


def plan_weights(a: Arguments) -> tuple[int, float]:
    return a.weights.size, a.psi.size * 3 + 4 * a.nodes.size + a.weights.size + a.first.size


def spread_plan(a: Arguments) -> tuple[int, float]:
    return a.weights.size, a.R.size * 3 + a.weights.size + 2 * a.nodes.size + a.first.size


def deposit(a: Arguments) -> tuple[int, float]:
    """Mass, places and widths of the particles, densities and fluxes twice: once a step."""
    steps = len(a.density)
    fields = sum(f.size for f in (a.density, a.flux_x, a.flux_y, a.flux_z))
    return a.mass.size * steps, a.mass.size * 13 * steps + 2 * fields


def faces(*arrays) -> int:
    """Axes that exist among the conductances."""
    return sum(array.size > 1 for array in arrays)


def space_time_smooth(a: Arguments) -> tuple[int, float]:
    """u twice, f, conductances and pivots: a colour touches every line of memory."""
    return per_cell(a.f.shape, 5 + faces(a.ax, a.ay, a.az))


def space_time_apply(a: Arguments) -> tuple[int, float]:
    return per_cell(a.u.shape, 3 + faces(a.ax, a.ay, a.az))


def space_time_restrict(a: Arguments) -> tuple[int, float]:
    return a.u.size, a.u.size * (3 + faces(a.ax, a.ay, a.az)) + a.coarse.size


def space_time_prolong(a: Arguments) -> tuple[int, float]:
    return a.u.size, 2 * a.u.size + a.coarse.size


def kinetic_step(a: Arguments) -> tuple[int, float]:
    """Two densities, phi, weight; multiplier and the two copies of each flux twice."""
    return per_cell(a.phi.shape, 6 + 4 * len(a.copies))


def continuity_residual(a: Arguments) -> tuple[int, float]:
    return per_cell(a.out.shape, 2 + 2 * len(a.copies))


def backward_sweep(a: Arguments) -> tuple[int, float]:
    """Each level of U read and written, mobilities written."""
    return per_cell(a.U[1:].shape, 2 + a.G.shape[1])


def forward_sweep(a: Arguments) -> tuple[int, float]:
    """U, mobilities; rho read and written."""
    return per_cell(a.U[1:].shape, 3 + a.G.shape[1])


def second_derivative(a: Arguments) -> tuple[int, float]:
    """Tangent: U, mobilities, D twice. Adjoint: U, mobilities, D, rho; its vectors stay near."""
    return per_cell(a.U[1:].shape, 6 + 2 * a.G.shape[1])


def gauss_seidel(a: Arguments) -> tuple[int, float]:
    return per_cell(a.x.shape, 4 + sum(k.size > 0 for k in (a.kz, a.ky, a.kx)))


TRAFFIC = {
    "multigrid.build_stencil": Traffic(build_stencil, work="a division a line factor"),
    "multigrid.relax": Traffic(relax, work="2 d half sweeps, recurrences along lines"),
    "multigrid.line_residual": Traffic(line_residual),
    "transfer.restrict": Traffic(restrict),
    "transfer.prolong_add": Traffic(prolong_add),
    "monge_ampere.linearise": Traffic(linearise, work="a quintic spline, 1 log and 2 exp"),
    "conjugate.conjugate": Traffic(conjugate, "node", "2–3 Newton steps on a quintic spline"),
    "spline_fit.solve_splines": Traffic(solve_splines, work="recurrences along lines"),
    "transforms.quadratic_axis": Traffic(lines, work="a branchy envelope, divisions"),
    "spline.polish": Traffic(polish, "node", "Newton on a cubic spline from two starts"),
    "spline.polish_threaded": Traffic(polish, "node", "Newton on a cubic spline from two starts"),
    "spline.spline_points": Traffic(spline_points, "node", "a cubic spline with its jet"),
    "deposit.plan_weights": Traffic(plan_weights, "tap", "an exp a tap"),
    "deposit.spread_plan": Traffic(spread_plan, "tap", "scattered additions"),
    "deposition.deposit": Traffic(deposit, "particle and step", "shapes, scattered additions"),
    "space_time_multigrid.smooth": Traffic(space_time_smooth, work="half the sums thrown away"),
    "space_time_multigrid.apply": Traffic(space_time_apply),
    "space_time_multigrid.restrict": Traffic(space_time_restrict),
    "space_time_multigrid.prolong": Traffic(space_time_prolong),
    "space_time_multigrid.slab_dots": Traffic(lambda a: per_cell(a.a.shape, 2)),
    "space_time_multigrid.add_scaled": Traffic(lambda a: per_cell(a.out.shape, 3)),
    "staggered.kinetic_step": Traffic(kinetic_step, work="Newton on a cubic, ten divisions"),
    "staggered.forward_density": Traffic(lambda a: per_cell(a.rho[1:].shape, 4)),
    "staggered.continuity_residual": Traffic(continuity_residual),
    "staggered.project_density": Traffic(lambda a: per_cell(a.phi.shape, 4)),
    "certificates.half_step": Traffic(
        lambda a: per_cell(a.u.shape, 6 + int((a.counts > 1).sum())), work="sweeps until it is met"
    ),
    "hamilton_jacobi.backward_sweep": Traffic(backward_sweep),
    "continuity.forward_sweep": Traffic(forward_sweep),
    "sensitivity.second_derivative": Traffic(second_derivative),
    "screened_poisson.smooth": Traffic(gauss_seidel, work="a recurrence with a division a cell"),
}
