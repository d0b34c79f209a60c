"""Formulas in x, y, z, evaluated by a list of what is allowed and nothing else.

A formula is parsed to a syntax tree and refused unless every node is listed here; nothing is ever
passed to `eval`. All arithmetic is in floating point, so that no power grows beyond a number, and
every value carries the logarithm of its size, so that exp(-x**2) keeps its tails where the value
itself underflows.
"""

from __future__ import annotations

import ast
import difflib
import math
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from mfgprox.density.base import DensityError
from mfgprox.grid import AXES, Grid

MAX_LENGTH = 1000
MAX_DEPTH = 50
MAX_EXPONENT = 1000.0
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


class Number(NamedTuple):
    """Real values and the logarithms of their sizes, which outlive the values' underflow."""

    value: np.ndarray
    log: np.ndarray


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
    _check(tree, axes, 0, formula.strip())
    return tree


def _first_line(error: BaseException) -> str:
    text = getattr(error, "msg", None) or str(error) or "it is nested too deep"
    return str(text).splitlines()[0][:100]


def _check(node: ast.expr, axes: int, depth: int, formula: str) -> None:
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
                "argument of where"
            )
    for part in parts:
        _check(part, axes, depth + 1, formula)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        _check_exponent(node.right, formula)


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


def _check_exponent(node: ast.expr, formula: str) -> None:
    """A constant exponent must be bounded; one in x, y, z is bounded by the result being finite."""
    if any(isinstance(n, ast.Name) and n.id in AXES for n in ast.walk(node)):
        return
    value = float(_evaluate(node, {}).value)
    if not abs(value) <= MAX_EXPONENT:
        raise FormulaError(
            f"the exponent {_token(node, formula)} is {value:g}; the largest allowed is "
            f"{MAX_EXPONENT:g}"
        )


def _token(node: ast.expr, formula: str) -> str:
    text = ast.get_source_segment(formula, node) or type(node).__name__
    return f'"{text if len(text) <= 40 else text[:39] + "…"}"'


def _evaluate(node: ast.expr, coordinates: dict[str, np.ndarray]) -> Number:
    """Values on the cells; the tree has been checked, so that its size bounds the work."""
    with np.errstate(all="ignore"):
        return _value(node, coordinates)


def _value(node: ast.expr, at: dict[str, np.ndarray]) -> Number:
    match node:
        case ast.Constant():
            return _number(np.float64(node.value))  # type: ignore[arg-type]
        case ast.Name():
            return _number(at[node.id] if node.id in AXES else np.float64(CONSTANTS[node.id]))
        case ast.UnaryOp():
            inner = _value(node.operand, at)
            return Number(-inner.value, inner.log) if isinstance(node.op, ast.USub) else inner
        case ast.BinOp():
            return _OPERATORS[type(node.op)](_value(node.left, at), _value(node.right, at))
        case ast.Call(func=ast.Name(id="where")):
            chosen = _condition(node.args[0], at)
            yes, no = _value(node.args[1], at), _value(node.args[2], at)
            return _choose(chosen, yes, no)
        case ast.Call(func=ast.Name(id=name)):
            return _FUNCTIONS[name](*(_value(argument, at) for argument in node.args))
    raise AssertionError("the tree was checked before")


def _condition(node: ast.expr, at: dict[str, np.ndarray]) -> np.ndarray:
    assert isinstance(node, ast.Compare)
    values = [_value(n, at).value for n in (node.left, *node.comparators)]
    holds: np.ndarray = np.bool_(True)  # type: ignore[assignment]
    for op, left, right in zip(node.ops, values, values[1:], strict=False):
        holds = holds & COMPARISONS[type(op)](left, right)
    return holds


def _number(value: np.ndarray | np.float64) -> Number:
    value = np.asarray(value)
    return Number(value, np.log(np.abs(value)))


def _choose(chosen: np.ndarray, yes: Number, no: Number) -> Number:
    return Number(np.where(chosen, yes.value, no.value), np.where(chosen, yes.log, no.log))


def _add(a: Number, b: Number) -> Number:
    value = a.value + b.value
    together = np.signbit(a.value) == np.signbit(b.value)
    high, low = np.maximum(a.log, b.log), np.minimum(a.log, b.log)
    gone = value == 0.0  # underflowed or cancelled: the logarithms know which
    apart = high + np.log1p(-np.exp(np.where(high > low, low - high, -np.inf)))
    apart = np.where(high > low, apart, -np.inf)
    log = np.where(
        together, np.logaddexp(a.log, b.log), np.where(gone, apart, np.log(np.abs(value)))
    )
    larger = np.signbit(np.where(a.log >= b.log, a.value, b.value))
    return Number(np.where(gone & (log > -np.inf), np.where(larger, -0.0, 0.0), value), log)


def _subtract(a: Number, b: Number) -> Number:
    return _add(a, Number(-b.value, b.log))


def _multiply(a: Number, b: Number) -> Number:
    zero = (a.log == -np.inf) | (b.log == -np.inf)
    return Number(a.value * b.value, np.where(zero & _finite(a, b), -np.inf, a.log + b.log))


def _finite(a: Number, b: Number) -> np.ndarray:
    return (a.log < np.inf) & (b.log < np.inf)


def _divide(a: Number, b: Number) -> Number:
    return Number(a.value / b.value, a.log - b.log)


def _power(a: Number, b: Number) -> Number:
    value = np.power(a.value, b.value)
    log = np.where(b.log == -np.inf, 0.0, b.value * a.log)
    return Number(value, np.where(np.isnan(value) & (a.value < 0.0), np.nan, log))


def _exp(a: Number) -> Number:
    return Number(np.exp(a.value), a.value)


def _log(a: Number) -> Number:
    below = np.signbit(a.value) & (a.log > -np.inf)
    return _number(np.where(below, np.nan, a.log))


def _sqrt(a: Number) -> Number:
    below = np.signbit(a.value) & (a.log > -np.inf)
    log = np.where(below, np.nan, 0.5 * a.log)
    return Number(np.exp(log), log)


def _lesser(a: Number, b: Number) -> np.ndarray:
    negative = np.signbit(a.value) & np.signbit(b.value)
    tie = np.where(negative, a.log > b.log, a.log < b.log)
    return (a.value < b.value) | ((a.value == b.value) & tie)


def _plain(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[Number], Number]:
    return lambda a: _number(function(a.value))


_OPERATORS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: _add,
    ast.Sub: _subtract,
    ast.Mult: _multiply,
    ast.Div: _divide,
    ast.Pow: _power,
}
_FUNCTIONS: dict[str, Callable[..., Number]] = {
    "exp": _exp,
    "log": _log,
    "sqrt": _sqrt,
    "abs": lambda a: Number(np.abs(a.value), a.log),
    "sin": _plain(np.sin),
    "cos": _plain(np.cos),
    "tan": _plain(np.tan),
    "tanh": _plain(np.tanh),
    "minimum": lambda a, b: _choose(_lesser(a, b), a, b),
    "maximum": lambda a, b: _choose(_lesser(a, b), b, a),
}


class Expression:
    """A density given by a formula in x, y, z, sampled at cell centres.

    Raises FormulaError (a DensityError) for what is not allowed, and on a grid DensityError where
    the formula is negative or not finite.
    """

    smooth = True

    def __init__(self, formula: str) -> None:
        parse(formula, 3)
        self.formula = formula

    def log_density(self, grid: Grid) -> np.ndarray:
        tree = parse(self.formula, grid.dimension)
        number = _evaluate(tree, dict(zip(AXES, grid.coordinates(), strict=False)))
        value, log = (np.broadcast_to(v, grid.shape) for v in number)
        self._refuse(np.isnan(log) | (log == np.inf), "is not finite", grid)
        self._refuse(np.signbit(value) & (log > -np.inf), "is negative", grid)
        return np.array(log)

    def _refuse(self, bad: np.ndarray, what: str, grid: Grid) -> None:
        if not bad.any():
            return
        index = np.unravel_index(int(np.argmax(bad)), bad.shape)[::-1]
        place = ", ".join(
            f"{name} = {grid.centers(i)[index[i]]:g}"
            for i, name in enumerate(AXES[: grid.dimension])
        )
        raise DensityError(f'"{self.formula[:60]}" {what} at {place}')

    def cut_off(self, grid: Grid) -> float:
        """The share outside the box, if the formula is integrable as far as can be seen.

        Masses in the box and in boxes two and four times as wide: where the second increase is not
        clearly smaller than the first, or the formula makes no sense out there, the box is its
        domain and nothing is cut off. The rest of the tail is added as a geometric series.
        """
        try:
            masses = [self._log_mass(grid, scale) for scale in (1, 2, 4)]
        except DensityError:
            return 0.0
        one, two, four = np.exp(np.array(masses) - max(masses))
        first, second = two - one, four - two
        if not (first > 0.0 and second < 0.75 * first):
            return 0.0
        ratio = max(second, 0.0) / first
        outside = first + max(second, 0.0) / (1.0 - ratio)
        return float(outside / (one + outside))

    def _log_mass(self, grid: Grid, scale: int) -> float:
        most = (2048, 256, 32)[grid.dimension - 1]
        middle = [0.5 * (a + b) for a, b in zip(grid.lower, grid.upper, strict=True)]
        half = [0.5 * scale * (b - a) for a, b in zip(grid.lower, grid.upper, strict=True)]
        wide = Grid(
            tuple(m - h for m, h in zip(middle, half, strict=True)),
            tuple(m + h for m, h in zip(middle, half, strict=True)),
            tuple(scale * min(n, most) for n in grid.cells),
        )
        return float(logsumexp(self.log_density(wide))) + math.log(wide.cell_volume)
