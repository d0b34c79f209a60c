"""Formulas: right where they are allowed, refused with the offending part where not."""

import numpy as np
import pytest

from mfgprox.density import DensityError, Expression, sample
from mfgprox.density.formula import evaluate, parse
from mfgprox.grid import Grid

LINE = Grid((-4.0,), (4.0,), (50,))
SPACE = Grid((-1.0, -2.0, 0.5), (1.0, 2.0, 2.0), (8, 6, 5))
NAMES = {name: getattr(np, name) for name in ("exp", "log", "sqrt", "abs", "sin", "cos", "tan")}
NAMES |= {name: getattr(np, name) for name in ("tanh", "minimum", "maximum", "where", "pi", "e")}


@pytest.mark.parametrize(
    "formula",
    [
        "1",
        "x**2 + y**2 + z",
        "exp(-(x - 0.3)**2 / 0.1 - y**2) * z",
        "2*exp(-x*x) + 3*exp(-(y-1)**2)",
        "exp(-x**2) - 0.5*exp(-x**2 - 1)",
        "abs(x*y*z)**1.5 + sqrt(abs(x)) + 1e-3",
        "1 + sin(x)*cos(y)*tanh(z)",
        "tan(z/10)/(1 + x**2)",
        "minimum(z, 1.0) + maximum(x, 0)",
        "where(x < 0.2, 1, 2.5) * where(y >= 1, z, 1)",
        "2**x + e**y + pi",
        "+x - -x + 3 + z**-2",
        "(-2)**2 + (x - 5)**2 + log(z + 1)",
        "0**0 + 0*x",
        "exp(log(abs(x) + 1) * 2)",
    ],
)
def test_formulas_against_numpy(formula):
    coordinates = dict(zip("xyz", SPACE.coordinates(), strict=True))
    exact = np.broadcast_to(eval(formula, dict(NAMES), coordinates), SPACE.shape)
    value = evaluate(parse(formula, 3), coordinates).value
    assert np.broadcast_to(value, SPACE.shape) == pytest.approx(exact, rel=1e-13, abs=1e-300)
    density = Expression(formula)
    found, at_centers = np.exp(density.log_density(SPACE)), ~density.cut(SPACE)
    assert at_centers.all() or "where" in formula
    assert found[at_centers] == pytest.approx(exact[at_centers], rel=1e-12)


def test_chained_comparisons():
    found = np.exp(Expression("where(-1 <= x < 1, 2, 1)").log_density(LINE))
    below = [np.clip((end - LINE.edges(0)[:-1]) / LINE.spacing[0], 0.0, 1.0) for end in (-1, 1)]
    assert found == pytest.approx(1.0 + below[1] - below[0])


def test_logarithms_outlive_underflow():
    grid = Grid((-50.0,), (50.0,), (100,))
    x = grid.centers(0)
    for formula in (
        "exp(-x**2)",
        "2*exp(-x**2)/2",
        "exp(-x**2/2)**2",
        "sqrt(exp(-2*x**2))",
        "maximum(exp(-x**2), exp(-x**2 - 1))",
        "exp(-x**2) * exp(-1) * e + 0",
        "-(-exp(-x**2))",
        "2*exp(-x**2) - exp(-x**2)",
        "where(x < 1e9, exp(-x**2), 1)",
        "exp(log(exp(-x**2)))",
    ):
        assert Expression(formula).log_density(grid) == pytest.approx(-x * x, abs=1e-9), formula


def test_zeros_are_zeros():
    found = sample(Expression("maximum(0, 1 - x**2)"), LINE)
    x = LINE.centers(0)
    assert np.array_equal(found.values == 0.0, np.abs(x) >= 1.0)
    assert np.array_equal(np.isneginf(found.log_values), np.abs(x) >= 1.0)


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        ("x", "negative at x = -3.92"),
        ("-exp(-x**2)", "negative"),
        ("-1e-300*exp(-x**2)", "negative"),
        ("log(x)", "not finite"),
        ("sqrt(x)", "not finite"),
        ("1/(x - x)", "not finite"),
        ("x**0.5", "not finite"),
        ("0", "no mass"),
        ("0*x", "no mass"),
        ("exp(exp(exp(9)))", "not finite"),
    ],
)
def test_what_is_no_density(formula, reason):
    with pytest.raises(DensityError, match=reason):
        sample(Expression(formula), LINE)


@pytest.mark.parametrize(
    ("formula", "exact"),
    [
        ("exp(-x**2/2)", 6.3342e-5),  # 2 Φ(-4)
        ("exp(-x**2/8)", 0.0455003),  # 2 Φ(-2)
        ("exp(-abs(x))", 0.0183156),  # e^-4
        ("1/(1 + x**2)", 0.1559583),  # 1 - (2/π) atan 4
        ("1", 0.0),
        ("1 + 0.5*sin(x)", 0.0),
        ("x**2", 0.0),
        ("sqrt(16 - x**2)", 0.0),
        ("maximum(0, 1 - x**2)", 0.0),
        ("where(abs(x) < 5, 1, 0)", 0.2),
    ],
)
def test_cut_off_of_a_formula(formula, exact):
    grid = LINE.with_cells((400,))
    assert Expression(formula).cut_off(grid) == pytest.approx(exact, rel=0.03, abs=1e-9)


def test_cut_off_in_more_dimensions():
    assert Expression("exp(-(x**2+y**2+z**2)*30)").cut_off(
        Grid((-1.0,) * 3, (1.0,) * 3, (24,) * 3)
    ) == pytest.approx(1.3e-13, rel=0.5)
    assert Expression("exp(-(x**2+y**2)*0.5)").cut_off(
        Grid((-1.0,) * 2, (1.0,) * 2, (64,) * 2)
    ) == pytest.approx(1 - 0.6826895**2, rel=0.03)
