"""Derivatives of D without another solve, against closed forms and differences of exact values."""

from pathlib import Path

import numpy as np
import pytest
from measured import within

from mfgprox import Grid, Problem, gaussian, load, sensitivity, solve
from mfgprox.density import Gaussian, Mixture, Uniform
from mfgprox.exact import exact_answer

pytestmark = pytest.mark.compiled
LINE = Grid((-5.0,), (5.0,), (256,), 4)
M1, S1 = np.array([-0.5, -0.2]), np.array([[0.2, 0.05], [0.05, 0.15]])
M2, S2 = np.array([0.5, 0.3]), np.array([[0.3, -0.05], [-0.05, 0.2]])


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


def in_the_plane(solver="newton", epsilon=0.8, cells=64):
    grid = Grid((-4.0, -4.0), (4.0, 4.0), (cells, cells), 4)
    problem = Problem(Gaussian(M1, cov=S1), Gaussian(M2, cov=S2), epsilon=epsilon, grid=grid)
    return solve(problem, solver, static=True)


@pytest.mark.paper(
    "section 4, ∇_θ",
    "dD/dm and dD/dS of a Gaussian P in the plane, covariances that do not commute, Newton",
    "2(m − m_R) and I − A, A the optimal map",
)
@pytest.mark.parametrize("epsilon", [0.2, 0.8, 5.0])
def test_gaussian_parameters_in_the_plane(epsilon):
    exact = gaussian.solve(M1, S1, M2, S2, epsilon)
    found = sensitivity.gaussian(in_the_plane(epsilon=epsilon))
    within(np.abs(found.mean - 2.0 * (M1 - exact.mean_R)).max(), 1e-6)
    # U_0 is quadratic with the Hessian 2(I - A), and dD/dS is half of it.
    within(np.abs(found.covariance - (np.eye(2) - exact.map)).max(), 1e-5)


@pytest.mark.paper(
    "section 4, ∇_θ", "the same by the other solvers, 64 × 64", "2(m − m_R) and I − A"
)
@pytest.mark.parametrize(
    ("solver", "limit"),
    # Potentials of lattices are off by a share of h² = 0.016 in their curvature, of the monotone
    # scheme of fictitious play by more than that.
    [("semi-discrete", 0.02), slow("back-and-forth", 0.03), slow("primal-dual", 0.02)],
)
def test_gaussian_parameters_by_other_solvers(solver, limit):
    exact = gaussian.solve(M1, S1, M2, S2, 0.8)
    found = sensitivity.gaussian(in_the_plane(solver))
    within(np.abs(found.mean - 2.0 * (M1 - exact.mean_R)).max(), limit)
    within(np.abs(found.covariance - (np.eye(2) - exact.map)).max(), limit)


@pytest.mark.paper(
    "section 4, ∇_θ",
    "means, widths and weights of a mixture P, any f and p, on the line",
    "differences of the 1-D reference",
)
@pytest.mark.parametrize(
    ("name", "p", "solver", "limit"),
    [
        ("kl", 2.0, "newton", 1e-4),
        slow("kl", 3.0, "newton", 1e-3),
        slow("kl", 1.5, "primal-dual", 2e-2),
        slow("hellinger", 2.0, "newton", 1e-3),
        slow("reverse-kl", 2.0, "back-and-forth", 1e-2),
        slow("pearson", 2.0, "back-and-forth", 1e-2),
        slow("jensen-shannon", 3.0, "primal-dual", 2e-2),
    ],
)
def test_parameters_of_a_mixture(name, p, solver, limit):
    def density(theta):
        m, s, w = theta
        return Mixture([w, 1.0 - w], [Gaussian([m], std=[s]), Gaussian([0.6], std=[0.5])])

    def problem(theta):
        Q = Gaussian([0.3], std=[0.7])
        return Problem(density(theta), Q, epsilon=0.7, grid=LINE, p=p, f_divergence=name)

    theta, differences, step = np.array([-0.7, 0.45, 0.4]), [], 1e-2
    for i in range(3):
        ends = [exact_answer(problem(theta + s * step * np.eye(3)[i])) for s in (1.0, -1.0)]
        differences.append((ends[0].divergence - ends[1].divergence) / (2.0 * step))
    solution = solve(problem(theta), solver, static=True)
    found = sensitivity.family(solution, density, theta)
    # The differences are of order step² = 1e-4 of third derivatives.
    within(np.abs(found - differences).max() / np.abs(differences).max(), limit + 1e-3)


@pytest.mark.paper("Theorem 2.8", "dD/dε in the plane, Newton", "D_KL(R‖Q) in closed form")
def test_epsilon_derivative():
    step = 1e-4
    ends = [gaussian.divergence(M1, S1, M2, S2, 0.8 + s * step) for s in (1.0, -1.0)]
    within(abs(in_the_plane().epsilon_derivative - (ends[0] - ends[1]) / (2.0 * step)), 1e-6)


def test_score_as_a_function_and_as_arrays(tmp_path):
    solution = in_the_plane(cells=48)
    inverse = np.linalg.inv(S1)
    x, y = solution.problem.grid.coordinates()
    found = solution.gradient(
        lambda x, y: [
            inverse[i, 0] * (x - M1[0]) + inverse[i, 1] * (y - M1[1]) + 7.0 for i in range(2)
        ]
    )
    assert np.allclose(found, sensitivity.gaussian(solution).mean, atol=1e-12)
    assert np.allclose(solution.gradient([x, y]) @ inverse, found, atol=1e-12)
    # A file keeps what is needed.
    solution.save(tmp_path / "plane.h5")
    again = load(tmp_path / "plane.h5")
    with pytest.raises(ValueError, match="give mean and covariance"):
        sensitivity.gaussian(again)
    with pytest.raises(ValueError, match="is not the P of this solution"):
        sensitivity.gaussian(again, M1, 2.0 * S1)
    slope = sensitivity.gaussian(again, M1, S1).covariance
    assert np.allclose(slope, sensitivity.gaussian(solution).covariance, rtol=0.0, atol=1e-14)
    assert again.epsilon_derivative == solution.epsilon_derivative


def test_directions():
    P, Q = Gaussian([0.0], std=[0.6]), Gaussian([1.0], std=[0.5])
    solution = solve(Problem(P, Q, epsilon=1.0, grid=LINE), static=True)
    assert abs(solution.derivative(P)) < 1e-12
    # D decreases towards Q, at least as fast as a convex function that ends at zero.
    assert solution.derivative(Q) <= -solution.divergence + 1e-9
    # Masses do not matter, kinds with edges and single cells are taken.
    assert solution.derivative(3.0 * solution.problem.Q) == pytest.approx(solution.derivative(Q))
    cell = np.zeros(LINE.shape)
    cell[100] = 1.0
    assert solution.derivative(cell) == pytest.approx(
        solution.first_variation[100] - solution.divergence, abs=1e-6
    )
    assert np.isfinite(solution.derivative(Uniform([0.5], [1.5])))


def test_a_family_that_has_edges():
    """A uniform P that moves: dD/dm = 2(m - m_R) for any P, since U_0' = 2(x - T)."""
    grid = LINE.with_cells((512,))
    problem = Problem(Uniform([-1.5], [-0.5]), Gaussian([1.0], std=[0.5]), epsilon=1.0, grid=grid)
    solution = solve(problem, static=True)
    found = sensitivity.family(solution, lambda t: Uniform([t[0] - 0.5], [t[0] + 0.5]), [-1.0])
    image = grid.integrate(grid.centers(0) * solution.R)
    # U_0 is read at the centre of the cell that an edge is in: h/2 off, with a slope of 4.
    within(abs(found[0] - 2.0 * (-1.0 - image)), 4.0 * grid.spacing[0])


def test_what_makes_no_sense_is_refused():
    solution = solve(
        Problem(Uniform([-1.0], [0.0]), Gaussian([1.0], std=[0.5]), epsilon=1.0, grid=LINE),
        static=True,
    )
    with pytest.raises(ValueError, match=r"shape \(256,\)"):
        solution.derivative(np.ones(5))
    with pytest.raises(ValueError, match="nowhere negative"):
        solution.derivative(-np.ones(256))
    with pytest.raises(ValueError, match="somewhere positive"):
        solution.derivative(np.zeros(256))
    with pytest.raises(ValueError, match="score 1 has shape"):
        solution.gradient([np.ones(256), np.ones(7)])
    with pytest.raises(ValueError, match="score 0 is not finite"):
        solution.gradient([np.full(256, np.nan)])
    with pytest.raises(ValueError, match="it is a Uniform"):
        sensitivity.gaussian(solution)
    with pytest.raises(ValueError, match="not the P of this solution"):
        sensitivity.family(solution, lambda t: Gaussian([t[0]], std=[1.0]), [0.0])
    with pytest.raises(ValueError, match="step must be"):
        sensitivity.family(solution, lambda t: Uniform([-1.0], [t[0]]), [0.0], step=0.0)


def test_the_example_of_the_page_runs():
    page = (Path(__file__).parent.parent / "docs" / "sensitivity.md").read_text(encoding="utf-8")
    names: dict = {}
    exec(page.split("```python\n")[1].split("```")[0], names)
    slope = sensitivity.gaussian(names["solution"])
    exact = gaussian.solve(-1.0, 0.25, 1.0, 0.64, 2.0)
    assert slope.mean[0] == pytest.approx(2.0 * (-1.0 - exact.mean_R[0]), abs=1e-6)
