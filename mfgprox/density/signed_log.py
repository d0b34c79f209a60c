"""Arithmetic on values that carry the logarithm of their size.

exp(-x**2) underflows to 0 a few tens of standard deviations out, yet its logarithm is an ordinary
number, and a density is what its logarithm says. The sign is the sign bit of the value, which an
underflow keeps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Number(NamedTuple):
    """Real values and the logarithms of their sizes, which outlive the values' underflow."""

    value: np.ndarray
    log: np.ndarray


def number(value: np.ndarray | np.float64) -> Number:
    """Plain values with the logarithms of their sizes."""
    value = np.asarray(value)
    return Number(value, np.log(np.abs(value)))


def choose(chosen: np.ndarray, yes: Number, no: Number) -> Number:
    """yes where chosen, no elsewhere."""
    return Number(np.where(chosen, yes.value, no.value), np.where(chosen, yes.log, no.log))


def add(a: Number, b: Number) -> Number:
    """a + b; where the values underflow or cancel, as their logarithms say."""
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


def subtract(a: Number, b: Number) -> Number:
    """a - b, as `add`."""
    return add(a, Number(-b.value, b.log))


def multiply(a: Number, b: Number) -> Number:
    """a b; 0 times what is finite stays 0."""
    zero = (a.log == -np.inf) | (b.log == -np.inf)
    return Number(a.value * b.value, np.where(zero & finite(a, b), -np.inf, a.log + b.log))


def finite(a: Number, b: Number) -> np.ndarray:
    """Where neither is infinite."""
    return (a.log < np.inf) & (b.log < np.inf)


def divide(a: Number, b: Number) -> Number:
    """a / b."""
    return Number(a.value / b.value, a.log - b.log)


def power(a: Number, b: Number) -> Number:
    """a^b; nan for a negative a and a b that is no whole number, as NumPy has it."""
    value = np.power(a.value, b.value)
    log = np.where(b.log == -np.inf, 0.0, b.value * a.log)
    return Number(value, np.where(np.isnan(value) & (a.value < 0.0), np.nan, log))


def exp(a: Number) -> Number:
    """e^a, whose logarithm is the value of a."""
    return Number(np.exp(a.value), a.value)


def log(a: Number) -> Number:
    """log a; nan where a is negative, however small."""
    below = np.signbit(a.value) & (a.log > -np.inf)
    return number(np.where(below, np.nan, a.log))


def sqrt(a: Number) -> Number:
    """The square root; nan where a is negative, however small."""
    below = np.signbit(a.value) & (a.log > -np.inf)
    log = np.where(below, np.nan, 0.5 * a.log)
    return Number(np.exp(log), log)


def lesser(a: Number, b: Number) -> np.ndarray:
    """Where a < b; of values that are the same, as after an underflow, by the logarithms."""
    negative = np.signbit(a.value) & np.signbit(b.value)
    tie = np.where(negative, a.log > b.log, a.log < b.log)
    return (a.value < b.value) | ((a.value == b.value) & tie)


def plain(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[Number], Number]:
    """A function of values as one of numbers; of an underflow it sees 0."""
    return lambda a: number(function(a.value))
