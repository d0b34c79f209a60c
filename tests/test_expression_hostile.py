"""Formulas that nobody writes by hand: a density or one clear error."""

import ast
import builtins
import time

import numpy as np
import pytest
from density_grids import LINE, SPACE
from hypothesis import given, settings
from hypothesis import strategies as st

from mfgprox.density import DensityError, Expression, sample
from mfgprox.density.formula import ARGUMENTS, CONSTANTS, FormulaError, parse

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


def test_a_formula_of_several_lines_is_quoted_on_one():
    for source in ("-\nx", "(x +\n\t`)", "(x\n@ y)", "-x\x0c"):
        with pytest.raises(DensityError) as caught:
            sample(Expression(source), LINE)
        assert str(caught.value).isprintable(), source
