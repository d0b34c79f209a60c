"""Contour lines of Q and R as polylines."""

from __future__ import annotations

import numpy as np
from contourpy import contour_generator

SHARES = (0.1, 0.4, 0.7)
"""Of the maximum of a density."""
MOST_POINTS = 6000


def contour_lines(
    field: np.ndarray, across: tuple[float, float], up: tuple[float, float]
) -> list[list[float]]:
    """Lines x, y, x, y, … of a density of two axes, (up, across), whose outer edges these are.

    Fewer levels, and none at last, where it is so rough that its lines would fill the picture.
    """
    if min(field.shape) < 2:
        return []
    centres = [
        low + (np.arange(n) + 0.5) * (high - low) / n
        for (low, high), n in ((across, field.shape[1]), (up, field.shape[0]))
    ]
    generator = contour_generator(x=centres[0], y=centres[1], z=field)
    for shares in (SHARES, (0.5,)):
        lines = [np.array(a) for s in shares for a in generator.lines(s * field.max())]
        if sum(map(len, lines)) <= MOST_POINTS:
            return [np.round(line, 5).ravel().tolist() for line in lines]
    return []
