"""Lipschitz-regularised divergences: against convex programs, in their limits, on thin supports."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp

import mfgprox
from mfgprox.density import Gaussian, Mixture, Ring, Uniform
from mfgprox.divergence import Lipschitz, by_name
from mfgprox.exact import exact_answer
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers import SOLVERS, Unsuitable, solve
from mfgprox.solvers.back_and_forth import BackAndForth
from mfgprox.solvers.iterate import Interrupted, iterate
from mfgprox.tolerance import Tolerance
from mfgprox.tree import put_together, take_apart

pytestmark = pytest.mark.compiled

LINE = Grid((-4.0,), (4.0,), (256,), time_steps=4)
BUMPS = Mixture([0.6, 0.4], [Gaussian([-1.0], std=[0.4]), Gaussian([0.8], std=[0.3])])
WIDE = Mixture([0.5, 0.5], [Gaussian([-1.5], std=[0.3]), Gaussian([1.4], std=[0.5])])
PIECES = Mixture([1.0, 1.0], [Uniform([-2.0], [-1.2]), Uniform([0.3], [1.5])])
THIN = Uniform([1.5], [1.53125])  # one cell of LINE
CIRCLE = Ring([0.0, 0.0], 1.59, 1.61)


def on_the_line(name, L, Q=WIDE, p=2.0, epsilon=0.5, grid=LINE):
    return Problem(
        BUMPS, Q, epsilon=epsilon, p=p, grid=grid, f_divergence=f"lipschitz({name}, {L})"
    )


def in_the_plane(Q, L, cells=32, name="kl", **options):
    grid = Grid((-3.0, -3.0), (3.0, 3.0), (cells, cells), time_steps=4)
    P = Gaussian([-0.4, 0.2], std=[0.5, 0.5])
    f = f"lipschitz({name}, {L})"
    return Problem(P, Q, epsilon=0.5, grid=grid, f_divergence=f, **options)


def steepest(U, spacing):
    """Largest |U(x) - U(y)| / |x - y| over all neighbours, corners included."""
    shape, most = U.shape, 0.0
    for step in np.ndindex(*(3,) * U.ndim):
        move = np.array(step) - 1
        here = tuple(slice(max(0, -m), n - max(0, m)) for m, n in zip(move, shape, strict=True))
        there = tuple(slice(max(0, m), n - max(0, -m)) for m, n in zip(move, shape, strict=True))
        length = np.linalg.norm(move * np.array(spacing[::-1]))
        if length > 0.0:
            most = max(most, float(np.abs(U[there] - U[here]).max()) / length)
    return most


@pytest.mark.parametrize(
    ("name", "L", "Q", "p", "epsilon"),
    [
        ("kl", 0.3, WIDE, 2.0, 0.5),
        pytest.param("kl", 1.0, WIDE, 3.0, 0.5, marks=pytest.mark.slow),
        pytest.param("kl", 1.0, WIDE, 1.5, 0.5, marks=pytest.mark.slow),
        pytest.param("pearson", 1.0, WIDE, 2.0, 0.5, marks=pytest.mark.slow),
        ("hellinger", 0.5, PIECES, 2.0, 0.5),
        ("kl", 2.0, THIN, 2.0, 0.5),
    ],
)
def test_the_line_against_the_convex_program(name, L, Q, p, epsilon):
    problem = on_the_line(name, L, Q, p, epsilon)
    exact, found = exact_answer(problem), solve(problem)
    assert exact is not None and exact.error < 1e-6
    assert found.solver == "back-and-forth" and found.converged
    assert found.divergence == pytest.approx(exact.divergence, rel=1e-3)
    # Edges within cells displace Q by half a cell at most, at the price epsilon L.
    displaced = 0.5 * epsilon * L * LINE.spacing[0]
    assert found.transport_cost == pytest.approx(exact.transport_cost, abs=displaced)
    slack = exact.error + 1e-9
    assert found.lower_bound - slack <= exact.divergence <= found.upper_bound + slack
    assert LINE.integrate(np.abs(exact.R(LINE) - found.R)) < 0.02
    for U in found.U:
        assert steepest(U, LINE.spacing) <= epsilon * L * (1.0 + 1e-6)
    assert LINE.integrate(problem.P * found.U[0]) == pytest.approx(found.divergence, rel=1e-3)
    assert found.mass_error < 1e-12


def test_between_the_plain_divergence_and_the_distance():
    """Increasing in L, the plain value as L → ∞, epsilon L W_1(P, Q) as L → 0."""
    plain = solve(Problem(BUMPS, WIDE, epsilon=0.5, grid=LINE), static=True).divergence
    values = [solve(on_the_line("kl", L), static=True).divergence for L in (1e-3, 0.3, 1.0, 1e3)]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(plain, rel=1e-3)
    F = [
        np.cumsum(d) * LINE.spacing[0] for d in (on_the_line("kl", 1.0).P, on_the_line("kl", 1.0).Q)
    ]
    w_1 = float(np.abs(F[0] - F[1]).sum() * LINE.spacing[0])
    assert values[0] == pytest.approx(0.5e-3 * w_1, rel=5e-3)


@pytest.mark.parametrize(("Q", "L"), [(CIRCLE, 2.0), (CIRCLE, 0.2), ("points", 2.0)])
def test_thin_supports_in_the_plane(Q, L):
    if Q == "points":
        Q = np.zeros((32, 32))
        Q[[8, 20, 25], [5, 14, 24]] = [0.5, 1.0, 1.0]
    problem = in_the_plane(Q, L)
    found, limit = solve(problem), 0.5 * L
    assert found.converged and found.gap <= 1e-4 * found.dual_value
    assert found.lower_bound <= found.divergence <= found.upper_bound
    # Q, constant within a cell, is a first-order matter where mass comes from all sides.
    assert found.upper_bound - found.lower_bound < 0.1 * found.divergence
    for U in found.U:
        assert steepest(U, problem.grid.spacing) <= limit * (1.0 + 1e-6)
    # R leaves the support of Q, no further from P than r, p r^(p-1) = epsilon L.
    assert problem.grid.integrate(np.where(problem.Q > 0.0, 0.0, found.R)) > 0.1
    assert found.transport_cost <= (limit / 2.0) ** 2 + 1e-12
    assert found.mass_error < 1e-12 and found.terminal_mismatch < 0.02
    assert found.transport_cost + 0.5 * found.information_divergence == pytest.approx(
        found.divergence, rel=1e-12
    )


def test_a_small_lattice_against_a_general_convex_solver():
    """max Σ p φ - eps log Σ q e^(-psi/eps) over φ(x) + psi(y) <= min_z |x - z|² + eps L |z - y|."""
    cells, L, epsilon = 5, 1.5, 0.5
    Q = np.zeros((cells, cells))
    Q[[0, 2, 4], [1, 4, 2]] = [1.0, 2.0, 1.0]
    grid = Grid((-1.0, -1.0), (1.0, 1.0), (cells, cells))
    P = np.random.default_rng(0).random((cells, cells))
    problem = Problem(P, Q, epsilon=epsilon, grid=grid, f_divergence=f"lipschitz(kl, {L})")
    found = solve(problem, static=True)
    place = np.stack(np.meshgrid(grid.centers(1), grid.centers(0), indexing="ij"), -1).reshape(
        -1, 2
    )
    held = np.flatnonzero(Q.ravel())
    d = np.linalg.norm(place[:, None] - place[held], axis=2)
    share = np.linspace(0.0, 1.0, 4001)[:, None, None]
    cost = ((share * d) ** 2 + epsilon * L * (1.0 - share) * d).min(axis=0)
    p, log_q = (
        problem.P.ravel() * grid.cell_volume,
        np.log(problem.Q.ravel()[held] * grid.cell_volume),
    )
    n, m = cost.shape
    rows = np.zeros((n * m, n + m))
    rows[np.arange(n * m), np.repeat(np.arange(n), m)] = 1.0
    rows[np.arange(n * m), n + np.tile(np.arange(m), n)] = 1.0

    def value(v):
        return -p @ v[:n] + epsilon * logsumexp(log_q - v[n:] / epsilon)

    def slope(v):
        w = log_q - v[n:] / epsilon
        return np.concatenate([-p, -np.exp(w - logsumexp(w))])

    best = minimize(
        value, np.zeros(n + m), jac=slope, method="SLSQP", options={"ftol": 1e-12, "maxiter": 500},
        constraints={
            "type": "ineq", "fun": lambda v: cost.ravel() - rows @ v, "jac": lambda v: -rows
        },
    )  # fmt: skip
    assert best.success
    assert found.divergence == pytest.approx(-best.fun, rel=1e-3)


@pytest.mark.parametrize("name", [n for n in SOLVERS if n not in ("auto", "back-and-forth")])
def test_the_others_refuse(name):
    problem = Problem(BUMPS, WIDE, epsilon=0.5, grid=LINE, f_divergence="lipschitz(kl, 2.0)")
    with pytest.raises(Unsuitable, match=rf"{name} takes .* got f_divergence = lipschitz\(kl, 2.0"):
        solve(problem, name)


def test_what_is_not_taken():
    with pytest.raises(Unsuitable, match="Euclidean"):
        solve(in_the_plane(CIRCLE, 1.0, cells=8, p=3.0, cost="separable"), "back-and-forth")
    for L in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="lipschitz must be a finite number above 0"):
            Lipschitz(by_name("kl"), L)
    with pytest.raises(ValueError, match="regularised already"):
        Lipschitz(by_name("lipschitz(kl, 1.0)"), 1.0)
    for name in ("lipschitz(kul, 1.0)", "lipschitz(kl)", "lipschitz(kl, 1..0)"):
        with pytest.raises(ValueError, match="must be one of kl, "):
            by_name(name)
    with pytest.raises(ValueError, match="has not got a sum over cells"):
        by_name("lipschitz(kl, 1.0)").between(np.ones(3), np.zeros(3), 1.0)


@pytest.mark.parametrize("f", [by_name("kl"), by_name("alpha(0.5)")], ids=lambda f: f.name)
def test_results_know_their_divergence_when_they_are_read_again(tmp_path, f):
    grid = Grid((-4.0,), (4.0,), (64,), time_steps=4)
    problem = Problem(BUMPS, PIECES, epsilon=0.5, grid=grid, f_divergence=Lipschitz(f, 0.7))
    found = solve(problem)
    assert found.R.min() >= 0.0 and found.rho.min() >= 0.0
    again = mfgprox.load(found.save(tmp_path / "out.h5"))
    assert again.problem.divergence.name == f"lipschitz({f.name}, 0.7)"
    assert isinstance(again.problem.divergence, Lipschitz)
    np.testing.assert_array_equal(again.U[-1], found.U[-1])
    np.testing.assert_array_equal(again.R, found.R)
    assert again.upper_bound == found.upper_bound


def test_resumed_in_the_midst_of_the_stages_it_ends_in_the_same_bits():
    given, tolerance, saved, steps = in_the_plane(CIRCLE, 2.0, cells=16), Tolerance(), [], []
    whole = iterate(BackAndForth(), given, tolerance, static=True)
    with pytest.raises(Interrupted):
        iterate(
            BackAndForth(), given, tolerance, static=True, callback=steps.append,
            interrupted=lambda: len(steps) == whole.iterations - 2,
            checkpoint=lambda progress: saved.append(take_apart(progress)),
        )  # fmt: skip
    progress = put_together(*saved[-1])
    assert progress.state.cooled > 0
    again = iterate(BackAndForth(), given, tolerance, static=True, progress=progress)
    np.testing.assert_array_equal(whole.U, again.U)
    np.testing.assert_array_equal(whole.R, again.R)
    assert whole.dual_value == again.dual_value and whole.iterations == again.iterations


def test_a_start_is_taken():
    problem = in_the_plane(CIRCLE, 2.0)
    cold = solve(problem, static=True)
    warm = solve(in_the_plane(CIRCLE, 2.2), static=True, start=cold)
    assert warm.converged and warm.iterations < cold.iterations
    assert warm.divergence > cold.divergence


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["reverse-kl", "neyman", "jensen-shannon", "alpha(3.0)", "alpha(-0.5)"]
)
@pytest.mark.parametrize("L", [0.1, 1.0, 10.0])
def test_every_divergence_on_the_line(name, L):
    problem = on_the_line(name, L, grid=Grid((-4.0,), (4.0,), (512,), time_steps=4))
    exact, found = exact_answer(problem), solve(problem, static=True)
    assert exact is not None
    assert found.divergence == pytest.approx(exact.divergence, rel=1e-3)
    assert found.lower_bound - 1e-6 <= exact.divergence <= found.upper_bound + 1e-6
