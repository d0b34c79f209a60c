"""How a solve converged, as a drawing whose colours are those of the page."""

from __future__ import annotations

import math
from html import escape

import numpy as np

from mfgprox.solution import Solution

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 14, 44
MOST_TICKS = 7
MOST_POINTS = 600


def history_drawing(solution: Solution) -> str:
    """An SVG of |gap| against the iteration; empty where no gap was recorded."""
    gap = np.abs(solution.history.get("gap", np.array([])))
    kept = np.flatnonzero(np.isfinite(gap) & (gap > 0.0))
    if kept.size == 0:
        return ""
    bound = _tolerance(solution)
    decades = [math.log10(v) for v in (gap[kept].min(), gap[kept].max(), bound) if v > 0.0]
    low, high = math.floor(min(decades)), max(math.ceil(max(decades)), math.floor(min(decades)) + 1)
    x = _scale(0.5, len(gap) + 0.5, LEFT, WIDTH - RIGHT)
    y = _scale(low, high, HEIGHT - BOTTOM, TOP)
    shown = kept[:: -(-kept.size // MOST_POINTS)]
    points = [(x(k + 1), y(math.log10(gap[k]))) for k in (*shown, kept[-1])]
    parts = [*_vertical(low, high, y), *_horizontal(len(gap), x)]
    if bound > 0.0:
        at = y(math.log10(bound))
        parts.append(f'<line class="tolerance" x1="{LEFT}" x2="{WIDTH - RIGHT}" {_at("y", at)}/>')
        parts.append(_text(WIDTH - RIGHT, at - 5, "tolerance", "end"))
    line = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    parts.append(f'<polyline class="line" points="{line}"/>')
    if len(points) <= 60:
        parts += [f'<circle class="point" cx="{a:.1f}" cy="{b:.1f}" r="2.5"/>' for a, b in points]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, _across(solution), "middle"))
    parts.append(
        f'<text transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2:g}) rotate(-90)" '
        'text-anchor="middle">|gap|, units of cost</text>'
    )
    label = f"The discrete gap falls from {gap[kept[0]]:.1e} to {gap[kept[-1]]:.1e}."
    head = f'<svg class="history" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
    return "\n".join([head, *parts, "</svg>"])


def _across(solution: Solution) -> str:
    return "inner solve" if solution.flow else "iteration"


def _tolerance(solution: Solution) -> float:
    case = solution.problem.case
    if case is None or not math.isfinite(solution.dual_value):
        return 0.0
    tolerance = case.solver.tolerance()
    return tolerance.atol + tolerance.rtol * abs(solution.dual_value)


def _scale(a: float, b: float, start: float, stop: float):
    return lambda value: start + (value - a) / (b - a) * (stop - start)


def _vertical(low: int, high: int, y) -> list[str]:
    step = -(-(high - low) // MOST_TICKS)
    parts = []
    for decade in range(low, high + 1, step):
        at = y(decade)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" {_at("y", at)}/>')
        exponent = str(decade).replace("-", "−")
        raised = f'10<tspan dy="-5" font-size="9">{exponent}</tspan>'
        parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{raised}</text>')
    return parts


def _horizontal(count: int, x) -> list[str]:
    raw = max(1.0, count / MOST_TICKS)
    power = 10 ** math.floor(math.log10(raw))
    step = int(next(m * power for m in (1, 2, 5, 10) if m * power >= raw))
    ticks = [1, *range(step, count + 1, step)] if step > 1 else range(1, count + 1)
    return [_text(x(k), HEIGHT - BOTTOM + 18, str(k), "middle") for k in ticks]


def _at(letter: str, value: float) -> str:
    return f'{letter}1="{value:.1f}" {letter}2="{value:.1f}"'


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
