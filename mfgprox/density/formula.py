"""Formulas in x, y, z: parsed, checked against a list of what is allowed, and evaluated.

A formula becomes a syntax tree and is refused unless every node is listed here; nothing is ever
passed to `eval`. All arithmetic is in floating point, so that no power grows beyond a number.
"""

from __future__ import annotations

import ast
import difflib
import math
import warnings
from collections.abc import Callable

import numpy as np

from mfgprox.density import signed_log
from mfgprox.density.base import DensityError
from mfgprox.density.signed_log import Number
from mfgprox.grid import AXES

MAX_LENGTH, MAX_DEPTH = 1000, 50
"""Characters, and levels of the syntax tree."""
MAX_EXPONENT = 1000.0
"""Of a constant exponent: larger ones make towers of powers that take long to fail."""
CONSTANTS = {"pi": math.pi, "e": math.e}
ONE_ARGUMENT = ("exp", "log", "sqrt", "abs", "sin", "cos", "tan", "tanh")
ARGUMENTS = {**dict.fromkeys(ONE_ARGUMENT, 1), "minimum": 2, "maximum": 2, "where": 3}
COMPARISONS: dict[type[ast.cmpop], np.ufunc] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}


class FormulaError(DensityError):
    """A formula that is not allowed; the message names the part that is at fault."""


def parse(formula: str, axes: int) -> ast.expr:
    """The syntax tree of a formula on a grid with so many axes. Raises FormulaError."""
    if not formula.strip() or len(formula) > MAX_LENGTH:
        raise FormulaError(f"a formula has 1 to {MAX_LENGTH} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = ast.parse(formula.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError, Warning) as error:
        column = getattr(error, "offset", None)
        at = f" at character {column}" if column else ""
        raise FormulaError(f"the formula cannot be read{at}: {_first_line(error)}") from None
    with np.errstate(all="ignore"):
        _check(tree, axes, 0, formula.strip(), {})
    return tree


def _first_line(error: BaseException) -> str:
    text = getattr(error, "msg", None) or str(error) or "it is nested too deep"
    return str(text).splitlines()[0][:100]


def _check(
    node: ast.expr, axes: int, depth: int, formula: str, exponents: dict[ast.expr, Number]
) -> bool:
    """Raise FormulaError unless the tree is allowed; whether it has an axis in it.

    exponents: the values of the constant exponents, gathered on the way.
    """
    if depth > MAX_DEPTH:
        raise FormulaError(f"the formula is nested deeper than {MAX_DEPTH}")
    parts: list[ast.expr] = []
    match node:
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            _check_constant(node, formula)
        case ast.Name():
            _check_name(node.id, axes)
        case ast.UnaryOp(op=ast.UAdd() | ast.USub()):
            parts = [node.operand]
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div() | ast.Pow()):
            parts = [node.left, node.right]
        case ast.Call(func=ast.Name(), keywords=[]):
            parts = _call_arguments(node, formula)
        case _:
            raise FormulaError(
                f"{_token(node, formula)} is not allowed; allowed are numbers, x, y, z, pi, e, "
                f"+ - * / **, parentheses, {', '.join(ARGUMENTS)}, and < <= > >= as the first "
                f"argument of where{_hint(node)}"
            )
    varies = [_check(part, axes, depth + 1, formula, exponents) for part in parts]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and not varies[1]:
        _check_exponent(node.right, formula, exponents)
    return any(varies) or (isinstance(node, ast.Name) and node.id in AXES)


def _check_constant(node: ast.Constant, formula: str) -> None:
    try:
        finite = math.isfinite(float(node.value))  # type: ignore[arg-type]
    except OverflowError:
        finite = False
    if not finite:
        raise FormulaError(f"the number {_token(node, formula)} is too large")


def _check_name(name: str, axes: int) -> None:
    known = [*AXES[:axes], *CONSTANTS]
    if name in known:
        return
    if name in AXES:
        raise FormulaError(
            f"{name} is used, but the grid has only the axes {', '.join(AXES[:axes])}"
        )
    if name in ARGUMENTS:
        raise FormulaError(f"{name} is a function and needs its arguments in parentheses")
    close = difflib.get_close_matches(name[:50], [*known, *ARGUMENTS], 1)
    hint = f' (did you mean "{close[0]}"?)' if close else ""
    raise FormulaError(f'the name "{name[:50]}" is not known{hint}; known are {", ".join(known)}')


def _call_arguments(node: ast.Call, formula: str) -> list[ast.expr]:
    name = node.func.id  # type: ignore[attr-defined]
    if name not in ARGUMENTS:
        close = difflib.get_close_matches(name[:50], ARGUMENTS, 1)
        hint = f' (did you mean "{close[0]}"?)' if close else ""
        raise FormulaError(
            f'the function "{name[:50]}" is not known{hint}; known are {", ".join(ARGUMENTS)}'
        )
    if len(node.args) != ARGUMENTS[name]:
        raise FormulaError(f"{name} takes {ARGUMENTS[name]} arguments; got {len(node.args)}")
    if name != "where":
        return node.args
    test = node.args[0]
    if not (isinstance(test, ast.Compare) and all(type(op) in COMPARISONS for op in test.ops)):
        raise FormulaError(
            f"the first argument of where must be a comparison such as x < 1; got "
            f"{_token(test, formula)}"
        )
    return [test.left, *test.comparators, *node.args[1:]]


def _check_exponent(node: ast.expr, formula: str, exponents: dict[ast.expr, Number]) -> None:
    """A constant exponent must be bounded; one in x, y, z is bounded by the result being finite.

    exponents: those below, each of which is worked out once: so a tower of powers is no more work
    than it is long.
    """
    exponents[node] = _value(node, {}, exponents)
    value = float(exponents[node].value)
    if not abs(value) <= MAX_EXPONENT:
        raise FormulaError(
            f"the exponent {_token(node, formula)} is {value:g}; the largest allowed is "
            f"{MAX_EXPONENT:g}"
        )


def _token(node: ast.expr, formula: str) -> str:
    text = ast.get_source_segment(formula, node) or type(node).__name__
    return f'"{shown(text, 40)}"'


def shown(text: str, most: int) -> str:
    """So much of a formula, on one line."""
    text = " ".join(text.split())
    text = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(c if c.isprintable() else "�" for c in text)


def evaluate(node: ast.expr, coordinates: dict[str, np.ndarray]) -> Number:
    """Values on the cells; the tree has been checked, so that its size bounds the work."""
    with np.errstate(all="ignore"):
        return _value(node, coordinates, {})


def _value(node: ast.expr, at: dict[str, np.ndarray], known: dict[ast.expr, Number]) -> Number:
    """known: parts of the tree whose values need not be worked out again."""
    if node in known:
        return known[node]
    match node:
        case ast.Constant():
            return signed_log.number(np.float64(node.value))  # type: ignore[arg-type]
        case ast.Name():
            return signed_log.number(
                at[node.id] if node.id in AXES else np.float64(CONSTANTS[node.id])
            )
        case ast.UnaryOp():
            inner = _value(node.operand, at, known)
            return Number(-inner.value, inner.log) if isinstance(node.op, ast.USub) else inner
        case ast.BinOp():
            return _OPERATORS[type(node.op)](
                _value(node.left, at, known), _value(node.right, at, known)
            )
        case ast.Call(func=ast.Name(id="where")):
            chosen = _condition(node.args[0], at, known)
            yes, no = _value(node.args[1], at, known), _value(node.args[2], at, known)
            return signed_log.choose(chosen, yes, no)
        case ast.Call(func=ast.Name(id=name)):
            return _FUNCTIONS[name](*(_value(argument, at, known) for argument in node.args))
    raise AssertionError("the tree was checked before")


def _condition(
    node: ast.expr, at: dict[str, np.ndarray], known: dict[ast.expr, Number]
) -> np.ndarray:
    assert isinstance(node, ast.Compare)
    values = [_value(n, at, known).value for n in (node.left, *node.comparators)]
    holds: np.ndarray = np.bool_(True)  # type: ignore[assignment]
    for op, left, right in zip(node.ops, values, values[1:], strict=False):
        holds = holds & COMPARISONS[type(op)](left, right)
    return holds


_OPERATORS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: signed_log.add,
    ast.Sub: signed_log.subtract,
    ast.Mult: signed_log.multiply,
    ast.Div: signed_log.divide,
    ast.Pow: signed_log.power,
}
_FUNCTIONS: dict[str, Callable[..., Number]] = {
    "exp": signed_log.exp,
    "log": signed_log.log,
    "sqrt": signed_log.sqrt,
    "abs": lambda a: Number(np.abs(a.value), a.log),
    "sin": signed_log.plain(np.sin),
    "cos": signed_log.plain(np.cos),
    "tan": signed_log.plain(np.tan),
    "tanh": signed_log.plain(np.tanh),
    "minimum": lambda a, b: signed_log.choose(signed_log.lesser(a, b), a, b),
    "maximum": lambda a, b: signed_log.choose(signed_log.lesser(a, b), b, a),
}


def _hint(node: ast.AST) -> str:
    """What was probably meant."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor):
        return "; powers are written **, as in x**2"
    if isinstance(node, ast.Attribute) or isinstance(getattr(node, "func", None), ast.Attribute):
        return "; functions have no prefix: exp(x), not np.exp(x)"
    return ""
