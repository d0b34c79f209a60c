"""A lower and an upper value of D with the estimated errors of the sums that made them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

SMALL = 4.0
"""One over the share of both errors that is no longer small."""


@dataclass(frozen=True)
class Enclosure:
    """lower - lower_error <= D <= upper + upper_error on the box; -inf and nan if missing.

    truncation: what the mass outside the box may be worth in D, to first order; not part of the
    errors. All in units of the cost.
    """

    lower: float
    lower_error: float
    upper: float
    upper_error: float
    truncation: float

    @property
    def least(self) -> float:
        """The lower value less its error."""
        return self.lower - self.lower_error

    @property
    def most(self) -> float:
        """The upper value and its error."""
        return self.upper + self.upper_error

    def closed(self, rtol: float) -> bool:
        """Whether the bounds are that close to each other; not if one is missing or they cross."""
        if not math.isfinite(self.least):
            return False
        return 0.0 <= self.most - self.least <= rtol * max(abs(self.least), abs(self.most))

    def consistent(self) -> Enclosure:
        """With errors as large as the values prove them to be: a lower value above an upper one is
        off by their difference, or the upper one is, or both in part. Either answers for all of it
        but a side whose error is a small part of what is known of both, if that explains it."""
        crossed, known = self.lower - self.upper, self.lower_error + self.upper_error
        if not crossed > 0.0:
            return self
        shares = [1.0, 1.0]
        if crossed <= known:
            shares = [min(1.0, SMALL * e / known) for e in (self.lower_error, self.upper_error)]
        return replace(
            self,
            lower_error=self.lower_error + shares[0] * crossed,
            upper_error=self.upper_error + shares[1] * crossed,
        )

    def better(self, other: Enclosure | None) -> Enclosure:
        """The closest pair of one lower and one upper value of the two, once it is consistent."""
        if other is None:
            return self
        pairs = [
            replace(low, upper=high.upper, upper_error=high.upper_error)
            for low in (self, other)
            for high in (self, other)
        ]
        return min(pairs, key=_distance)


def _distance(pair: Enclosure) -> tuple[float, float]:
    """Of the bounds, and for those with one bound missing, how low the lower one is."""
    found = pair.consistent()
    distance = found.most - found.least
    return distance if math.isfinite(distance) else math.inf, -found.least


@dataclass(frozen=True)
class Refinable:
    """Two values, (lower, upper); estimated errors of their sums, should the integrands be as
    smooth between the nodes as they look; and what the splines may do between the nodes."""

    values: tuple[float, float]
    sums: tuple[float, float]
    splines: tuple[float, float]
    truncation: float

    def enclosure(self, coarser: Refinable | None = None) -> Enclosure:
        """coarser: the same with half as many nodes per axis. No sum is taken to be closer to its
        integral than to the coarser one; and how the values changed tells more about the splines
        than bounds of what they could do."""
        errors = []
        for k in range(2):
            changed = math.inf
            if coarser is not None and math.isfinite(coarser.values[k]):
                changed = abs(self.values[k] - coarser.values[k])
            known = changed if math.isfinite(changed) else 0.0
            errors.append(max(self.sums[k], known) + min(self.splines[k], changed))
        return Enclosure(self.values[0], errors[0], self.values[1], errors[1], self.truncation)
