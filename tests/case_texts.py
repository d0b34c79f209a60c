"""Texts of cases that are right, and what is said where they have been made wrong.

PLANE ends where the keys of Q begin.
"""

import pytest

from mfgprox.case import CaseError, parse_case

BASE = """\
title = "A case"
epsilon = 2
p = 2.0

[grid]
lower = [-6]
upper = [6.0]
cells = [64]
time_steps = 8

[P]
kind = "gaussian"
mean = [-0.8]
std = [0.35]

[Q]
kind = "mixture"
weights = [0.5, 0.5]
components = [
    { kind = "gaussian", mean = [-1.5], std = [0.4] },
    { kind = "gaussian", mean = [1.5], std = [0.4] },
]
"""
PLANE = """\
epsilon = 1.0
p = 2.0
[grid]
lower = [-3.0, -3.0]
upper = [3.0, 3.0]
cells = [16, 16]
[P]
kind = "gaussian"
mean = [0.0, 0.0]
std = [0.5, 0.5]
[Q]
"""


def message(text=BASE, *overrides):
    """What is said where the text, with these overrides, is read as the file my.toml."""
    with pytest.raises(CaseError) as caught:
        parse_case(text, name="my.toml", override=overrides)
    return str(caught.value)
