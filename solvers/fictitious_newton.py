"""The Newton-type update of the terminal potential: quadratically convergent fictitious play.

At U_1 solve  (W/epsilon - ∂R_pushed/∂U_1) δ = R_pushed - R_Gibbs  by preconditioned conjugate
gradients; W/epsilon is the secant slope of R = f'^{-1}(U_1/epsilon) between both densities (for
KL the logarithmic mean). One product costs one tangent sweep and one second-order adjoint sweep.
The preconditioner is the linearised transport map: W/epsilon - div(W (D²c + D²U_1)^{-1} ∇).
"""

from __future__ import annotations

import numpy as np

from mfgprox.kernels import hamilton_jacobi
from mfgprox.kernels.screened_poisson import ScreenedPoisson
from mfgprox.solvers.fictitious_level import Level, Response
from mfgprox.solvers.fictitious_terminal import ceiling, terminal_slope

LEAST_PRODUCTS = 4
"""The first products go to cells with little mass, where the preconditioner is poor."""
SHORT = 0.1
"""Weight of the short waves in the preconditioner."""
ARMIJO = 1e-4
SMALLEST_STEP = 2.0**-20
SHORTENED, LEAST_SHARE = 0.3, 0.01
"""Length of a step below which another is tried where f(0) = ∞: with slopes between the Gibbs
density and a pushed one of that share of it at least. Where next to nothing of what is asked for
arrives, the secant down to that lets the cell fall without end."""
MISSED = 0.1
"""Share of the mass asked for below which cells count as missed."""
DRAWN, LEVELLED = (1.0, 0.7, 0.5, 0.35, 0.25, 0.15), (0.1, 0.03, 0.01)
"""Slopes, as shares of the steepest, that draw mass to missed cells, and those that let it stay."""
WORTH = 1e-6
"""Relative rise of the dual value for which a potential is cut off, which leaves it with kinks."""


class Preconditioner:
    """An approximate inverse of  slope + the curvature of the transport.

    Long waves see the linearised map, -div(epsilon slope (D²c + D²U_1)^{-1} ∇), inverted by
    multigrid. Short waves are spread by the diffusion h v of the scheme within the time they take:
    their curvature levels off at the mobility over that diffusion, a diagonal added to the inverse.
    """

    def __init__(self, response: Response, slope: np.ndarray) -> None:
        level, problem = response.level, response.level.problem
        u = response.potential
        bend = cost_curvature(level, u)
        faces = []
        level_off = np.zeros_like(u)
        for axis in range(3):
            width = 1.0 / level.inverse[axis]
            second = np.zeros_like(u)
            if u.shape[axis] > 2:
                middle = tuple(slice(1, -1) if a == axis else slice(None) for a in range(3))
                second[middle] = np.diff(u, 2, axis=axis) / width**2
            # Where the map compresses without bound (D²c + D²U near 0) the scheme's own diffusion
            # limits it: 0.15 of the cost's curvature was the best floor in experiments.
            share = 1.0 / np.maximum(bend[axis] + second, 0.15 * bend[axis])
            mobility = problem.epsilon * slope * share
            low = mobility.take(range(u.shape[axis] - 1), axis)
            high = mobility.take(range(1, u.shape[axis]), axis)
            faces.append(np.ascontiguousarray(0.5 * (low + high) / width**2))
            if u.shape[axis] > 1:
                speed = np.abs(np.gradient(u, width, axis=axis)) / bend[axis]
                spread = width * np.minimum(speed, level.speed) + width**2
                level_off = np.maximum(level_off, problem.epsilon * slope / bend[axis] / spread)
        self.long = ScreenedPoisson(slope, tuple(faces))
        self.short = SHORT / (slope + level_off)

    def solve(self, residual: np.ndarray) -> np.ndarray:
        return self.long.solve(residual) + self.short * residual


def cost_curvature(level: Level, u: np.ndarray) -> list[np.ndarray]:
    """Diagonal of the Hessian of the cost at the displacement that u drives, per axis, z first."""
    p = level.problem.p
    if p == 2.0:
        return [np.full(level.shape, 2.0)] * 3
    gradient = [
        np.gradient(u, 1.0 / level.inverse[a], axis=a) if u.shape[a] > 1 else np.zeros_like(u)
        for a in range(3)
    ]
    least = p * min(level.problem.grid.spacing) ** (p - 1.0)
    if level.separable:
        sizes = [np.maximum(np.abs(g), least) for g in gradient]
        return [p * (p - 1.0) * (s / p) ** ((p - 2.0) / (p - 1.0)) for s in sizes]
    size = np.maximum(np.sqrt(sum(g * g for g in gradient)), least)
    radial = p * (size / p) ** ((p - 2.0) / (p - 1.0))
    return [radial * (1.0 + (p - 2.0) * np.square(g / size)) for g in gradient]


def direction(
    response: Response, forcing: float, most: int, share: float = 0.0
) -> tuple[np.ndarray, float, int]:
    """The Newton direction (nz, ny, nx), the slope of the dual along it, and the products taken.

    share: see `terminal_slope`.

    The conjugate gradients end when the last step, times their number, adds no more than the share
    `forcing` to the model of the dual value (Nash and Sofer), or after `most` products. On fine
    grids solving far does not pay: the model holds only as long as no upwind side changes.
    """
    level = response.level
    slope = terminal_slope(response, share)
    inverse = Preconditioner(response, slope)
    free = response.owner is None or response.owner == np.arange(slope.size).reshape(slope.shape)
    residual = response.gradient.copy()
    step = np.zeros_like(residual)
    z = inverse.solve(residual) * free
    along, product = z.copy(), _sum(residual, z)
    model = 0.0
    for count in range(1, most + 1):
        full = response.spread(along)
        image = response.collect(slope * full + response.curvature(full))
        bend = _sum(along, image)
        if not bend > 0.0:
            if count == 1:
                step = z
            break
        length = product / bend
        gain = 0.5 * length * product
        model += gain
        step += length * along
        residual -= length * image
        z = inverse.solve(residual) * free
        product, previous = _sum(residual, z), product
        done = count >= LEAST_PRODUCTS and count * gain <= forcing * model
        if done or not product > 0.0:
            break
        along = z + (product / previous) * along
    return response.spread(step), level.integral(response.gradient * step), count


def update(response: Response, forcing: float, most: int) -> tuple[Response, bool]:
    """One Newton step with backtracking on the dual value; forcing, most: see `direction`.

    Returns the new response (the old one if no step improves) and whether it improved.
    """
    best, length = _searched(response, direction(response, forcing, most))
    if length < SHORTENED and response.endless:
        other, taken = _searched(response, direction(response, forcing, most, LEAST_SHARE))
        if taken > 0.0 and (length == 0.0 or other.dual > best.dual):
            best, length = other, taken
    return (drawn(lowered(best)), True) if length > 0.0 else (response, False)


def _searched(response: Response, way: tuple[np.ndarray, float, int]) -> tuple[Response, float]:
    """The step halved until the dual value rises enough, and its length; 0 where it never does.

    Cells that would rise above their `ceiling` stop there: one cell of the tails above the pole
    costs as much as it is too high, however little it holds, and would cut the step for all.
    """
    step, slope, _ = way
    if not np.isfinite(slope):
        raise FloatingPointError("the Newton direction is not finite")
    # Rounding in the dual value: without this allowance the last steps look like failures.
    allowance = 1e-14 * (abs(response.dual) + abs(response.log_term))
    level, top = response.level, ceiling(response)
    length = 1.0
    while length >= SMALLEST_STEP:
        wanted, rise = response.potential + length * step, length * slope
        if top is not None:
            wanted = np.minimum(wanted, top)
            rise = level.integral(response.gradient * (wanted - response.potential))
        candidate = level.respond(wanted)
        if candidate.dual >= response.dual + ARMIJO * max(rise, 0.0) - allowance:
            return candidate, length
        length *= 0.5
    return response, 0.0


def lowered(response: Response) -> Response:
    """Where f'(∞) = ∞, the potential capped at the steepest slope that moves mass, if it pays.

    A first step asks for all of P that lies where Q has next to nothing: thousands of times too
    much. The mass leaves, and the slope of the terminal condition there is too small for Newton
    steps to bring the potential down again.
    """
    level = response.level
    if not level.positive or np.isfinite(level.problem.divergence.recession):
        return response
    wanted = response.potential.copy()
    owner = np.arange(wanted.size).reshape(wanted.shape)
    steepest = level.problem.cost.steepest(level.speed)
    hamilton_jacobi.lipschitz_cap(wanted, owner, steepest / level.inverse)
    if not (wanted < response.potential).any():
        return response
    candidate = level.respond(wanted)
    gain = candidate.dual - response.dual
    return candidate if gain > WORTH * abs(response.dual) else response


def drawn(response: Response) -> Response:
    """Where f(0) = ∞ and hardly any of the mass arrives that is asked for, the potential lowered in
    the cells where it does, if that gains: it falls away from the others at one of the slopes
    DRAWN, which draws mass there, or it rises from them by no more than one of the slopes LEVELLED,
    so that no mass leaves.

    The conjugate gradients do not see such cells: they hold next to nothing of the dual value, and
    all of the primal one.
    """
    level = response.level
    if not response.endless or not level.positive:
        return response
    missed = response.pushed < MISSED * response.gibbs
    if not missed.any() or missed.all():
        return response
    for sign, shares in ((-1.0, DRAWN), (1.0, LEVELLED)):
        best = response
        for share in shares:
            slope = share * level.problem.cost.steepest(level.speed)
            bound = np.where(missed, np.inf, sign * response.potential)
            owner = np.arange(bound.size).reshape(bound.shape)
            hamilton_jacobi.lipschitz_cap(bound, owner, slope / level.inverse)
            wanted = np.minimum(response.potential, np.where(missed, sign * bound, np.inf))
            candidate = level.respond(wanted)
            if candidate.dual > best.dual:
                best = candidate
        response = best
    return response


def _sum(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum())
