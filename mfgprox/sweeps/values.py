"""The values of a sweep as they are typed, and how a case of it is called."""

from __future__ import annotations

import math
from collections.abc import Iterable

MOST_VALUES = 10_000
RANGE_DIGITS = 6
"""Significant digits of the values inside a range: they are file names too."""


class SweepError(ValueError):
    """A sweep that cannot be run; the message names the option and what is accepted."""


def parse_values(option: str, text: str, least: float) -> list[float]:
    """Numbers above `least` from "0.1,0.5,2" or, evenly spaced in the logarithm, "0.01:100:13".

    Both may be mixed. Raises SweepError naming the option and the part that is wrong.
    """
    found: list[float] = []
    for part in text.split(","):
        found += _range(option, part, least) if ":" in part else [_number(option, part, least)]
    return distinct(option, found, least)


def distinct(option: str, values: Iterable[float], least: float) -> list[float]:
    """The values in ascending order, each once. Raises SweepError for none, or one out of range."""
    found = sorted({_checked(option, str(value), float(value), least) for value in values})
    if not 1 <= len(found) <= MOST_VALUES:
        raise SweepError(f"{option}: from 1 to {MOST_VALUES} values are accepted; got {len(found)}")
    return found


def label(value: float) -> str:
    """A number as short as can be without losing a bit: 0.5, 2, 1e-05."""
    return repr(float(value)).removesuffix(".0")


def file_name(epsilon: float, p: float) -> str:
    """Of the result of a case in the directory of its sweep."""
    return f"p{label(p)}_epsilon{label(epsilon)}.h5"


def _range(option: str, part: str, least: float) -> list[float]:
    ends = part.split(":")
    if len(ends) != 3 or not ends[2].strip().isascii() or not ends[2].strip().isdigit():
        raise SweepError(
            f"{option}: {part.strip()!r} must be a number, or LOW:HIGH:COUNT as in 0.01:100:13 "
            "(COUNT values, evenly spaced in the logarithm, both ends included)"
        )
    low, high = (_number(option, end, max(least, 0.0)) for end in ends[:2])
    count = int(ends[2].strip()[:9])
    if not (low < high and 2 <= count <= MOST_VALUES):
        raise SweepError(
            f"{option}: in {part.strip()!r} LOW must be below HIGH, and COUNT from 2 to "
            f"{MOST_VALUES}"
        )
    steps = [k / (count - 1) for k in range(1, count - 1)]
    inner = [math.exp((1.0 - t) * math.log(low) + t * math.log(high)) for t in steps]
    return [low, *(float(f"{value:.{RANGE_DIGITS}g}") for value in inner), high]


def _number(option: str, text: str, least: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    return _checked(option, text.strip(), value, least)


def _checked(option: str, text: str, value: float, least: float) -> float:
    if not (math.isfinite(value) and value > least):
        raise SweepError(
            f"{option}: {text[:40]!r} must be a finite number above {label(least)}; several are "
            "separated by commas"
        )
    return value
