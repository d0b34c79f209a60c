"""The whole path on the line from the monotone map: rho_t, U_t and its gradient.

The complete graph of the map is kept as knots (x, y) that increase in both: where P has a gap, x
runs at a fixed y; where Q has one, y runs at a fixed x, and the potential there is its concave
extension. The velocity along z = (1-t) x + t y is y - x, and U_t(z) = U_1(y) + (1-t) |y - x|^p.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfgprox.divergence import Divergence
from mfgprox.exact.convex_1d import ConvexProblem, State
from mfgprox.exact.distribution import Distribution

SAME_MASS = 1e-8
BISECTIONS = 80
TAIL_KNOTS = 48


@dataclass(frozen=True, eq=False)
class MonotonePath:
    """Knots x, y (k,) of the map, U_1 and its derivative at y; P and Q, epsilon, f and p.

    shift: what turns the gauge U_1 = epsilon f'(R/Q) into the one in which D = E_P[U_0].
    """

    x: np.ndarray
    y: np.ndarray
    U: np.ndarray
    slope: np.ndarray
    P: Distribution
    Q: Distribution
    epsilon: float
    divergence: Divergence
    p: float
    shift: float

    def ends(self, t: float, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Start x and end y of the characteristic through z at time t, and its piece."""
        z = np.asarray(z, float)
        knots = (1.0 - t) * self.x + t * self.y
        k = np.searchsorted(knots, z, side="right").clip(1, knots.size - 1) - 1
        length = knots[k + 1] - knots[k]
        share = np.divide(z - knots[k], length, out=np.zeros_like(z), where=length > 0.0)
        share = share.clip(0.0, 1.0)
        x = self.x[k] + share * (self.x[k + 1] - self.x[k])
        y = self.y[k] + share * (self.y[k + 1] - self.y[k])
        return x, y, k

    def gradient(self, t: float, z: np.ndarray) -> np.ndarray:
        """∇U_t at z."""
        x, y, _ = self.ends(t, z)
        return _slope(x, y, self.p)

    def potential(self, t: float, z: np.ndarray) -> np.ndarray:
        """U_t at z; D = E_P[U_0]."""
        x, y, k = self.ends(t, z)
        return self._terminal(x, y, k) + self.shift + (1.0 - t) * np.abs(y - x) ** self.p

    def density(self, t: float, z: np.ndarray) -> np.ndarray:
        """rho_t at the points z, from 1/rho_t = (1-t)/P + t/R."""
        x, y, k = self.ends(t, z)
        start = self.P.density(x)
        ratio = self._ratio(self._terminal(x, y, k))
        end = self.Q.density(y) * ratio
        held = (start > 0.0) & (end > 0.0)
        volume = (1.0 - t) * end + t * start
        product = np.divide(end, volume, out=np.zeros_like(x), where=held) * start
        if t == 0.0:
            return start
        return np.where(volume > 0.0, product, 0.0) if t < 1.0 else end

    def ratio(self, y: np.ndarray) -> np.ndarray:
        """R/Q at y, continued by the potential where Q has no mass."""
        return self._ratio(self._terminal(*self.ends(1.0, y)))

    def averages(self, t: float, edges: np.ndarray) -> np.ndarray:
        """Averages of rho_t between consecutive edges."""
        x, _, _ = self.ends(t, edges)
        below = self.P.mass_below(x)
        below[0], below[-1] = 0.0, 1.0
        return np.maximum(np.diff(below), 0.0) / np.diff(edges)

    def _terminal(self, x: np.ndarray, y: np.ndarray, k: np.ndarray) -> np.ndarray:
        """U_1 at y on the piece k, in the gauge epsilon f'(R/Q)."""
        way, width = y - self.y[k], self.y[k + 1] - self.y[k]
        s = np.divide(way, width, out=np.zeros_like(way), where=width > 0.0)
        rise, first, last = self.U[k + 1] - self.U[k], self.slope[k], self.slope[k + 1]
        # The cubic with these values and slopes at both knots.
        smooth = s * s * (3.0 - 2.0 * s) * rise
        smooth += way * (1.0 - s) * ((1.0 - s) * first - s * last)
        jump = np.abs(self.y[k] - x) ** self.p - np.abs(y - x) ** self.p
        return self.U[k] + np.where(self.x[k + 1] > self.x[k], smooth, jump)

    def _ratio(self, U: np.ndarray) -> np.ndarray:
        """R/Q where U_1 has this value, in the gauge epsilon f'(R/Q)."""
        if self.divergence.name == "kl":
            return np.exp(np.minimum(U / self.epsilon, 700.0))
        return np.asarray(self.divergence.conjugate_derivative(U / self.epsilon))


def path_of(problem: ConvexProblem, Q: Distribution, state: State) -> MonotonePath:
    """The path of an optimal state."""
    x, y = _graph(problem, state)
    U, slope = potential_along(x, y, problem.p)
    path = MonotonePath(
        x, y, U, slope, problem.P, Q, problem.epsilon, problem.divergence, problem.p, 0.0
    )
    middle = 0.5 * (problem.mesh.left + problem.mesh.right)
    found = path._terminal(*path.ends(1.0, middle))
    marginal = problem.marginal(state.R) * problem.epsilon
    # The end cells carry the tails of P, where the mean of U over a cell is not its middle.
    weight = np.where(np.isin(np.arange(middle.size), [0, middle.size - 1]), 0.0, state.R)
    weight = weight if weight.any() else state.R
    offset = float((weight * (marginal - found)).sum() / weight.sum())
    shift = problem.epsilon * state.information_divergence - float((state.R * marginal).sum())
    return MonotonePath(
        x,
        y,
        U + offset,
        slope,
        problem.P,
        Q,
        problem.epsilon,
        problem.divergence,
        problem.p,
        0.0 if problem.divergence.name == "kl" else shift,
    )


def potential_along(x: np.ndarray, y: np.ndarray, p: float) -> tuple[np.ndarray, np.ndarray]:
    """U_1 at the knots of a map, zero at the first, and its slope there."""
    slope = _slope(x, y, p)
    across = np.abs(y[:-1] - x[:-1]) ** p - np.abs(y[1:] - x[1:]) ** p
    step = np.where(np.diff(x) > 0.0, 0.5 * (slope[1:] + slope[:-1]) * np.diff(y), across)
    return np.concatenate([[0.0], np.cumsum(step)]), slope


def _slope(x: np.ndarray, y: np.ndarray, p: float) -> np.ndarray:
    """U_1' at y where the mass comes from x."""
    return p * np.sign(x - y) * np.abs(x - y) ** (p - 1.0)


def _graph(problem: ConvexProblem, state: State) -> tuple[np.ndarray, np.ndarray]:
    """Knots of the complete monotone graph, from the lower corner of the box to the upper one."""
    P, mesh = problem.P, problem.mesh
    below = np.cumsum(state.R)[:-1]
    S = state.positions.copy()
    rest = state.gradient - problem.jump_slope(S)
    x, y = [S, S], [mesh.right[:-1], mesh.left[1:]]
    for start, end, level in P.gaps():
        at = np.flatnonzero(
            (np.abs(below - level) <= SAME_MASS) & (mesh.left[1:] > mesh.right[:-1])
        )
        for i in at:
            S[i] = _balance(problem, rest, int(i), start, end)
        j = int(np.searchsorted(below, level))
        if at.size:
            image = np.array([mesh.right[at[0]], mesh.left[at[0] + 1]])
        else:
            first = below[j - 1] if j else 0.0
            share = np.clip((level - first) / state.R[j], 0.0, 1.0)
            image = np.repeat(mesh.left[j] + share * (mesh.right[j] - mesh.left[j]), 2)
        x, y = [*x, np.array([start, end])], [*y, image]
    for tail_x, tail_y in _tails(problem, state):
        x, y = [*x, tail_x], [*y, tail_y]
    a, b = P.support()
    corners_x = [P.lower, P.lower, a, b, P.upper, P.upper]
    corners_y = [P.lower, mesh.left[0], mesh.left[0], mesh.right[-1], mesh.right[-1], P.upper]
    xs, ys = np.concatenate([*x, corners_x]), np.concatenate([*y, corners_y])
    return increasing(np.maximum(xs, P.lower), np.maximum(ys, P.lower))[:2]


def increasing(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The knots in their order along the graph, none twice, and which of the given they are."""
    order = np.argsort(x + y, kind="stable")
    x, y = np.maximum.accumulate(x[order]), np.maximum.accumulate(y[order])
    keep = np.append(True, (np.diff(x) > 0.0) | (np.diff(y) > 0.0))
    return x[keep], y[keep], order[keep]


def _tails(problem: ConvexProblem, state: State) -> list[tuple[np.ndarray, np.ndarray]]:
    """Knots inside the first and the last cell, where x may run to the far end of a tail of P."""
    mesh, share = problem.mesh, 0.5 ** np.arange(1, TAIL_KNOTS)
    first, last = share * state.R[0], share * state.R[-1]
    return [
        (problem.P.quantile(first, 1.0 - first), mesh.left[0] + share * mesh.width[0]),
        (problem.P.quantile(1.0 - last, last), mesh.right[-1] - share * mesh.width[-1]),
    ]


def _balance(
    problem: ConvexProblem, rest: np.ndarray, node: int, start: float, end: float
) -> float:
    """The position in a gap of P at which the node of a gap of Q is in equilibrium."""
    for _ in range(BISECTIONS):
        middle = 0.5 * (start + end)
        slope = problem.jump_slope(np.full(rest.size, middle))[node] + rest[node]
        start, end = (middle, end) if slope < 0.0 else (start, middle)
    return 0.5 * (start + end)
