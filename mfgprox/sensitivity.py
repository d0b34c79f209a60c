"""How D changes with P: directional derivatives, and gradients in the parameters of P.

U_0 of a solved problem is δD/δP (Theorem 4.1 of Baptista et al., Proximal optimal transport
divergences): every derivative with respect to P is an integral of it, and none needs another solve.
P has mass one on the box, so U_0 counts less its mean E_P[U_0] = D: what a family loses through
the walls is divided out, as it is on the grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mfgprox.density import Density, Gaussian, sample
from mfgprox.solution import Solution

STEP = 1e-4
"""Of a parameter, relative to max(1, |parameter|): error and round-off both stay below 1e-7."""


@dataclass(frozen=True, eq=False)
class GaussianGradient:
    """dD/dm (d,) and the symmetric dD/dS (d, d), with dD = tr(covariance dS) for a change dS."""

    mean: np.ndarray
    covariance: np.ndarray


def directional(solution: Solution, towards: Density | np.ndarray) -> float:
    """lim_{t↓0} [D((1-t)P + t P'‖Q) - D(P‖Q)]/t = E_P'[U_0] - E_P[U_0]  (Theorem 4.1).

    towards: P', a Density or an array of densities (grid.shape, per unit volume, any mass above 0).
    It may have mass where P or Q has none. D is convex in P (Theorem 2.3): D((1-t)P + tP'‖Q) is at
    least D + t times this for every t in [0, 1].
    Raises ValueError for another shape and values that are negative, not finite or all zero.
    """
    grid = solution.problem.grid
    if isinstance(towards, Density):
        other = sample(towards, grid).values
    else:
        other = np.asarray(towards, float)
    if other.shape != grid.shape:
        raise ValueError(
            f"towards must have the shape {grid.shape} of the grid; it has {other.shape}"
        )
    if not np.all(np.isfinite(other) & (other >= 0.0)) or not other.any():
        raise ValueError("towards must be finite, nowhere negative and somewhere positive")
    return float(np.sum(_centred(solution) * other) / other.sum())


def parametric(
    solution: Solution,
    score: np.ndarray | Sequence[np.ndarray] | Callable[..., Sequence[np.ndarray]],
) -> np.ndarray:
    """dD/dθ = E_P[U_0 s] for the score s = ∂ log P/∂θ, one number per parameter.

    score: an array (parameters, *grid.shape), a sequence of arrays that broadcast to grid.shape, or
    a function of the cell centres x, y, z that returns one. Terms constant in space do not matter.
    Returns (parameters,), in units of D per unit of θ. Raises ValueError for shapes that do not
    fit and for values that are not finite where P has mass.
    """
    problem = solution.problem
    rows = score(*problem.grid.coordinates()) if callable(score) else score
    weighted = _centred(solution) * problem.P * problem.grid.cell_volume
    found = []
    for number, row in enumerate(rows):
        try:
            values = np.broadcast_to(np.asarray(row, float), problem.grid.shape)
        except ValueError:
            raise ValueError(
                f"score {number} has shape {np.shape(row)}, the grid {problem.grid.shape}; give "
                "one array per parameter"
            ) from None
        held = problem.P > 0.0
        if not np.isfinite(values[held]).all():
            raise ValueError(f"score {number} is not finite at a cell where P has mass")
        found.append(float(np.sum(np.where(held, values, 0.0) * weighted)))
    return np.array(found)


def family(
    solution: Solution,
    density: Callable[[np.ndarray], Density],
    parameters: Sequence[float] | np.ndarray,
    step: float = STEP,
) -> np.ndarray:
    """dD/dθ at `parameters` for P = density(θ), whatever its kind: (parameters,).

    The family is sampled at θ ± step·max(1, |θ_i|), no problem is solved: the error is of second
    order in step. Raises ValueError where density(parameters) is not the P of the solution, to
    1e-6 of its maximum, or step is not between 0 and 1.
    """
    if not 0.0 < step < 1.0:
        raise ValueError(f"step must be between 0 and 1; got {step}")
    theta, problem = np.asarray(parameters, float).ravel(), solution.problem
    _require_same(solution, density(theta), "density(parameters)")
    weighted, found = _centred(solution) * problem.grid.cell_volume, []
    for i, value in enumerate(theta):
        width = step * max(1.0, abs(value))
        ends = []
        for sign in (1.0, -1.0):
            moved = theta.copy()
            moved[i] += sign * width
            ends.append(sample(density(moved), problem.grid).values)
        found.append(float(np.sum(weighted * (ends[0] - ends[1]))) / (2.0 * width))
    return np.array(found)


def gaussian(
    solution: Solution, mean: ArrayLike | None = None, covariance: ArrayLike | None = None
) -> GaussianGradient:
    """Gradients in the mean and the covariance of a Gaussian P = N(m, S), with u = x - m:

        dD/dm = E_P[U_0 S⁻¹u],    dD/dS = ½ E_P[U_0 (S⁻¹ u uᵀ S⁻¹ - S⁻¹)].

    mean (d,), covariance (d, d): those of P, needed where the problem does not know its kind, as
    after loading a result file. Raises ValueError if P is not of the kind `gaussian` and they are
    not given, or if P is not that Gaussian, to 1e-6 of its maximum.
    """
    density = solution.problem.densities[0]
    if mean is not None and covariance is not None:
        density = Gaussian(np.atleast_1d(mean).tolist(), cov=np.atleast_2d(covariance).tolist())
        _require_same(solution, density, "N(mean, covariance)")
    if not isinstance(density, Gaussian):
        raise ValueError(
            f"P is not known to be a gaussian (it is a {type(density).__name__}): give mean and "
            "covariance, or use `parametric` or `family`"
        )
    inverse, d = np.linalg.inv(density.cov), density.mean.size
    offset = [x - m for x, m in zip(solution.problem.grid.coordinates(), density.mean, strict=True)]
    pulled = [sum(inverse[i, j] * offset[j] for j in range(d)) for i in range(d)]
    pairs = [(i, j) for i in range(d) for j in range(i, d)]
    flat = parametric(solution, [*pulled, *(0.5 * pulled[i] * pulled[j] for i, j in pairs)])
    slope = np.zeros((d, d))
    for (i, j), value in zip(pairs, flat[d:], strict=True):
        slope[i, j] = slope[j, i] = value
    return GaussianGradient(flat[:d], slope)


def _require_same(solution: Solution, density: Density, name: str) -> None:
    P = solution.problem.P
    away = np.abs(sample(density, solution.problem.grid).values - P).max()
    if away > 1e-6 * P.max():
        raise ValueError(
            f"{name} is not the P of this solution: it differs by {away / P.max():.1e} of its "
            "maximum, 1e-6 is accepted"
        )


def _centred(solution: Solution) -> np.ndarray:
    """U_0 less its mean under P."""
    U, problem = solution.first_variation, solution.problem
    mean = math.fsum((U * problem.P).ravel()) * problem.grid.cell_volume
    return np.asarray(U - mean)
