"""Formulas: how the work and the memory for one grow with its length."""

import time
import tracemalloc

import numpy as np
import pytest
from density_grids import LINE, SPACE

from mfgprox.density import DensityError, Expression, expression
from mfgprox.density import formula as formulas
from mfgprox.density.formula import evaluate, parse
from mfgprox.grid import Grid


def long(piece: str, last: str) -> str:
    """The piece as often as a formula may be long."""
    return piece * ((1000 - len(last)) // len(piece)) + last


def deep(opening: str, closing: str, levels: int = 48) -> str:
    return opening * levels + "x" + closing * levels


GROWING = {
    "nested parentheses": deep("(", ")", 190),
    "nested calls": deep("exp(", ")"),
    "nested where": deep("where(x<1,1,", ")"),
    "where in its own test": deep("where(", "<1,1,2)"),
    "nested minima": deep("minimum(x,", ")"),
    "tower of powers": "**".join(["1"] * 48),
    "tower of huge powers": "**".join(["9"] * 48),
    "tower of sums": "1**(1*" * 24 + "1" + ")" * 24,
    "powers of powers": "(" * 48 + "x" + "**2)" * 48,
    "powers of huge powers": "(" * 48 + "x" + "**999)" * 48,
    "signs": "-+" * 24 + "x",
    "wide sums": "(" + ")+(".join(["+".join(["x"] * 40)] * 12) + ")",
    "long sum": long("x+", "x"),
    "long product": long("x*", "x"),
    "long comparison": f"where({long('x<', 'x')[:900].rstrip('<')},1,2)",
    "long call": f"minimum({long('x,', 'x')[:900]})",
    "big integers": "*".join(["9" * 99] * 10),
    "powers of big integers": "**".join(["9" * 99] * 10),
    "huge factorials": "9" * 300 + "**999**999",
    "shifted by floats": "1e308*1e308*(" + "9" * 300 + ")",
    "denormals": "*".join(["5e-324"] * 40),
    "dots": long("x.", "x"),
    "brackets": deep("[", "]", 300),
    "braces": deep("{1:", "}", 240),
    "lambdas": long("lambda:", "x"),
    "comprehensions": deep("[x for x in ", "]", 70),
    "strings": "'" + "x" * 900 + "'*9**9",
    "formatted strings": "f'{" * 100 + "x" + "}'" * 100,
}


@pytest.mark.parametrize("name", GROWING)
def test_no_formula_takes_much_time_or_memory(name):
    """Within what a thousand characters may take: no power, nesting or number makes it grow."""
    tracemalloc.start()
    began = time.process_time()
    try:
        Expression(GROWING[name]).log_density(SPACE)
    except DensityError as error:
        assert len(str(error)) < 500
        assert "\n" not in str(error)
    seconds, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 0.5
    assert peak < 2**21


@pytest.mark.parametrize("make", [
    lambda n: "(" * n + "x" + "+1)" * n, lambda n: "1**(" * n + "1" + ")" * n,
    lambda n: "exp(-" * n + "x" + ")" * n, lambda n: "+".join(["x"] * n),
])  # fmt: skip
def test_work_grows_with_the_length_and_no_faster(make, monkeypatch):
    """Parts that are evaluated: thrice as many for thrice the depth."""
    counted = []
    value = formulas._value
    monkeypatch.setattr(formulas, "_value", lambda *a: counted.append(1) or value(*a))

    def parts(n):
        counted.clear()
        evaluate(parse(make(n), 1), {"x": LINE.centers(0)})
        return len(counted)

    few, many = parts(8), parts(24)
    assert few >= 8
    assert many <= 4 * few


def test_memory_does_not_grow_with_parts_times_cells(monkeypatch):
    """Depth holds an array for each level: of a slab, not of the grid."""
    grid, source = Grid((-1.0, -1.0), (1.0, 1.0), (128, 128)), "(x*x+y)**2+(" * 40 + "1" + ")" * 40
    whole = Expression(source).log_density(grid)
    monkeypatch.setattr(expression, "SLAB", 2**9)
    tracemalloc.start()
    found = Expression(source).log_density(grid)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(found, whole)
    assert peak < 8 * whole.nbytes  # an array for each level of all the grid: 160


@pytest.mark.parametrize("slab", [1, 7, 60, 10**6])
def test_slabs_change_nothing(slab, monkeypatch):
    monkeypatch.setattr(expression, "SLAB", slab)
    for grid in (LINE, SPACE):
        found = Expression("exp(-x**2) + where(x < 0.3, x + 5, 5.3)").log_density(grid)
        x = grid.coordinates()[0]
        exact = np.broadcast_to(np.exp(-x * x) + np.where(x < 0.3, x + 5, 5.3), grid.shape)
        assert np.exp(found) == pytest.approx(exact)
