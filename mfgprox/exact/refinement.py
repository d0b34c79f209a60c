"""From a solution on a mesh of second order to one by collocation, with panels where they count.

Panels are divided where the highest Legendre coefficients of U_1', of R or of the cost say so, and
next to the places where U_1' is not smooth: where the mass comes from a break of P, and where
nothing moves if p is not even. In the end every panel is halved once more; what that changes is the
error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mfgprox.exact.collocation import LEAST_WEIGHT, Collocation, Fields, Panels, System
from mfgprox.exact.collocation_newton import solve
from mfgprox.exact.convex_1d import CUMULATIVE, ConvexProblem, Mesh
from mfgprox.exact.distribution import NODES, WEIGHTS, Distribution
from mfgprox.exact.newton_1d import AT_A_KINK, Minimum

FIRST_PANELS = 48
NO_MASS = 1e-18
"""Ends of the support with less mass of R than this are left as they were."""
RESOLVED = 1e-13
"""Mass that the last coefficients of a panel may stand for."""
ROUNDS, MOST_PANELS = 60, 3000
SMALLEST_COST = 1e-6
"""A transport cost below this one is known to fewer digits."""
CLOSE = 0.02
"""Share of a panel within which the place of a kink is known from the panel itself."""

COEFFICIENTS = np.linalg.inv(np.polynomial.legendre.legvander(NODES, NODES.size - 1))
"""From values at the nodes to coefficients of Legendre polynomials."""


@dataclass(frozen=True, eq=False)
class Refined:
    """values: D, W_p^p and D_f(R‖Q); error: of D, density_error: of R in L1."""

    collocation: Collocation
    values: tuple[float, float, float]
    error: float
    density_error: float


def refine(problem: ConvexProblem, Q: Distribution, found: Minimum) -> Refined | None:
    """The solution by collocation; None where its Newton's method fails or the panels run out."""
    system = System(problem.P, Q, problem.p, problem.epsilon, problem.divergence)
    mesh, panels = problem.mesh, _first_panels(system, problem.mesh, found.state.R)
    middle, U = 0.5 * (mesh.left + mesh.right), problem.epsilon * problem.marginal(found.state.R)
    ends = np.interp([panels.left, panels.right], middle, U)
    fields = _fields(system, panels, np.interp(panels.nodes, middle, U), ends)
    now = None if fields is None else solve(system, panels, fields)
    now = now if now is None else _released(now)
    for _ in range(ROUNDS):
        if now is None or now.panels.left.size > MOST_PANELS:
            return None
        cuts = _cuts(now)
        if not cuts.size:
            break
        now = _divided(now, cuts)
    else:
        return None
    panels = now.panels
    fine = _divided(now, 0.5 * (panels.left + panels.right))
    if fine is None:
        return None
    old, new = (_values(at) for at in (now, fine))
    y = fine.panels.nodes
    R = now.density(_at(now, y), y)
    moved = fine.panels.integrate(np.abs(R - fine.density(fine.fields.U, y)))
    return Refined(fine, new, abs(new[0] - old[0]), moved)


def _first_panels(system: System, mesh: Mesh, R: np.ndarray) -> Panels:
    i = int(np.searchsorted(np.cumsum(R), NO_MASS))
    j = R.size - int(np.searchsorted(np.cumsum(R[::-1]), NO_MASS))
    first, last = float(R[:i].sum()), float(R[j:].sum())
    spread = np.linspace(mesh.left[0], mesh.right[-1], FIRST_PANELS + 1)
    edges = np.concatenate([spread, system.Q.breaks, [mesh.left[i], mesh.right[j - 1]]])
    edges = np.unique(edges)
    edges = edges[(edges >= mesh.left[i]) & (edges <= mesh.right[j - 1])]
    middle = 0.5 * (edges[1:] + edges[:-1])
    held = np.isfinite(system.Q.log_density(middle))
    left, right = edges[:-1][held], edges[1:][held]
    fixed = np.full(left.size - 1, np.nan)
    below = np.cumsum(R)[:-1]
    gap = np.flatnonzero(mesh.left[1:] > mesh.right[:-1])
    for _, _, level in system.P.gaps():
        for node in gap[np.abs(below[gap] - level) <= AT_A_KINK]:
            fixed[np.searchsorted(left, mesh.left[node + 1]) - 1] = level
    half = np.interp(left, mesh.right, np.cumsum(R)) < 0.5
    split = min(max(int(half.sum()), 1), left.size - 1)
    return Panels(left, right, first, last, fixed, split)


def _fields(system: System, panels: Panels, U: np.ndarray, ends_U: np.ndarray) -> Fields | None:
    """Fields that are consistent in R, with this potential up to a constant; None where it is so
    close to eps f'(∞) that R cannot be told from it."""
    log_R = system.Q.log_density(panels.nodes) + system.log_ratio(U)
    R = np.exp(log_R)
    total = panels.integrate(R) + panels.first + panels.last
    if not np.isfinite(total):
        return None
    if system.divergence.name == "kl":
        U, ends_U = U - system.epsilon * np.log(total), ends_U - system.epsilon * np.log(total)
    R = R / total
    masses = panels.half * (R @ WEIGHTS)
    below = panels.first + np.concatenate([[0.0], np.cumsum(masses)])
    above = panels.last + np.concatenate([np.cumsum(masses[::-1])[::-1], [0.0]])
    low = panels.shift == 0.0
    ends = np.where(low, [below[:-1], below[1:]], [-above[:-1], -above[1:]])
    inside = panels.half[:, None] * (R @ CUMULATIVE.T)
    M = np.where(
        low[:, None],
        below[:-1, None] + inside,
        -above[1:, None] - (masses[:, None] - inside),
    )
    return Fields(U, M, ends_U, ends)


def _released(at: Collocation) -> Collocation | None:
    """The solution without gaps that were taken for common ones and pull mass to one side."""
    panels, fields, p = at.panels, at.fields, at.system.p
    fixed = panels.fixed.copy()
    for start, end, level in at.system.P.gaps():
        for k in np.flatnonzero(fixed == level):
            a, b = panels.right[k], panels.left[k + 1]
            rise = fields.ends_U[0, k + 1] - fields.ends_U[1, k]
            least, most = (abs(x - a) ** p - abs(x - b) ** p for x in (start, end))
            if not least <= rise <= most:
                fixed[k] = np.nan
    if np.array_equal(fixed, panels.fixed, equal_nan=True):
        return at
    return solve(at.system, replace(panels, fixed=fixed), fields)


def _divided(at: Collocation, cuts: np.ndarray) -> Collocation | None:
    """The solution on panels that end at the cuts as well."""
    old = at.panels
    left = np.unique(np.concatenate([old.left, cuts]))
    right = np.unique(np.concatenate([old.right, cuts]))
    parent = np.searchsorted(old.left, left, side="right") - 1
    inner = np.flatnonzero(np.diff(parent) > 0)
    fixed = np.full(left.size - 1, np.nan)
    fixed[inner] = old.fixed[parent[inner]]
    split = int(np.searchsorted(parent, old.split))
    panels = Panels(left, right, old.first, old.last, fixed, split)
    U = _at(at, panels.nodes)
    ends = np.stack([_at(at, left), _at(at, np.nextafter(right, left))])
    fields = _fields(at.system, panels, U, ends)
    return None if fields is None else solve(at.system, panels, fields)


def _values(at: Collocation) -> tuple[float, float, float]:
    transport, information = at.values()
    return transport + at.system.epsilon * information, transport, information


def _at(at: Collocation, y: np.ndarray) -> np.ndarray:
    """U_1 at positions of any shape."""
    return at.at(y.ravel())[0].reshape(y.shape)


def _cuts(at: Collocation) -> np.ndarray:
    """Where to divide panels that do not resolve U_1', R or the transport cost."""
    system, panels, fields = at.system, at.panels, at.fields
    y = panels.nodes
    S = at.origin(fields.M, panels.shift[:, None])
    minority = np.clip(np.abs(fields.M), LEAST_WEIGHT, 1.0).max(axis=1)
    worth = np.zeros(panels.left.size)
    R = at.density(fields.U, y)
    cost = R * np.abs(S - y) ** system.p
    for values, weight in (
        (system.slope(S - y), minority / system.epsilon),
        (R, 1.0),
        (cost, 1.0 / max(panels.integrate(cost), SMALLEST_COST)),
    ):
        high = np.abs(values @ COEFFICIENTS.T)[:, -2:].sum(axis=1)
        worth = np.maximum(worth, panels.half * high * weight)
    wide = panels.half > 1e-13 * (panels.right[-1] - panels.left[0])
    bad = np.flatnonzero((worth > RESOLVED) & wide)
    cuts = []
    for k in bad:
        kink = _kink(at, int(k))
        if kink is None:
            cuts.append(0.5 * (panels.left[k] + panels.right[k]))
            continue
        near = 2.0 * CLOSE * panels.half[k]
        cuts += [c for c in (kink - near, kink + near) if panels.left[k] < c < panels.right[k]]
    return np.array(cuts)


def _kink(at: Collocation, k: int) -> float | None:
    """A place in a panel at which U_1' is not smooth."""
    system, panels = at.system, at.panels
    a, b = panels.left[k], panels.right[k]
    y = np.linspace(a, b, 65)[1:-1]
    _, M, shift = at.at(y)
    S = at.origin(M, shift)
    targets = [system.P.breaks[1:-1, None]] if system.P.breaks.size > 2 else []
    if system.p % 2.0 != 0.0:
        targets.append(y[None, :])
    for target in targets:
        for ahead in S - target:
            turn = np.flatnonzero(np.sign(ahead[1:]) != np.sign(ahead[:-1]))
            if turn.size:
                i = int(turn[0])
                return 0.5 * float(y[i] + y[i + 1])
    return None
