"""A potential at which every cell of a cloud's diagram holds mass, where P has no gaps.

psi_j = |y_j|² - y_j·A y_j - 2 c·y_j makes the cells of the diagram surround the points A y_j + c:
no site is hidden, however far it lies from P, and a site is empty only where P is 0 around its
image. A is that of the optimal map between Gaussians with the covariances of Q and P, times a
factor that draws the images together until they lie within P.
Source: Olkin, Pukelsheim, Linear Algebra Appl. 48 (1982) 257, for A; Kitagawa, Mérigot, Thibert,
J. Eur. Math. Soc. 21 (2019) 2603, for why cells must hold mass to begin with.
"""

from __future__ import annotations

import numpy as np

from mfgprox.solvers.semi_discrete.dual import Lattice, Point, point

FACTORS = (1.0, 0.7, 0.5, 0.35, 0.25, 0.15)
"""Of A; the first at which all cells hold mass, or else the one at which most of them do."""
THICKNESS = 1e-2
"""Added to the deviation of Q along each axis, as a share of that of P: points may be in a row."""
EMPTY = 1e-3
"""Share of its R below which a cell counts as empty."""


def contracted(lattice: Lattice) -> np.ndarray:
    """psi (n,) with as few empty cells as the factors allow."""
    best, fewest = np.zeros(lattice.sites.count), lattice.sites.count + 1
    mean, A = _map(lattice)
    for factor in FACTORS:
        psi = _potential(lattice, mean, factor * A)
        lacking = int(np.count_nonzero(_empty(point(lattice, psi))))
        if lacking < fewest:
            best, fewest = psi, lacking
        if lacking == 0:
            break
    return best


def _empty(at: Point) -> np.ndarray:
    """Which cells (n,) hold next to nothing of their R."""
    return at.r < EMPTY * at.R


def _potential(lattice: Lattice, mean: np.ndarray, A: np.ndarray) -> np.ndarray:
    """psi (n,) of the map y → A y + c that takes the mean of Q to `mean`."""
    sites, y = lattice.sites, _places(lattice)
    c = mean - A @ (sites.b @ y)
    return sites.squares - ((y @ A) * y).sum(axis=1) - 2.0 * y @ c


def _map(lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """The mean of P, and A = S⁻¹ (S C S)^½ S⁻¹, C the covariance of P and S² that of Q."""
    held, x, y = lattice.source.support
    weight = lattice.source.P.ravel()[held]
    mean, C = _moments(np.stack([x, y], axis=1), weight / weight.sum())
    _, ours = _moments(_places(lattice), lattice.sites.b)
    S = _root(ours + THICKNESS**2 * np.trace(C) * np.eye(2))
    inverse = np.linalg.inv(S)
    return mean, inverse @ _root(S @ C @ S) @ inverse


def _places(lattice: Lattice) -> np.ndarray:
    n = lattice.sites.count
    return np.stack([lattice.sites.x[:n], lattice.sites.y[:n]], axis=1)


def _moments(places: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = weight @ places
    return mean, (places - mean).T @ ((places - mean) * weight[:, None])


def _root(C: np.ndarray) -> np.ndarray:
    value, vector = np.linalg.eigh(C)
    return (vector * np.sqrt(np.maximum(value, 0.0))) @ vector.T
