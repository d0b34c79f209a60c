"""Where a formula jumps: its tests, and along which of them it does so within a box.

The test of a `where` has a margin, above 0 where it holds, and turns where that changes its sign.
Zeros that come from a quotient, a power with an exponent in x, y, z or a tangent are a test too.
"""

from __future__ import annotations

import ast
import functools
import math
from dataclasses import dataclass

import numpy as np

from mfgprox.density.crossings import crossings
from mfgprox.density.formula import COMPARISONS, CONSTANTS, evaluate, parse
from mfgprox.grid import AXES, Grid

LOOK = {1: 4096, 2: 384, 3: 64}
"""Points an axis at which a formula is looked at to see whether it jumps, by dimension."""
PLAIN = 20
"""Parts of a formula above which there are fewer points, so that no formula takes longer."""
MOST_LOOKED_AT = 64
"""Places for each test and axis at which it turns that are looked at."""
BUDGET = 2**18
"""Numbers that are held at a time."""
NEAR, FAR = 1e-9, 1e-3
"""How far from where a test turns, in distances of the points, the values on its sides are taken:
near it, and not quite so near to see whether the formula goes to zero."""
JUMP, VANISHES = 1e-4, 1.0
"""Change of the logarithm across a jump at least, and from FAR to NEAR where it goes to zero."""
NEGLIGIBLE = math.log(1e-12)
"""Of the largest density: what is less may jump."""
LEAST, MOST = 1e-300, 1e300


@dataclass(frozen=True, eq=False)
class Conditions:
    """Tests of a formula; `zeros`: that it is above 0 counts as one."""

    tree: ast.expr
    tests: tuple[ast.Compare, ...]
    zeros: bool

    @functools.cached_property
    def work(self) -> int:
        """Numbers at a point that are worked out at most."""
        return sum(isinstance(node, ast.expr) for node in ast.walk(self.tree))

    def margins(self, at: dict[str, np.ndarray]) -> np.ndarray:
        """(tests, *shape), above 0 where a test holds, of the shape to which the coordinates are
        broadcast; never 0 and finite."""
        shape = np.broadcast_shapes(*(np.shape(x) for x in at.values()))
        known: Known = {}
        with np.errstate(all="ignore"):
            found = [_margin(test, at, known) for test in self.tests]
            if self.zeros:
                found.append(np.where(evaluate(self.tree, at).log > -np.inf, 1.0, -1.0))
        return np.stack([np.broadcast_to(margin, shape) for margin in found])

    def only(self, which: np.ndarray) -> Conditions:
        """Some of the tests, (tests,) bool."""
        tests = tuple(t for t, keep in zip(self.tests, which, strict=False) if keep)
        return Conditions(self.tree, tests, self.zeros and bool(which[-1]))


Known = dict[ast.Compare, np.ndarray]
"""Margins of tests that need not be worked out again."""


def _margin(test: ast.Compare, at: dict[str, np.ndarray], known: Known) -> np.ndarray:
    if test in known:
        return known[test]
    values = [_plain(node, at, known) for node in (test.left, *test.comparators)]
    found: np.ndarray = np.float64(MOST)  # type: ignore[assignment]
    for op, left, right in zip(test.ops, values, values[1:], strict=False):
        size = np.abs(left - right)
        size = np.clip(np.where(size > 0.0, size, LEAST), LEAST, MOST)
        found = np.minimum(found, np.where(COMPARISONS[type(op)](left, right), size, -size))
    known[test] = found
    return found


def _plain(node: ast.expr, at: dict[str, np.ndarray], known: Known) -> np.ndarray:
    """The values of a part of a formula without their logarithms, of which a test sees nothing."""
    match node:
        case ast.Constant():
            return np.float64(node.value)  # type: ignore[arg-type, return-value]
        case ast.Name():
            return at[node.id] if node.id in AXES else np.float64(CONSTANTS[node.id])  # type: ignore[return-value]
        case ast.UnaryOp():
            inner = _plain(node.operand, at, known)
            return -inner if isinstance(node.op, ast.USub) else inner
        case ast.BinOp():
            left, right = (_plain(part, at, known) for part in (node.left, node.right))
            return np.asarray(_OPERATORS[type(node.op)](left, right))
        case ast.Call(func=ast.Name(id="where"), args=[ast.Compare() as test, yes, no]):
            chosen = _margin(test, at, known) > 0.0
            return np.where(chosen, _plain(yes, at, known), _plain(no, at, known))
        case ast.Call(func=ast.Name(id=name)):
            return np.asarray(getattr(np, name)(*(_plain(part, at, known) for part in node.args)))
    raise AssertionError("the tree was checked before")


_OPERATORS: dict[type[ast.operator], np.ufunc] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}


def jumping(formula: str, grid: Grid) -> Conditions | None:
    """The tests along which a formula jumps within the box of a grid; None where it does not.

    That does not depend on the cells. What goes to zero continuously does not jump there.
    """
    return _jumping(formula, grid.lower, grid.upper)


@functools.lru_cache(maxsize=64)
def _jumping(formula: str, lower: tuple[float, ...], upper: tuple[float, ...]) -> Conditions | None:
    tree = parse(formula, len(lower))
    tests: dict[int, ast.Compare] = {}
    _number(tree, {}, tests)
    conditions = Conditions(tree, tuple(tests.values()), _may_vanish(tree))
    if not (conditions.tests or conditions.zeros):
        return None
    d, longer = len(lower), max(1.0, conditions.work / PLAIN)
    points = max(2, round(LOOK[d] / longer ** (2.0 / d)))
    which = _jumps(conditions, Grid(lower, upper, (points,) * d))
    return conditions.only(which) if which.any() else None


def _number(node: ast.AST, numbers: dict[object, int], tests: dict[int, ast.Compare]) -> int:
    """A number for a part of a formula, the same for equal parts; fills `tests`, each once."""
    parts = tuple(_number(child, numbers, tests) for child in ast.iter_child_nodes(node))
    own = getattr(node, "value" if isinstance(node, ast.Constant) else "id", None)
    number = numbers.setdefault((type(node), own, parts), len(numbers))
    if isinstance(node, ast.Compare):
        tests.setdefault(number, node)
    return number


def _may_vanish(tree: ast.expr) -> bool:
    """Whether it may be 0 next to where it is not for another reason than a test."""
    for node in ast.walk(tree):
        match node:
            case ast.BinOp(op=ast.Div() | ast.Pow(), right=right) if _varies(right):
                return True
            case ast.Call(func=ast.Name(id="tan")):
                return True
    return False


def _varies(tree: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id in AXES for node in ast.walk(tree))


def _jumps(conditions: Conditions, grid: Grid) -> np.ndarray:
    """(tests,): which of them the formula jumps along. grid: of the points that are looked at."""
    found = np.zeros(len(conditions.tests) + conditions.zeros, bool)
    turns, top = _turns(conditions, grid)
    for test, axis, line, place in turns:
        if not found[test] and top > -math.inf:
            along = _Along(conditions.only(np.arange(found.size) == test), grid, axis, line, place)
            found[test] = along.jumps(NEGLIGIBLE + top)
    return found


def _turns(
    conditions: Conditions, grid: Grid
) -> tuple[list[tuple[int, int, np.ndarray, np.ndarray]], float]:
    """Where tests turn between points on lines along the axes: test, axis, lines and the points
    before; and the largest logarithm of the formula on these points."""
    found, top = [], -math.inf
    for axis, n in enumerate(grid.cells):
        lines = math.prod(grid.cells) // n
        step = max(1, BUDGET // (conditions.work * n))
        parts = []
        for start in range(0, lines, step):
            at = _points(
                grid, axis, np.arange(start, min(start + step, lines))[:, None], np.arange(n)[None]
            )
            parts.append(np.argwhere(np.diff(conditions.margins(at) > 0.0, axis=2)))
            parts[-1][:, 1] += start
            if axis == 0:
                log = evaluate(conditions.tree, at).log
                top = max(top, float(np.max(log, where=np.isfinite(log), initial=-math.inf)))
        turned = np.concatenate(parts)
        for test in np.unique(turned[:, 0]):
            own = turned[turned[:, 0] == test]
            own = own[:: -(-len(own) // MOST_LOOKED_AT)]
            found.append((int(test), axis, own[:, 1], own[:, 2]))
    return found, top


def _points(grid: Grid, axis: int, line: np.ndarray, place: np.ndarray) -> dict[str, np.ndarray]:
    """Coordinates of points, by the number of a line along an axis and the place on it in cells."""
    others = [n for i, n in enumerate(grid.cells) if i != axis]
    index = list(np.unravel_index(line, others)) if others else []
    index.insert(axis, place)
    return {
        name: a + h * (k + 0.5)
        for name, a, h, k in zip(AXES, grid.lower, grid.spacing, index, strict=False)
    }


@dataclass(frozen=True, eq=False)
class _Along:
    """One test that turns on lines along an axis between some points and those after them."""

    conditions: Conditions
    grid: Grid
    axis: int
    line: np.ndarray
    place: np.ndarray

    def jumps(self, least: float) -> bool:
        """Whether the formula jumps there; a logarithm below `least` does not count."""
        zero = np.zeros(self.line.size)
        turn = crossings(self._margin, zero, zero + 1.0)
        sides = [(self._log(turn + s * NEAR), self._log(turn + s * FAR)) for s in (-1.0, 1.0)]
        heights = [near for near, _ in sides]
        with np.errstate(invalid="ignore"):
            falls = [far - near > VANISHES for near, far in sides]
            apart = np.abs(heights[1] - heights[0]) > JUMP
        for height, fall, other in zip(heights, falls, heights[::-1], strict=True):
            apart &= ~(np.isneginf(other) & fall & np.isfinite(height))
        return bool(np.any(apart & (np.maximum(*heights) > least)))

    def _at(self, t: np.ndarray, index: np.ndarray | slice) -> dict[str, np.ndarray]:
        return _points(self.grid, self.axis, self.line[index], self.place[index] + t)

    def _margin(self, t: np.ndarray, index: np.ndarray) -> np.ndarray:
        return self.conditions.margins(self._at(t, index))[0]

    def _log(self, t: np.ndarray) -> np.ndarray:
        at = self._at(np.clip(t, 0.0, 1.0), slice(None))
        log = np.broadcast_to(evaluate(self.conditions.tree, at).log, t.shape)
        return np.where(np.isnan(log), -np.inf, log)
