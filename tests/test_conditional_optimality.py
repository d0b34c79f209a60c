"""Transport along some axes only: R is the best density, the first variation, empty slices."""

import numpy as np
import pytest
from correlated_gaussians import EPSILON, correlated, gaussian_kl

import mfgprox
from mfgprox import Grid, Problem, gaussian
from mfgprox.density import DensityError, Expression, Gaussian
from mfgprox.rearrangement import transport_cost_1d

TIGHT = mfgprox.Tolerance(1e-7)
SLOWER = [pytest.param(f, marks=pytest.mark.slow) for f in ("reverse-kl", "pearson", "neyman")]


@pytest.mark.parametrize("f", ["kl", "hellinger", "jensen-shannon", *SLOWER])
def test_no_other_density_with_the_marginal_of_P_is_better(f):
    """The joint D_f, not that of slices, and W_2 by quantiles: D is the value at R, and mixing R
    with others or shifting it only adds."""
    found = mfgprox.solve(correlated((48, 6), f), static=True)
    problem, grid = found.problem, found.problem.grid
    weight = problem.P.sum(axis=1) * grid.cell_volume

    def value(R):
        cost = sum(
            w * transport_cost_1d(p / p.sum(), r / r.sum(), -5.0, grid.spacing[0], 2.0)
            for w, p, r in zip(weight, problem.P, R, strict=True)
        )
        return cost + problem.epsilon * problem.divergence.between(
            R, problem.log_Q, grid.cell_volume
        )

    best = value(found.R)
    # Densities constant within cells: W_2² is off by the variance of a cell, the square of 0.06.
    assert found.divergence == pytest.approx(best, rel=5e-3)
    scale = problem.P.sum(axis=1, keepdims=True) / problem.Q.sum(axis=1, keepdims=True)
    others = [problem.P, problem.Q * scale]
    others += [found.R * (1.0 + s * np.tanh(grid.centers(0))) for s in (-0.3, 0.3)]
    for other in others:
        other = other * (problem.P.sum(axis=1, keepdims=True) / other.sum(axis=1, keepdims=True))
        assert value(0.9 * found.R + 0.1 * other) > best - 1e-6
        assert value(other) > best


@pytest.mark.parametrize(
    "f", ["kl", pytest.param("hellinger", marks=pytest.mark.slow), "jensen-shannon"]
)
def test_first_variation_tells_what_mass_in_other_slices_costs(f):
    """Theorem 4.1 where the marginal of P changes too: no constant is free from slice to slice."""
    grid = Grid((-5.0, -4.0), (5.0, 4.0), (48, 12), 1)
    Q = Expression("exp(-(x - 0.5 - 0.3*y)**2 - 0.6*(y - 0.6)**2)")

    def solution(share):
        change = f"1 + {share}*(0.4*sin(y + 0.5) + 0.2*tanh(x + y))"
        P = Expression(f"exp(-1.2*(x + 0.5)**2 - y**2) * ({change})")
        problem = Problem(P, Q, epsilon=EPSILON, grid=grid, f_divergence=f, transport_axes=["x"])
        return mfgprox.solve(problem, static=True, tolerance=TIGHT)

    step = 0.05
    middle, up, down = solution(0.0), solution(step), solution(-step)
    difference = (up.divergence - down.divergence) / (2.0 * step)
    towards = (up.problem.P - down.problem.P) / (2.0 * step)
    slope = grid.integrate(towards * middle.first_variation)
    assert abs(difference) > 0.01
    # Third derivatives times the square of the step.
    assert slope == pytest.approx(difference, rel=2e-3)


def test_slices_without_mass():
    grid = Grid((-4.0, 0.0), (4.0, 4.0), (48, 4), 4)
    bump = np.exp(-0.5 * grid.centers(0) ** 2)
    P, Q = np.outer([1.0, 2.0, 0.0, 0.0], bump), np.outer([1.0, 0.0, 1.0, 0.0], np.roll(bump, 6))
    with pytest.raises(DensityError, match=r"Q: has no mass at y = 1.5, where P has some \(1 of 4"):
        Problem(P, Q, epsilon=1.0, grid=grid, transport_axes=["x"])
    with pytest.raises(DensityError, match=r"P: has no mass at y = 2.5, where Q has some"):
        Problem(P, Q, epsilon=1.0, grid=grid, transport_axes=["x"], f_divergence="reverse-kl")
    problem = Problem(P, Q, epsilon=1.0, grid=grid, transport_axes=["x"], f_divergence="hellinger")
    found = mfgprox.solve(problem, "back-and-forth")
    assert found.converged and not found.R[2:].any() and np.isfinite(found.U).all()
    # The slice without Q stays, at f'(∞) = 1 for its two thirds; Q has f(0) = 1 for its lone half.
    assert np.allclose(found.R[1], problem.P[1], rtol=1e-13)
    alone = mfgprox.solve(
        Problem(
            bump, np.roll(bump, 6), epsilon=np.sqrt(1.5),
            grid=Grid((-4.0,), (4.0,), (48,), 4), f_divergence="hellinger",
        ),
        "back-and-forth",
    )  # fmt: skip
    marginal = (np.sqrt(1 / 3) - np.sqrt(1 / 2)) ** 2 + 2 / 3 + 1 / 2
    assert found.divergence == pytest.approx(marginal + alone.divergence / 3, abs=1e-6)
    text = " ".join(found.notes)
    assert "P has no mass in 2 of 4 slices" in text and "6.7e-01 of the mass of P: it stays" in text
    assert found.lower_bound <= found.divergence <= found.upper_bound


def test_planes_in_space_and_axes_in_any_order():
    grid = Grid((-4.0,) * 3, (4.0,) * 3, (24, 24, 6), 2)
    P = Gaussian([-0.5, 0.2, 0.3], std=[0.8, 0.7, 0.9])
    Q = Gaussian([0.4, -0.3, -0.2], std=[0.9, 0.9, 1.0])
    planes = mfgprox.solve(
        Problem(P, Q, epsilon=1.5, grid=grid, transport_axes=["y", "x"]), static=True
    )
    exact = gaussian.divergence(P.mean[:2], P.cov[:2, :2], Q.mean[:2], Q.cov[:2, :2], 1.5)
    exact += 1.5 * gaussian_kl(0.3, 0.81, -0.2, 1.0)
    # Sums over six slices of width 4/3: 1e-5 off in the marginal.
    assert planes.divergence == pytest.approx(exact, abs=2e-3)
    assert planes.problem.transport_axes == ("x", "y")
    across = correlated((32, 8))
    turned = Problem(
        across.P.T, across.Q.T, epsilon=EPSILON,
        grid=Grid((-4.0, -5.0), (4.0, 5.0), (8, 32), 8), transport_axes=["y"],
    )  # fmt: skip
    plain = Problem(across.P, across.Q, epsilon=EPSILON, grid=across.grid, transport_axes=["x"])
    one, other = (mfgprox.solve(p, "back-and-forth") for p in (plain, turned))
    # The same slices; sums over a transposed array round in another order.
    assert other.divergence == pytest.approx(one.divergence, rel=1e-12)
    assert np.abs(other.rho - one.rho.transpose(0, 2, 1)).max() < 1e-9
    assert np.abs(other.momentum[1] - one.momentum[0].transpose(0, 2, 1)).max() < 1e-8
