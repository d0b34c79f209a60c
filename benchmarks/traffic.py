"""What each hot kernel must move: every array that it reads or writes counted once a call.

A kernel that could keep all that it has seen in a cache would move this many bytes and no less.
Arrays of one line, tables of transfers and the coarsest grid are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace as Arguments

from benchmarks.meter import Count

WORD = 8
"""Bytes of a float64 or an int64; stencils may be of single precision."""


@dataclass(frozen=True)
class Traffic:
    """count: elements and bytes of a call; of: what an element is; work: what else takes time."""

    count: Count
    of: str = "cell"
    work: str = ""


def cells(shape) -> int:
    return math.prod(int(n) for n in shape)


def per_cell(shape, words: float) -> tuple[int, float]:
    return cells(shape), WORD * words * cells(shape)


def of_level(a: Arguments, entries: float, words: float) -> tuple[int, float]:
    """So many entries of the stencil and so many words for each cell of a level."""
    count = cells(a.shape)
    return count, count * (entries * a.stencil.itemsize + words * WORD)


def entries(d: int) -> int:
    """Off-diagonal entries, c and crosses."""
    return 2 * d + 1 + d * (d - 1) // 2


def build_stencil(a: Arguments) -> tuple[int, float]:
    """Coefficients read, entries but c written in their places, pivots along x written."""
    return of_level(a, 2 * entries(a.d), 0)


def pivots_across(a: Arguments) -> tuple[int, float]:
    """Entries without the crosses; pivots written."""
    return of_level(a, 2 * a.d + 2, 0)


def relax_x(a: Arguments) -> tuple[int, float]:
    """Lines of one colour: their part of the entries, pivots and f; u is read, that part written.

    A colour is every second row in two dimensions, every fourth in three.
    """
    part = 0.5 ** (a.d - 1)
    return of_level(a, part * (entries(a.d) + 1), part * 2 + 1)


def relax_across(a: Arguments) -> tuple[int, float]:
    """Columns of one colour share their cache lines with the others: everything is touched."""
    part = 1.0 if a.d == 2 else 0.5
    return of_level(a, part * (entries(a.d) + 1), part * 2 + 1)


def residual(a: Arguments) -> tuple[int, float]:
    """Entries, f, u; out where it is wanted."""
    return of_level(a, entries(a.d), 3 if a.out.size else 2)


def restrict_residual(a: Arguments) -> tuple[int, float]:
    return of_level(a, entries(a.d), 2 + cells(a.coarse_shape) / cells(a.shape))


def restrict(a: Arguments) -> tuple[int, float]:
    many = len(a.rows) * (cells(a.shape) + cells(a.coarse_shape))
    return len(a.rows) * cells(a.shape), many * a.rows.itemsize


def prolong_add(a: Arguments) -> tuple[int, float]:
    return cells(a.shape), WORD * (2 * cells(a.shape) + cells(a.coarse_shape))


def linearise(a: Arguments) -> tuple[int, float]:
    """chi, log P, log Q, weight; coefficients, rhs, log R."""
    rows = a.coefficients.shape[0] * a.coefficients.itemsize / WORD
    return per_cell(a.rhs.shape, 6 + rows)


def pushed_density(a: Arguments) -> tuple[int, float]:
    """chi, log P, log R."""
    return per_cell(a.log_R.shape, 3)


def conjugate(a: Arguments) -> tuple[int, float]:
    """Coefficients and starts once a cell; a node has its index, a value and three places."""
    return a.nodes.size, WORD * (a.c.size + a.start.size + 5 * a.nodes.size)


def solve_splines(a: Arguments) -> tuple[int, float]:
    return a.values.size, WORD * (a.values.size + a.out.size)


def quadratic_axis(a: Arguments) -> tuple[int, float]:
    """f read and written, argmins of half a word."""
    return per_cell(a.f.shape, 2.5)


def composed(a: Arguments) -> tuple[int, float]:
    return per_cell(a.out.shape, 2.5)


def polish(a: Arguments) -> tuple[int, float]:
    return a.nodes.size, WORD * (a.c.size + 2 * a.psi.size + 5 * a.nodes.size)


def spline_points(a: Arguments) -> tuple[int, float]:
    return a.out.size, WORD * (a.c.size + 4 * a.out.size)


def plan_weights(a: Arguments) -> tuple[int, float]:
    return a.weights.size, WORD * (
        a.psi.size * 3 + 4 * a.nodes.size + a.weights.size + a.first.size
    )


def part_pairs(a: Arguments) -> tuple[int, float]:
    """Per pair a target and its slack; psi, log R and argmins of the cells, four of each part."""
    pairs = max(a.targets.size, int(a.starts.sum()))
    return pairs, 8 * pairs * int(a.fill) + WORD * (a.psi.size * 3 + 4 * a.nodes.size)


def spread_pairs(a: Arguments) -> tuple[int, float]:
    return a.targets.size, 8 * a.targets.size + WORD * (3 * a.R.size + 2 * a.mass.size)


def cost_of_pairs(a: Arguments) -> tuple[int, float]:
    return a.targets.size, 8 * a.targets.size + WORD * (4 * a.scale.size + 3 * a.nodes.size)


def displaced(a: Arguments) -> tuple[int, float]:
    """Three places; rho and three velocities."""
    return a.rho.size, WORD * (7 * a.rho.size + a.psi.size + a.log_P.size)


def guessed_flux(a: Arguments) -> tuple[int, float]:
    """Masses and velocities at both times; flux and weight."""
    return per_cell(a.before.shape, 6)


def exact_flux(a: Arguments) -> tuple[int, float]:
    """Masses at both times, what is left over twice; guess, weight and flux of every axis."""
    return per_cell(a.before.shape, 4 + 3 * int((a.counts > 1).sum()))


def log_densities(a: Arguments) -> tuple[int, float]:
    """Three places; three places and three values."""
    return a.log_det.size, WORD * (9 * a.log_det.size + a.psi.size + a.log_Q.size)


def deposit(a: Arguments) -> tuple[int, float]:
    """Mass, places and widths of the particles, densities and fluxes twice: once a step."""
    steps = len(a.density)
    fields = sum(f.size for f in (a.density, a.flux_x, a.flux_y, a.flux_z))
    return a.mass.size * steps, WORD * (a.mass.size * 13 * steps + 2 * fields)


def faces(*arrays) -> int:
    """Axes that exist among the conductances."""
    return sum(array.size > 1 for array in arrays)


def space_time_smooth(a: Arguments) -> tuple[int, float]:
    """u twice, f, conductances and pivots: a colour touches every line of memory."""
    return per_cell(a.f.shape, 5 + faces(a.ax, a.ay, a.az))


def space_time_apply(a: Arguments) -> tuple[int, float]:
    return per_cell(a.u.shape, 3 + faces(a.ax, a.ay, a.az))


def space_time_restrict(a: Arguments) -> tuple[int, float]:
    return a.u.size, WORD * (a.u.size * (3 + faces(a.ax, a.ay, a.az)) + a.coarse.size)


def space_time_prolong(a: Arguments) -> tuple[int, float]:
    return a.u.size, WORD * (2 * a.u.size + a.coarse.size)


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
    "stencil.build_stencil": Traffic(build_stencil, work="a recurrence with a division"),
    "stencil.pivots_across": Traffic(pivots_across, work="a division"),
    "multigrid.relax_x": Traffic(relax_x, work="two recurrences"),
    "multigrid.relax_across": Traffic(relax_across, work="half of the sums thrown away"),
    "multigrid.residual": Traffic(residual),
    "multigrid.restrict_residual": Traffic(restrict_residual),
    "transfer.restrict": Traffic(restrict),
    "transfer.prolong_add": Traffic(prolong_add),
    "monge_ampere.linearise": Traffic(linearise, work="a quintic spline, 1 log and 2 exp"),
    "pushed_density.pushed_density": Traffic(pushed_density, work="a quintic spline, 1 log, 1 exp"),
    "conjugate.conjugate": Traffic(conjugate, "node", "2–3 Newton steps on a quintic spline"),
    "spline_fit.solve_splines": Traffic(solve_splines, work="recurrences along lines"),
    "transforms.quadratic_axis": Traffic(quadratic_axis, work="a branchy envelope, divisions"),
    "transforms.composed": Traffic(composed, work="scattered reads"),
    "polish.polish": Traffic(polish, "node", "Newton on a cubic spline from two starts"),
    "polish.polish_threaded": Traffic(polish, "node", "Newton on a cubic spline from two starts"),
    "cubic.spline_points": Traffic(spline_points, "node", "a cubic spline with its jet"),
    "deposit.plan_weights": Traffic(plan_weights, "tap", "an exp a tap"),
    "part_pairs.part_pairs": Traffic(part_pairs, "pair", "a window for each part"),
    "part_pairs.spread_pairs": Traffic(spread_pairs, "pair", "scattered additions"),
    "part_pairs.cost_of_pairs": Traffic(cost_of_pairs, "pair", "a distance a pair"),
    "displacement.displaced": Traffic(displaced, work="two quintic splines, an exp"),
    "flux.guessed_flux": Traffic(guessed_flux, work="roots"),
    "flux.exact_flux": Traffic(exact_flux, work="sums along lines, axis after axis"),
    "image.log_densities": Traffic(log_densities, "node", "two quintic splines, a log"),
    "deposition.deposit": Traffic(deposit, "particle and step", "shapes, scattered additions"),
    "space_time_multigrid.smooth": Traffic(space_time_smooth, work="half the sums thrown away"),
    "space_time_multigrid.apply": Traffic(space_time_apply),
    "space_time_multigrid.restrict": Traffic(space_time_restrict),
    "space_time_multigrid.prolong": Traffic(space_time_prolong),
    "space_time_multigrid.slab_dots": Traffic(lambda a: per_cell(a.a.shape, 2)),
    "space_time_multigrid.add_scaled": Traffic(lambda a: per_cell(a.out.shape, 3)),
    "splitting.kinetic_step": Traffic(kinetic_step, work="Newton on a cubic, ten divisions"),
    "splitting.forward_density": Traffic(lambda a: per_cell(a.rho[1:].shape, 4)),
    "staggered.continuity_residual": Traffic(continuity_residual),
    "splitting.project_density": Traffic(lambda a: per_cell(a.phi.shape, 4)),
    "certificates.half_step": Traffic(
        lambda a: per_cell(a.u.shape, 6 + int((a.counts > 1).sum())), work="sweeps until it is met"
    ),
    "hamilton_jacobi.backward_sweep": Traffic(backward_sweep),
    "continuity.forward_sweep": Traffic(forward_sweep),
    "sensitivity.second_derivative": Traffic(second_derivative),
    "screened_poisson.smooth": Traffic(gauss_seidel, work="a recurrence with a division a cell"),
}
