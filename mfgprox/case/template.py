"""Commented case files to begin from: P a Gaussian, Q of a chosen kind, on one to three axes."""

from __future__ import annotations

import re
from collections.abc import Sequence

KINDS = (
    "gaussian", "mixture", "uniform", "ring", "expression", "image", "array", "samples",
)  # fmt: skip
FILES = {"image": "picture.png", "array": "density.npy", "samples": "points.csv"}
"""Kinds that read a file, and a name for one."""
CELLS = {1: 256, 2: 128, 3: 48}
AXES = "xyz"
COLUMN = 27


class TemplateError(ValueError):
    """There is no such template; the message says which there are."""


def template(kind: str, axes: int = 2, file: str | None = None) -> str:
    """The text of a case whose Q is of this kind.

    file: the name in the case of what image, array and samples read. Raises TemplateError.
    """
    if kind not in KINDS:
        raise TemplateError(f"must be one of {', '.join(KINDS)}; got {kind!r}")
    if axes not in CELLS or (kind == "image" and axes != 2):
        allowed = "2" if kind == "image" else "1, 2 or 3"
        raise TemplateError(f"a case of kind {kind} has {allowed} axes; got {axes}")
    name = file or FILES.get(kind, "")
    head = _HEAD.format(
        title=f"Gaussian to {kind}, {axes}-D",
        lower=_listed([-3.0] * axes),
        upper=_listed([3.0] * axes),
        cells=_listed([CELLS[axes]] * axes),
        axes=", ".join(AXES[:axes]),
        mean=_listed([-0.5] * axes),
        std=_listed([0.4] * axes),
    )
    return _aligned(head + _Q[kind](axes, name.replace("\\", "/")) + _TAIL)


def _aligned(text: str) -> str:
    """Comments behind values begin in one column, as far as the values let them."""
    parts = [re.fullmatch(r"([^#]*\S)\s+(#.*)", line) for line in text.split("\n")]
    lines = zip(text.split("\n"), parts, strict=True)
    return "\n".join(f"{m[1]:<{COLUMN - 1}} {m[2]}" if m else line for line, m in lines)


def _listed(values: Sequence[object]) -> str:
    return "[" + ", ".join(map(str, values)) + "]"


_HEAD = """\
# How this case is run:  mfgprox run THIS_FILE     what it needs:  mfgprox run THIS_FILE --dry-run
title = "{title}"

# Weight of what is left of the difference between R and Q. Small: R stays near P, and a fine grid
# is needed; large: R goes to Q. Of the order of the squared distance between P and Q, both matter.
epsilon = 2.0
p = 2.0                    # cost |x - y|^p of the transport, any p > 1; 2 has the fastest solvers

# "kl" (default), "reverse-kl", "pearson", "neyman", "hellinger", "jensen-shannon", or a table
# {{ kind = "alpha", alpha = 0.5 }}
# f_divergence = "kl"

[grid]                     # lists in the order {axes}
lower = {lower}
upper = {upper}            # the box; what it cuts off of P and Q is reported, 1 % is an error
cells = {cells}            # some five cells to the narrowest standard deviation are enough
time_steps = 32            # 33 time levels of rho and U are written

[P]                        # the density that is moved
kind = "gaussian"
mean = {mean}
std = {std}                # or cov = [[...], ...]

[Q]                        # the density that it is compared with
"""
_TAIL = """
# [solver]                 # what stands below are the defaults
# method = "auto"          # "newton", "semi-discrete", "back-and-forth", "primal-dual", …
# rtol = 1e-4              # of the discrete gap, relative to D
# max_iterations = 2000

# [output]
# momentum = true          # write the flux of mass too
# path = false             # only R, U at times 0 and 1, and the certificate: faster
"""


def _gaussian(axes: int, file: str) -> str:
    return f"""\
kind = "gaussian"
mean = {_listed([0.5] * axes)}
std = {_listed([0.6] * axes)}                # or cov = [[...], ...], symmetric, positive definite
"""


def _mixture(axes: int, file: str) -> str:
    left, right = (_listed([x, *[0.0] * (axes - 1)]) for x in (-1.2, 1.2))
    std = _listed([0.4] * axes)
    return f"""\
kind = "mixture"
weights = [0.5, 0.5]       # equal if left out
components = [             # any kinds, each with its own keys
    {{ kind = "gaussian", mean = {left}, std = {std} }},
    {{ kind = "gaussian", mean = {right}, std = {std} }},
]
"""


def _uniform(axes: int, file: str) -> str:
    return f"""\
kind = "uniform"           # constant on a box, zero elsewhere; so is R
lower = {_listed([-0.5] * axes)}
upper = {_listed([1.5] * axes)}
"""


def _ring(axes: int, file: str) -> str:
    return f"""\
kind = "ring"              # constant between two radii, zero elsewhere; so is R
center = {_listed([0.0] * axes)}
inner = 1.0
outer = 1.8
"""


def _expression(axes: int, file: str) -> str:
    square = " + ".join(f"{a}**2" for a in AXES[:axes])
    return f"""\
kind = "expression"        # normalised on the grid; powers are **, functions exp, sin, where, …
formula = "exp(-({square})) * (1.2 + sin(3*x))"
"""


def _image(axes: int, file: str) -> str:
    return f"""\
kind = "image"             # spread over the whole box, its first row at the largest y
file = "{file}"            # relative to this file
mass = "dark"              # or "light"
"""


def _array(axes: int, file: str) -> str:
    dataset = 'dataset = "rho"          # which array of the file\n'
    needs = file.endswith((".h5", ".hdf5"))
    return f"""\
kind = "array"             # densities per unit volume, shaped {_shape(axes)}: x last
file = "{file}"            # .npy, .npz or .h5, relative to this file
""" + (dataset if needs else "")


def _shape(axes: int) -> str:
    return "(" + ", ".join(AXES[:axes][::-1]) + (",)" if axes == 1 else ")")


def _samples(axes: int, file: str) -> str:
    return f"""\
kind = "samples"           # one row for each point, columns {", ".join(AXES[:axes])}
file = "{file}"            # .csv or .npy, relative to this file
bandwidth = 0.15           # width of the bump that each point becomes; 0 counts points in cells
"""


_Q = {
    "gaussian": _gaussian,
    "mixture": _mixture,
    "uniform": _uniform,
    "ring": _ring,
    "expression": _expression,
    "image": _image,
    "array": _array,
    "samples": _samples,
}
