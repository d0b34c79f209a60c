"""Formulas that jump: means over the cells that an edge cuts, beside the kinds that know them."""

import numpy as np
import pytest

from mfgprox.density import DensityError, Expression, Gaussian, Mixture, Ring, Uniform, sample
from mfgprox.density.conditions import jumping
from mfgprox.density.crossings import crossings
from mfgprox.exact import exact_answer
from mfgprox.grid import Grid
from mfgprox.problem import Problem
from mfgprox.solvers import solve
from mfgprox.solvers.newton import Newton
from mfgprox.storage import load, save

RING = "where(abs(x**2 + y**2 - 1.75) < 0.75, 1, 0)"
BOX = "where(abs(x - 0.1) < 0.77, where(abs(y + 0.2) <= 1.13, 3, 0), 0)"
SHELL = "where(x**2 + y**2 + z**2 < 1.44, where(x**2 + y**2 + z**2 > 0.36, 1, 0), 0)"


def box(d, n, half=3.0):
    return Grid((-half,) * d, (half,) * d, (n,) * d, 8)


@pytest.mark.parametrize(
    ("formula", "kind", "grid", "closeness"),
    [
        ("where(abs(x - 0.1) < 0.77, 3, 0)", Uniform([-0.67], [0.87]), box(1, 50), 1e-12),
        ("where(0.5 < abs(x - 0.1) <= 1.2, 3, 0)", Ring([0.1], 0.5, 1.2), box(1, 51), 1e-12),
        (RING, Ring([0, 0], 1.0, 2.5**0.5), box(2, 20), 1e-7),
        (RING, Ring([0, 0], 1.0, 2.5**0.5), box(2, 65), 1e-9),
        (BOX, Uniform([-0.67, -1.33], [0.87, 0.93]), box(2, 33), 1e-12),
        # On the edges of cells: none is cut, and rounding leaves no slivers.
        (
            "where(abs(x) < 0.7, where(y < 1.1, 1, 0), 0)",
            Uniform([-0.7, -3], [0.7, 1.1]),
            box(2, 60),
            1e-14,
        ),
        # The kind has 24 nodes in z, across kinks.
        (SHELL, Ring([0, 0, 0], 0.6, 1.2), box(3, 16, 1.5), 1e-3),
        ("0**maximum(0, x**2 + y**2 - 1)", Ring([0, 0], 0.0, 1.0), box(2, 24), 1e-7),
    ],
)
def test_cells_have_the_averages_of_the_kind(formula, kind, grid, closeness):
    found, known = sample(Expression(formula), grid), sample(kind, grid)
    assert not found.smooth
    assert np.abs(found.values - known.values).max() < closeness * known.values.max()
    assert np.array_equal(found.values == 0.0, known.values == 0.0)
    assert np.array_equal(np.isneginf(found.log_values), found.values == 0.0)
    assert found.cut_off == pytest.approx(known.cut_off, abs=1e-12)


def test_a_tilted_triangle_with_a_slope_against_many_points():
    """Three edges that meet within cells, and values that vary."""
    formula = (
        "where(y > 0.3*x - 0.8, where(y < 0.9 - x, where(y < 2*x + 0.9, exp(x - y), 0), 0), 0)"
    )
    grid = box(2, 24, 1.5)
    density, fine = Expression(formula), grid.with_cells((24 * 40, 24 * 40))
    cut = density.cut(grid)
    x, y = fine.coordinates()
    inside = (y > 0.3 * x - 0.8) & (y < 0.9 - x) & (y < 2 * x + 0.9)
    values = np.where(inside, np.exp(x - y), 0.0).reshape(24, 40, 24, 40)
    means, held = values.mean(axis=(1, 3)), inside.reshape(values.shape).mean(axis=(1, 3))
    found = np.exp(density.log_density(grid))
    assert not (cut & (held == 1.0)).any()
    assert cut[(held > 0.0) & (held < 1.0)].all()
    # 40 points a side leave 1e-2 in a cell, and 5e-4 in the mean, which 160 points take to 4e-5.
    assert np.abs(found - means)[cut].max() < 0.02 * means.max()
    assert abs((found - means)[cut].mean()) < 1e-3 * means.max()
    x, y = grid.coordinates()
    assert found[held == 1.0] == pytest.approx(np.exp(x - y)[held == 1.0], rel=1e-13)
    assert not found[held == 0.0].any()


def test_jumps_between_positive_values():
    found = np.exp(Expression("where(x < 0.1, 1, 2*exp(-x))").log_density(box(1, 50)))
    cell = 25  # from 0 to 0.12
    assert found[cell] * 0.12 == pytest.approx(0.1 + 2 * (np.exp(-0.1) - np.exp(-0.12)))
    centres = box(1, 50).centers(0)
    assert found[:cell] == pytest.approx(1.0)
    assert found[cell + 1 :] == pytest.approx(2 * np.exp(-centres[cell + 1 :]))


SMOOTH = [
    "maximum(0, 1 - x**2)",
    "sqrt(maximum(0, 1 - x**2))",
    "maximum(0, x)**0.3",
    "where(abs(x) < 1, 1 - x**2, 0)",
    "where(abs(x) < 1, exp(-1/(1 - x**2)), 0)",
    "where(x < 0, exp(x), exp(-2*x))",
    "where(x < 1e9, exp(-x**2), 1)",
    "1/(1 + x**2)",
    "maximum(0, 1 - x**2)**0",
    "exp(-x**2) + where(x < 2.9, 0, 1e-30)",
    "1 + tanh(50*x)",
]


@pytest.mark.parametrize("formula", SMOOTH)
def test_formulas_without_jumps_are_sampled_at_the_centres(formula):
    grid = box(1, 53)
    density = Expression(formula)
    found = sample(density, grid)
    assert found.smooth
    assert not density.has_edges(grid)
    assert not density.cut(grid).any()
    assert np.array_equal(density.log_density(grid), density._at_centers(grid))


def test_whether_a_formula_jumps_is_a_matter_of_the_box():
    density = Expression("where(x < 2, exp(-x**2), 0)")
    assert density.has_edges(box(1, 8))
    assert not density.has_edges(box(1, 8, 1.9))
    assert jumping("exp(-x**2)", box(1, 8)) is None


def test_edges_everywhere_are_counted_roughly():
    """Finer than any cell: no time is spent on them one by one, and the mass is about right."""
    grid = box(3, 16)
    density = Expression("where(sin(90*x)*sin(80*y)*sin(70*z) < 0, 1, 0)")
    assert density.cut(grid).mean() > 0.9
    found = np.exp(density.log_density(grid))
    assert found.mean() == pytest.approx(0.5, abs=0.02)  # 2.6e5 points
    assert 0.1 < found.min() < found.max() < 0.9


def test_what_is_found_to_be_no_density_next_to_an_edge():
    """Between the centres too."""
    with pytest.raises(DensityError, match=r"negative at x = 0\.9"):
        sample(Expression("where(abs(x) < 0.93, 0.9 - x, 0)"), box(1, 10))


def test_crossings_of_jumps_kinks_and_curves():
    turns = np.array([0.3, 1e-9, 0.7310585, 0.5])
    functions = [
        lambda t: np.where(t < turns[0], -1.0, 1.0),
        lambda t: np.sqrt(t) - np.sqrt(turns[1]),
        lambda t: np.expm1(40 * (t - turns[2])),
        lambda t: np.where(t < turns[3], -1e300, 1e-300),
    ]

    def values(t, index):
        return np.array([functions[i](s) for i, s in zip(index, t, strict=True)])

    found = crossings(values, np.zeros(4), np.ones(4))
    assert np.abs(found - turns).max() < 1e-12


def test_value_and_bounds_are_those_of_the_kind():
    """On 64 squared, from a Gaussian: the errors of the kind, 4.6e-5 of D and bounds within 2 %."""
    P, grid = Gaussian([0, 0], std=[0.3, 0.3]), box(2, 64)
    exact = exact_answer(Problem(P, Ring([0, 0], 1.0, 2.5**0.5), epsilon=0.5, grid=grid)).divergence
    found = solve(Problem(P, Expression(RING), epsilon=0.5, grid=grid), "auto", static=True)
    assert found.divergence == pytest.approx(exact, rel=1e-4)
    assert found.lower_bound < exact < found.upper_bound < 1.03 * exact
    assert "constant within" not in found.certificate.statement


@pytest.mark.parametrize("power", [2.0, 3.0])
def test_positive_jumps_on_the_line(power):
    """The steps of two boxes; newton takes them unless p = 2 and f is KL."""
    grid, P = box(1, 128, 1.5), Gaussian([0], std=[0.3])
    steps = Mixture([1.6, 2.8], [Uniform([-1.5], [0.1]), Uniform([0.1], [1.5])])
    exact = exact_answer(Problem(P, steps, epsilon=0.5, grid=grid, p=power)).divergence
    formula = Expression("where(x < 0.1, 1, 2)")
    problem = Problem(P, formula, epsilon=0.5, grid=grid, p=power)
    assert exact_answer(problem).divergence == pytest.approx(exact, rel=1e-10)
    found = solve(problem, static=True)
    assert found.converged
    assert found.solver == ("newton" if power == 3.0 else "semi-discrete")
    assert found.divergence == pytest.approx(exact, rel=1e-5)
    assert found.lower_bound <= exact <= found.upper_bound < (1 + 1e-4) * exact


def test_both_jump_in_a_mixture_and_the_exact_answer_knows():
    grid = box(1, 256, 2.5)
    formula, known = Expression("where(abs(x - 0.1) < 1, 1, 0)"), Uniform([-0.9], [1.1])
    P, Q = Gaussian([0], std=[0.4]), Uniform([-2], [-1.5])
    problems = [
        Problem(Mixture([1, 2], [d, P]), Mixture([1, 1], [d, Q]), epsilon=0.5, grid=grid)
        for d in (formula, known)
    ]
    exact = [exact_answer(p).divergence for p in problems]
    assert exact[0] == pytest.approx(exact[1], rel=1e-12)
    found = solve(problems[0], static=True)
    assert found.divergence == pytest.approx(exact[1], rel=1e-5)
    assert found.lower_bound <= exact[1] <= found.upper_bound


def test_newton_refuses_a_formula_with_an_edge():
    problem = Problem(
        Gaussian([0], std=[0.3]), Expression("where(x < 0.1, 1, 2)"), epsilon=0.5, grid=box(1, 64)
    )
    with pytest.raises(ValueError, match="got a density with edges or zeros"):
        solve(problem, Newton())


def test_a_formula_is_read_back_with_its_edges(tmp_path):
    from mfgprox.case import parse_case

    case = parse_case(
        "epsilon = 1.0\np = 2.0\n[grid]\nlower = [-2.0]\nupper = [2.0]\ncells = [32]\n"
        'time_steps = 4\n[P]\nkind = "gaussian"\nmean = [0.0]\nstd = [0.3]\n'
        '[Q]\nkind = "expression"\nformula = "where(abs(x - 0.1) < 0.77, exp(x), 0)"\n'
    )
    save(solve(case.problem(), static=True), tmp_path / "out.h5")
    back = load(tmp_path / "out.h5").problem
    assert back.densities[1].has_edges(back.grid)
    assert not back.samples[1].smooth
    assert np.array_equal(back.Q, case.problem().Q)


@pytest.mark.slow
@pytest.mark.parametrize("n", [128, 256])
def test_ring_and_box_on_finer_grids(n):
    P, grid = Gaussian([0, 0], std=[0.3, 0.3]), box(2, n)
    for formula, kind in (
        (RING, Ring([0, 0], 1.0, 2.5**0.5)),
        (BOX, Uniform([-0.67, -1.33], [0.87, 0.93])),
    ):
        for epsilon in (0.05, 0.5, 6.0):
            known = Problem(P, kind, epsilon=epsilon, grid=grid)
            exact = exact_answer(known).divergence
            other = solve(known, "auto", static=True)
            found = solve(Problem(P, Expression(formula), epsilon=epsilon, grid=grid), static=True)
            allowed = 3.0 * abs(other.divergence - exact) + 1e-6 * exact
            assert abs(found.divergence - exact) < allowed
            assert found.lower_bound < exact < found.upper_bound < other.upper_bound + 1e-4 * exact
