"""Formulas that nobody draws: nothing outside the list, and no work beyond what they are long."""

import ast
import builtins
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfgprox.density import DensityError, Expression, expression, sample
from mfgprox.density import formula as formulas
from mfgprox.density.formula import ARGUMENTS, CONSTANTS, FormulaError, evaluate, parse
from mfgprox.grid import Grid

LINE = Grid((-4.0,), (4.0,), (50,))
SPACE = Grid((-1.0, -2.0, 0.5), (1.0, 2.0, 2.0), (8, 6, 5))

HOSTILE = [
    ("__import__('os').system('true')", "not allowed"),
    ("open('/etc/passwd')", '"open" is not known'),
    ("(1).__class__", "not allowed"),
    ("x.real", "not allowed"),
    ("[1,2]", "not allowed"),
    ("(1,2)", "not allowed"),
    ("{x}", "not allowed"),
    ("lambda: 1", "not allowed"),
    ("x if x > 0 else 1", "not allowed"),
    ("(y := 1)", "not allowed"),
    ("[x for x in (1,)]", "not allowed"),
    ("x < 1", "not allowed"),
    ("x and 1", "not allowed"),
    ("not x", "not allowed"),
    ("~1", "not allowed"),
    ("1 << 99999999", "not allowed"),
    ("x @ x", "not allowed"),
    ("x // 2", "not allowed"),
    ("x % 2", "not allowed"),
    ("'a' * 999999999", "not allowed"),
    ("b'a'", "not allowed"),
    ("f'{x}'", "not allowed"),
    ("True", "not allowed"),
    ("None", "not allowed"),
    ("...", "not allowed"),
    ("1j", "not allowed"),
    ("exp", "needs its arguments"),
    ("exp()", "takes 1 arguments; got 0"),
    ("exp(1, 2)", "takes 1"),
    ("exp(x=1)", "not allowed"),
    ("exp(*x)", "not allowed"),
    ("where(x, 1, 2)", "comparison"),
    ("where(x == 1, 1, 2)", "comparison"),
    ("exp(1)(2)", "not allowed"),
    ("sine(x)", 'did you mean "sin"'),
    ("xx + 1", '"xx" is not known'),
    ("y + 1", "only the axes x"),
    ("9**9**9**9", "exponent"),
    ("x**10**9", "exponent"),
    ("2**-5000", "exponent"),
    ("9" * 400, "too large"),
    ("0x" + "f" * 500, "too large"),
    ("1" * 999, "too large"),
    ("1e999", "too large"),
    ("x +", "cannot be read"),
    ("x + $ y", "cannot be read at character 5"),
    ("1 2", "cannot be read"),
    ("x; x", "cannot be read"),
    ("import os", "cannot be read"),
    ("1if x else 2", "."),
    ("(" * 400 + "x" + ")" * 400, "."),
    ("-" * 900 + "x", "deep"),
    ("x" + "+x" * 400, "deep"),
    ("x" * 1001, "1 to 1000 characters"),
    ("", "1 to 1000"),
    ("   ", "1 to 1000"),
    ("x\0", "cannot be read"),
    ("\ud800", "cannot be read"),
    ("ｘ．real", "."),
    ("exp(" * 200 + "x" + ")" * 200, "."),
]


@pytest.mark.parametrize(("formula", "reason"), HOSTILE, ids=lambda v: ascii(v)[:30])
def test_hostile_formulas(formula, reason):
    began = time.process_time()
    with pytest.raises(FormulaError, match=reason) as caught:
        parse(formula, 1)
    assert time.process_time() - began < 0.5
    assert len(str(caught.value)) < 500
    assert len(str(caught.value).splitlines()) == 1


ALPHABET = "xyze0123456789.+-*/()<>=, _'\"[]{}:;@%&|^~!\\\n\tπexplogwhere"


@settings(max_examples=300)
@given(st.text(ALPHABET, max_size=60))
def test_any_text_gives_a_density_or_one_clear_error(text):
    began = time.process_time()
    try:
        found = sample(Expression(text), SPACE)
    except DensityError as error:
        assert str(error)
    else:
        assert np.all(found.values >= 0.0)
        assert found.values.sum() * SPACE.cell_volume == pytest.approx(1.0)
    assert time.process_time() - began < 2.0


SYNTAX = {
    ast.BoolOp: "x and y", ast.NamedExpr: "(a := x)", ast.Lambda: "lambda: x",
    ast.IfExp: "x if x else y", ast.Dict: "{x: y}", ast.Set: "{x}", ast.ListComp: "[a for a in x]",
    ast.SetComp: "{a for a in x}", ast.DictComp: "{a: a for a in x}",
    ast.GeneratorExp: "(a for a in x)", ast.Await: "await x", ast.Yield: "(yield x)",
    ast.YieldFrom: "(yield from x)", ast.Compare: "x < y", ast.JoinedStr: "f'{x}'",
    ast.Attribute: "x.y", ast.Subscript: "x[y]", ast.Starred: "exp(*x)", ast.List: "[x]",
    ast.Tuple: "(x, y)", ast.Slice: "x[y:z]", ast.FormattedValue: "f'{x:y}'",
}  # fmt: skip
"""Every kind of expression that Python has, but for those that a formula may have."""
ALLOWED = {ast.Constant, ast.Name, ast.UnaryOp, ast.BinOp, ast.Call}
TEMPLATES = {getattr(ast, name, None) for name in ("TemplateStr", "Interpolation")}


def test_the_list_of_what_is_allowed_is_the_whole_of_it():
    kinds = {kind for kind in ast.expr.__subclasses__() if kind.__module__ == "ast"}
    assert kinds - TEMPLATES - {ast.Num, ast.Str, ast.Bytes, ast.NameConstant, ast.Ellipsis} == (
        set(SYNTAX) | ALLOWED
    )


@pytest.mark.parametrize("source", SYNTAX.values())
@pytest.mark.parametrize(
    "around", ["{}", "1 + ({})", "exp({})", "where(({}) < 1, 1, 2)", "2**({})"]
)
def test_syntax_outside_the_list_is_refused_wherever_it_stands(source, around):
    with pytest.raises(FormulaError, match=r"not allowed|takes 1|cannot be read"):
        parse(around.format(source), 3)


def test_operators_outside_the_list_are_refused():
    signs = {"//", "%", "@", "<<", ">>", "&", "|", "^"}
    for sign in signs | {"==", "!=", "is", "in", "not in", "is not"}:
        with pytest.raises(FormulaError, match=r"not allowed|must be a comparison"):
            parse(f"where(x {sign} 1, 1, 2)", 1)
    assert len(signs) + 5 == len(ast.operator.__subclasses__())
    for sign in ("~", "not "):
        with pytest.raises(FormulaError, match="not allowed"):
            parse(f"{sign}x", 1)


def test_no_name_of_python_is_known():
    for name in dir(builtins):
        if name in ARGUMENTS or name in CONSTANTS:
            continue
        for source in (name, f"{name}(x)", f"{name}.x", f"x.{name}", f"exp({name})"):
            with pytest.raises(FormulaError):
                parse(source, 3)


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
        found = Expression("exp(-x**2) + where(x < 0.3, 1, 2)").log_density(grid)
        x = grid.coordinates()[0]
        exact = np.broadcast_to(np.exp(-x * x) + np.where(x < 0.3, 1, 2), grid.shape)
        assert np.exp(found) == pytest.approx(exact)


def test_a_formula_of_several_lines_is_quoted_on_one():
    for source in ("-\nx", "(x +\n\t`)", "(x\n@ y)", "-x\x0c"):
        with pytest.raises(DensityError) as caught:
            sample(Expression(source), LINE)
        assert str(caught.value).isprintable(), source
