"""Random densities, costs and divergences for the theorems, and answers found without the package.

The quantities here are written out with NumPy on fine grids and share nothing with the solvers.
MFGPROX_EXAMPLES=200 pytest tests/theorems draws that many examples of each; the default is few.
"""

import os

import numpy as np
from hypothesis import HealthCheck, Phase, event, note, reject, settings
from hypothesis import strategies as st

from mfgprox.density import Gaussian, Mixture, sample
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers import solve

EXAMPLES = int(os.environ.get("MFGPROX_EXAMPLES", "2"))
SHRINK = os.environ.get("MFGPROX_SHRINK", "0") == "1"
"""Solves are slow to shrink: the first failing example is printed as it was drawn."""
examples = settings(
    max_examples=EXAMPLES,
    phases=[phase for phase in Phase if SHRINK or phase is not Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
)
heavy = settings(examples, max_examples=EXAMPLES if EXAMPLES > 5 else 1)
"""For examples of a second and more."""
BOX = 5.0
CELLS = 128
LINE = Grid((-BOX,), (BOX,), (CELLS,), 4)
PLANE = Grid((-3.6, -3.6), (3.6, 3.6), (32, 32), 4)
FINE = 32
"""Times as many cells for the answers by NumPy: their error is then 1e-3 of the scheme's."""

epsilons = st.sampled_from([0.1, 0.4, 1.0, 3.0, 10.0])
divergences = st.sampled_from(
    ["kl", "reverse-kl", "pearson", "neyman", "hellinger", "jensen-shannon", "alpha(1.5)"]
)


def numbers(low, high):
    return st.floats(low, high).map(lambda x: round(x, 3))


@st.composite
def gaussians(draw, d=1):
    """Means within [-1, 1]^d, standard deviations at least four cells wide."""
    low = 0.35 if d == 1 else 0.5
    mean = [draw(numbers(-1.0, 1.0)) for _ in range(d)]
    std = [draw(numbers(low, 0.8 if d == 1 else 0.6)) for _ in range(d)]
    note(f"Gaussian({mean}, std={std})")
    return Gaussian(mean, std=std)


@st.composite
def mixtures(draw, d=1):
    parts = draw(st.lists(gaussians(d), min_size=1, max_size=3))
    weights = [draw(numbers(0.2, 1.0)) for _ in parts]
    note(f"Mixture({weights}, the {len(parts)} above)")
    return Mixture(weights, parts)


@st.composite
def correlated(draw):
    """A Gaussian in the plane with any covariance of eigenvalues between 0.2 and 0.4."""
    angle, a, b = draw(numbers(0.0, 3.1)), draw(numbers(0.2, 0.4)), draw(numbers(0.2, 0.4))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    cov = turn @ np.diag([a, b]) @ turn.T
    mean = [draw(numbers(-0.7, 0.7)) for _ in range(2)]
    return Gaussian(mean, cov=0.5 * (cov + cov.T))


@st.composite
def rough(draw, cells=CELLS):
    """Densities per cell, some of them zero."""
    seed = draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    waves = sum(
        rng.normal() * np.sin(k * np.linspace(0.0, 6.0, cells) + rng.normal()) for k in (1, 2, 3)
    )
    values = np.maximum(waves, 0.0) + 1e-3 * rng.random()
    values[: cells // 8] = values[-cells // 8 :] = 0.0
    return values


def solved(P, Q, epsilon, name="kl", p=2.0, solver="auto", grid=LINE):
    """A static solution that converged. An example that the solver does not solve, and says so, is
    drawn anew; too many of these are an error of Hypothesis."""
    problem = Problem(P, Q, epsilon=epsilon, grid=grid, p=p, f_divergence=name)
    solution = solve(problem, solver, static=True)
    if solution.converged:
        return solution
    event(f"unsolved: {name}, p = {p}, {solver}")
    return reject()


def within_cells(P, R, grid, p):
    """What the cost may change by when both ends of each way move within their cells, to second
    order: E min(p(p-1)/2 |d|^{p-2} h²/3, (h²/3)^{p/2}), d the displacement on the line.

    h²/12 for each end, and as much again because densities slope within a cell. For p < 2 the cost
    bends without bound where nothing moves, but no more than |d|^p there.
    """
    levels = (np.arange(2000) + 0.5) / 2000
    edges = grid.edges(0)
    x, y = (
        np.interp(levels, np.concatenate([[0.0], np.cumsum(v)]) / v.sum(), edges) for v in (P, R)
    )
    square = grid.cell_volume**2 / 3.0
    d = np.maximum(np.abs(x - y), 1e-9)
    bent = 0.5 * p * (p - 1.0) * d ** (p - 2.0) * square
    return float(np.mean(np.minimum(bent, square ** (0.5 * p)) if p < 2.0 else bent))


def f_of(name, t):
    """f as the paper's literature defines it, t >= 0, written out anew."""
    t = np.asarray(t, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_t = np.log(t)
        entropy = np.where(t > 0.0, t * log_t, 0.0)
        return {
            "kl": entropy,
            "reverse-kl": -log_t,
            "pearson": (t - 1.0) ** 2,
            "neyman": (t - 1.0) ** 2 / t,
            "hellinger": (np.sqrt(t) - 1.0) ** 2,
            "jensen-shannon": 0.5 * (entropy - (t + 1.0) * np.log(0.5 * (t + 1.0))),
            "alpha(1.5)": (t**1.5 - 1.5 * t + 0.5) / 0.75,
        }[name]


def divergence_of(name, R, Q, volume):
    """D_f(R‖Q) of positive densities with their volume of a cell."""
    return float(np.sum(Q * f_of(name, R / Q)) * volume)


def kl(R, Q, volume):
    held = R > 0.0
    return float(np.sum(R[held] * np.log(R[held] / Q[held])) * volume)


def fine(density, grid=LINE):
    """The density on a finer grid, its values and the volume of a cell."""
    grid = grid.with_cells(tuple(FINE * n for n in grid.cells))
    return sample(density, grid).values, grid.cell_volume


def monotone_cost(P, R, grid, p):
    """W_p^p on the line of densities constant in cells: ∫_0^1 |F_P^{-1} - F_R^{-1}|^p, exactly.

    P and R may have different numbers of cells. Both quantile functions are linear between the
    levels of either distribution function.
    """
    sides = []
    for density in (P, R):
        edges = np.linspace(grid.lower[0], grid.upper[0], density.size + 1)
        held = density > 0.0
        levels = np.cumsum(density[held]) / density[held].sum()
        sides.append((edges[:-1][held], edges[1:][held], levels))
    levels = np.union1d(sides[0][2], sides[1][2])
    below = np.concatenate([[0.0], levels[:-1]])
    ends = []
    for left, right, tops in sides:
        bottoms = np.concatenate([[0.0], tops[:-1]])
        k = np.searchsorted(tops, 0.5 * (below + levels)).clip(0, tops.size - 1)
        slope = (right - left)[k] / np.maximum(tops - bottoms, 1e-300)[k]
        # Clipped: a cell of next to no mass has bottoms and tops that are equal to round-off.
        places = [left[k] + slope * (level - bottoms[k]) for level in (below, levels)]
        ends.append([np.clip(place, left[k], right[k]) for place in places])
    a, b = ends[0][0] - ends[1][0], ends[0][1] - ends[1][1]
    change = b - a
    flat = np.abs(change) < 1e-9
    powers = [np.sign(u) * np.abs(u) ** (p + 1.0) for u in (a, b)]
    mean = np.where(
        flat,
        np.abs(0.5 * (a + b)) ** p,
        (powers[1] - powers[0]) / ((p + 1.0) * np.where(flat, 1.0, change)),
    )
    return float(np.sum((levels - below) * mean))


def brute_transform(psi, x, y, p):
    """min over y of |x - y|^p - psi(y): every pair, in blocks. x (n,), y (m,)."""
    return np.array([np.min(np.abs(one - y) ** p - psi) for one in x])
